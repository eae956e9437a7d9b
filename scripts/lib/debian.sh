# Where Debian comes from. Sourced by .ci/run and tests/host.
# shellcheck shell=sh

# The mirror is the machine's own: the first one its sources name for Debian itself.
debian_mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -nE 's/^(deb( \[[^]]*\])?|URIs:) +(https?:[^ ]*\/debian)\/?( .*|$)/\3/p' | head -n 1
}
