#!/usr/bin/env bash
# Makes the Debian root that every machine stands on: the programs, and the Python packages that the services need.
#
# usage: build-base.sh DIRECTORY REPOSITORY [PATH...]
#
# PATH: files and directories of this machine that pip needs, such as the certificates of an index.
set -euo pipefail
root=$1
repository=$2
shift 2
# shellcheck source=scripts/lib/debian.sh
. "$repository/scripts/lib/debian.sh"
mirror=$(debian_mirror)
if [ -z "$mirror" ]; then
  echo 'no Debian mirror in the apt sources' >&2
  exit 1
fi

mmdebstrap --quiet --variant=minbase --mode=root --aptopt='Acquire::Languages "none"' \
  --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --include="$(paste -sd, "$repository/tests/host/packages.txt")" trixie "$root" "$mirror"

# Only what a story asks for starts.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/redis.service \
  "$root"/etc/postgresql "$root"/var/lib/postgresql/* "$root"/usr/lib/systemd/system-generators/postgresql-generator
# nginx of nixpkgs keeps what it buffers below /tmp, and its unit lets it write nowhere else.
rm -rf "$root/var/lib/nginx"
ln -s /tmp "$root/var/lib/nginx"

# The kernel is not theirs.
for unit in systemd-modules-load systemd-sysctl systemd-udevd; do ln -s /dev/null "$root/etc/systemd/system/$unit.service"; done

# What store paths of packages stand for: one directory with every program, under its name in nixpkgs.
farm=$root/nix/debian
mkdir -p "$farm/bin" "$farm/lib" "$farm/etc" "$root/nix/store"
for directory in usr/sbin usr/bin usr/lib/postgresql/17/bin; do
  for program in "$root/$directory"/*; do ln -sf "/$directory/${program##*/}" "$farm/bin/"; done
done
ln -s bin "$farm/sbin"
ln -s /usr/share "$farm/share"
ln -s /usr/lib/systemd "$farm/lib/systemd"
ln -s /etc/nginx "$farm/etc/nginx"
ln -s /etc/nginx "$farm/conf"
ln -s prometheus-alertmanager "$farm/bin/alertmanager"
ln -s prometheus-nginx-exporter "$farm/bin/nginx-prometheus-exporter"
ln -s prometheus-node-exporter "$farm/bin/node_exporter"
ln -s prometheus-postgres-exporter "$farm/bin/postgres_exporter"
ln -s prometheus-redis-exporter "$farm/bin/redis_exporter"

enter() { # with what pip needs of this machine, which goes away with the mount namespace
  # shellcheck disable=SC2016 # expanded inside
  unshare --mount --propagation private bash -c '
    set -euo pipefail
    root=$1; repository=$2; count=$3; shift 3
    for path in "${@:1:count}" /etc/resolv.conf; do
      if [ -d "$path" ]; then mkdir -p "$root$path"; else mkdir -p "$(dirname "$root$path")"; touch "$root$path"; fi
      mount --bind --options ro "$path" "$root$path"
    done
    mkdir -p "$root/mnt"
    mount --bind --options ro "$repository" "$root/mnt"
    mount -t proc proc "$root/proc"
    shift "$count"
    exec chroot "$root" "$@"
  ' enter "$root" "$repository" "${#paths[@]}" ${paths[@]+"${paths[@]}"} "$@"
}
paths=("$@")
pip() { enter /opt/ai-stack/bin/python -m pip install -qq --no-input --no-cache-dir --root-user-action ignore "$@"; }

enter python3 -m venv /opt/ai-stack
pip --require-hashes -r /mnt/python/build.lock
pip --require-hashes --no-build-isolation -r /mnt/python/requirements.lock
pip --no-deps --require-hashes -r /mnt/python/model.lock
