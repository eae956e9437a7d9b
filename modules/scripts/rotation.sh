# Has units restarted when their secret has changed: compares it with the digest of last time.
#
# usage: ai-stack-rotation NAME FILE SYSTEMCTL-ARGUMENT...

name=$1
file=$2
shift 2
record=$RUNTIME_DIRECTORY/$name

# Changes come in twos and threes, and systemd looks at nothing while this runs (systemd.path(5)).
[ ! -e "$record" ] || sleep 1
# For a moment it may be missing or empty, which ends with another change.
[ -s "$file" ] || exit 0
sha256sum <"$file" >"$record.new"
if cmp --quiet "$record.new" "$record"; then exit 0; fi
# After the restart would be too late for a change that comes during it.
mv "$record.new" "$record"
echo "<5>$name is new: $*"
# The units are ordered after this one, so waiting for them here would be for ever.
systemctl --no-block "$@"
