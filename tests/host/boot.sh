#!/usr/bin/env bash
# Boots systemd as the first process of namespaces of its own, on a root. Ends when that systemd does.
#
# usage: boot.sh ROOT NAME GROUP
#
# GROUP: of the control groups that the machine gets, which is nobody else's.
# Memory, process and device limits need the controllers where the kernel has them bound; where that is the first
# version of control groups, systemd is told to use both (systemd(1), "systemd.unified_cgroup_hierarchy=").
set -euo pipefail
root=$1
name=$2
group=$3

# Groups of its own, below the ones of the caller, so that nothing of the caller's is touched.
group_of() { awk -F: -v controller="$1" '$2 == controller { print $3 }' /proc/self/cgroup; }
unified=/sys/fs/cgroup
[ ! -d /sys/fs/cgroup/unified ] || unified=/sys/fs/cgroup/unified
mkdir -p "$unified/$group"
echo $$ >"$unified/$group/cgroup.procs"
controllers=()
for controller in memory pids devices cpu; do
  if mountpoint -q "/sys/fs/cgroup/$controller"; then
    directory=/sys/fs/cgroup/$controller$(group_of "$controller")/$group
    mkdir -p "$directory"
    echo $$ >"$directory/cgroup.procs"
    controllers+=("$controller")
  fi
done

# shellcheck disable=SC2016 # expanded inside
exec unshare --mount --uts --ipc --net --cgroup --pid --fork --kill-child --propagation private bash -c '
  set -euo pipefail
  root=$1; name=$2; shift 2
  mount --bind "$root" "$root"
  cd "$root"
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  if mountpoint -q sys/fs/cgroup; then umount --recursive sys/fs/cgroup; fi
  if [ "$#" -gt 0 ]; then
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/unified sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    for controller in "$@"; do
      mkdir "sys/fs/cgroup/$controller"
      mount -t cgroup -o "$controller" cgroup "sys/fs/cgroup/$controller"
    done
    options="systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
  else
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    options=
  fi
  # The kernel is shared with the machine outside: nothing of it may be set, but for the network, which is not shared.
  mount -o remount,bind,ro sys
  mount --bind proc/sys proc/sys
  mount -o remount,bind,ro proc/sys
  mount -t proc proc mnt
  mount --bind mnt/sys/net proc/sys/net
  umount mnt
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=1777 tmpfs tmp
  mount -t tmpfs -o mode=755 tmpfs dev
  for device in null zero full random urandom tty; do cp -a "/dev/$device" dev/; done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  mkdir -p run/current-system
  ln -s /nix/system run/current-system/sw
  hostname "$name"
  mkdir -p .outside
  pivot_root . .outside
  # Shared, or the directories of credentials never appear.
  exec chroot . /bin/sh -c "umount --lazy /.outside; mount --make-rshared /
    exec env -i container=other PATH=/usr/sbin:/usr/bin /sbin/init $options systemd.log_target=journal"
' boot "$root" "$name" ${controllers[@]+"${controllers[@]}"}
