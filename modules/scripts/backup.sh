# Writes one backup: databases, collections and files, each checksummed, under the time of its start.
#
# usage: ai-stack-backup CONFIGURATION
#
# CONFIGURATION (JSON): directory (of the backups), metrics (file for node_exporter's textfile collector), keep ({count,
# days or null}), stateVersion, postgresql ({socket, port, databases: [{name}]} or null), qdrant ({url, keyFile} or null),
# files ([{name, paths}]). There is a whole backup at the end, or none: it is made under a hidden name and renamed.

umask 077
configuration=$1

field() { jq --raw-output "$1" "$configuration"; }
# Any name as the name of a file.
encode() { jq --null-input --raw-output --arg name "$1" '$name | @uri'; }

directory=$(field .directory)
metrics=$(field .metrics)
name=$(date --utc +%Y-%m-%dT%H-%M-%SZ)
new=$directory/.new-$name
started=$(date +%s)
complete=no
part=ai_stack
snapshot=
declare -A duration size

exec {lock}<"$directory"
if ! flock --nonblock "$lock"; then
  echo "another backup or a restore is under way" >&2
  exit 75
fi

gauge() { # NAME HELP VALUE
  printf '# HELP %s %s\n# TYPE %s gauge\n%s %s\n' "$1" "$2" "$1" "$1" "$3"
}

previous() { # NAME OF A METRIC
  if [ -e "$metrics" ]; then awk -v name="$1" '$1 == name { print $2 }' "$metrics"; fi
}

# Success of all is success of each: a dump that was not kept does not count.
write_metrics() {
  local kind temporary last status
  local kinds=(ai_stack)
  [ "$(field .postgresql)" = null ] || kinds+=(postgres)
  [ "$(field .qdrant)" = null ] || kinds+=(qdrant)
  temporary=$(mktemp "$(dirname "$metrics")/.new.XXXXXX")
  for kind in "${kinds[@]}"; do
    kind=${kind}_backup
    if [ "$complete" = yes ]; then
      last=$(date +%s)
      status=1
    else
      last=$(previous "${kind}_last_success_timestamp")
      status=$(previous "${kind}_status")
      if [ "$kind" = ai_stack_backup ] || [ "$kind" = "${part}_backup" ]; then status=0; fi
    fi
    if [ -n "$last" ]; then
      gauge "${kind}_last_success_timestamp" "When the last whole backup was finished, in seconds since 1970." "$last"
    fi
    if [ -n "$status" ]; then
      gauge "${kind}_status" "1: the last run succeeded; 0: it failed here." "$status"
    fi
    if [ "$complete" = yes ]; then
      gauge "${kind}_duration_seconds" "How long the last backup took." "${duration[$kind]}"
      gauge "${kind}_size_bytes" "How large the last backup is." "${size[$kind]}"
    fi
  done >"$temporary"
  chmod 0644 "$temporary"
  mv "$temporary" "$metrics"
}

finish() {
  local status=$?
  set +o errexit
  if [ -n "$snapshot" ]; then qdrant --request DELETE "$snapshot" >/dev/null; fi
  rm -rf "$new"
  if [ "$complete" != yes ]; then echo "no backup was written: ${part} failed" >&2; fi
  write_metrics
  exit "$status"
}
trap finish EXIT

measure() { # KIND STARTED DIRECTORY
  duration[$1]=$(($(date +%s) - $2))
  size[$1]=$(du --summarize --bytes "$3" | cut -f 1)
}

postgres_part() {
  local begin database
  part=postgres
  begin=$(date +%s)
  mkdir "$new/postgresql"
  PGHOST=$(field .postgresql.socket)
  PGPORT=$(field .postgresql.port)
  export PGHOST PGPORT
  while read -r database; do
    PGDATABASE=$database pg_dump --format custom --no-password --file "$new/postgresql/$(encode "$database").dump"
  done < <(field '.postgresql.databases[].name')
  measure postgres_backup "$begin" "$new/postgresql"
}

# The key goes through a descriptor, for arguments are public.
qdrant() { # CURL ARGUMENTS..., the last one a path
  curl --silent --show-error --fail-with-body --config <(printf 'header = "api-key: %s"\n' "$(<"$key_file")") \
    "${@:1:$#-1}" "$url${*: -1}"
}

qdrant_part() { # https://qdrant.tech/documentation/concepts/snapshots/
  local begin collection encoded made wanted found
  part=qdrant
  begin=$(date +%s)
  mkdir "$new/qdrant"
  url=$(field .qdrant.url)
  key_file=$(field .qdrant.keyFile)
  # A snapshot of a collection does not hold the aliases that name it.
  qdrant /aliases | jq '.result.aliases' >"$new/qdrant/aliases.json"
  qdrant /collections | jq '[.result.collections[].name]' >"$new/qdrant/collections.json"
  while read -r collection; do
    encoded=$(encode "$collection")
    made=$(qdrant --request POST "/collections/$encoded/snapshots?wait=true" | jq --compact-output .result)
    snapshot=/collections/$encoded/snapshots/$(encode "$(jq --raw-output .name <<<"$made")")
    qdrant --output "$new/qdrant/$encoded.snapshot" "$snapshot"
    wanted=$(jq --raw-output '.checksum // empty' <<<"$made")
    found=$(sha256sum <"$new/qdrant/$encoded.snapshot" | cut -c 1-64)
    if [ -n "$wanted" ] && [ "$wanted" != "$found" ]; then
      echo "the snapshot of the collection $collection arrived damaged" >&2
      exit 1
    fi
    qdrant --request DELETE "$snapshot?wait=true" >/dev/null
    snapshot=
  done < <(jq --raw-output '.[]' "$new/qdrant/collections.json")
  measure qdrant_backup "$begin" "$new/qdrant"
}

files_part() {
  local entry paths status
  part=files
  mkdir "$new/files"
  while read -r entry; do
    mapfile -t paths < <(
      jq --raw-output --arg name "$entry" '.files[] | select(.name == $name) | .paths[] | ltrimstr("/")' "$configuration"
    )
    status=0
    tar --create --gzip --file "$new/files/$entry.tar.gz" --directory / --warning no-file-changed -- "${paths[@]}" || status=$?
    # 1: a file changed while it was read, as a log does; what must not is for `prepare`
    if [ "$status" -gt 1 ]; then exit "$status"; fi
  done < <(field '.files[].name')
}

# Everything that the backup is made of reaches the disk before its name does.
publish() {
  local sums
  part=ai_stack
  jq --arg created "$name" --arg host "$(uname --nodename)" '{
    format: 1, created: $created, host: $host, stateVersion,
    databases: [.postgresql.databases // [] | .[].name], files
  }' "$configuration" >"$new/manifest.json"
  sums=$(cd "$new" && find . -type f -print0 | sort --zero-terminated | xargs --null sha256sum)
  printf '%s\n' "$sums" >"$new/SHA256SUMS"
  find "$new" -exec sync {} +
  measure ai_stack_backup "$started" "$new"
  mv --no-target-directory "$new" "$directory/$name"
  sync "$directory"
}

prune() {
  local count days cutoff old
  local all=("$directory"/[0-9]*Z)
  count=$(field .keep.count)
  days=$(field '.keep.days // empty')
  cutoff=$(date --utc --date "${days:-0} days ago" +%Y-%m-%dT%H-%M-%SZ)
  if [ "${#all[@]}" -le "$count" ]; then return; fi
  for old in "${all[@]:0:${#all[@]}-count}"; do
    old=${old##*/}
    if [ -z "$days" ] || [[ $old < $cutoff ]]; then
      # Renamed first, so that a removal that is interrupted leaves nothing that looks like a backup.
      mv "$directory/$old" "$directory/.old-$old"
      rm -rf "$directory/.old-$old"
    fi
  done
}

# What interrupted runs have left.
rm -rf "$directory"/.new-* "$directory"/.old-*
mkdir "$new"
if [ "$(field .postgresql)" != null ]; then postgres_part; fi
if [ "$(field .qdrant)" != null ]; then qdrant_part; fi
files_part
publish
complete=yes
prune
echo "$directory/$name"
