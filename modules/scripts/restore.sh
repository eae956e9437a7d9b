# Lists, verifies and restores backups.
#
# usage: ai-stack-restore CONFIGURATION list
#        ai-stack-restore CONFIGURATION verify NAME
#        ai-stack-restore CONFIGURATION restore [--force] NAME
#
# NAME: one of the list, `latest`, or a directory with a slash in its name. CONFIGURATION: see backup.sh; moreover
# postgresql.superuser, postgresql.databases[].owner, and units ({services, setup, stores}).
#
# What may fail comes first: databases are loaded beside the ones in use, while the services still run.

umask 077
configuration=$1
command=${2:-}
shift 2 || true

field() { jq --raw-output "$1" "$configuration"; }
encode() { jq --null-input --raw-output --arg name "$1" '$name | @uri'; }
fail() {
  echo "ai-stack-restore: $1" >&2
  exit 1
}

directory=$(field .directory)

locate() { # NAME
  case $1 in
    latest)
      local all=("$directory"/[0-9]*Z)
      [ -d "${all[-1]}" ] || fail "there is no backup in $directory"
      echo "${all[-1]}"
      ;;
    */*)
      [ -d "$1" ] || fail "there is no directory $1"
      realpath "$1"
      ;;
    *)
      [ -d "$directory/$1" ] || fail "there is no backup $1 in $directory; see ai-stack-restore list"
      echo "$directory/$1"
      ;;
  esac
}

list() {
  local found
  for found in "$directory"/[0-9]*Z; do
    [ -d "$found" ] || continue
    printf '%s\t%s\t%s\n' "${found##*/}" "$(du --summarize --human-readable "$found" | cut -f 1)" \
      "$(jq --raw-output '"\(.host), state version \(.stateVersion)"' "$found/manifest.json")"
  done
}

# Every file is there, as it was written, and there is no other.
verify() { # DIRECTORY
  cd "$1"
  [ -s SHA256SUMS ] || fail "$1 has no SHA256SUMS: it is no whole backup"
  sha256sum --check --strict --quiet SHA256SUMS >&2 || fail "$1 is damaged"
  diff <(find . -type f ! -name SHA256SUMS | sort) <(cut -c 67- SHA256SUMS | sort) >&2 ||
    fail "$1 holds files that its SHA256SUMS does not name"
  [ "$(jq .format manifest.json)" = 1 ] || fail "$1 is of a format that this release does not know"
}

as_superuser() { # PROGRAM ARGUMENTS...
  local program=$1
  shift
  runuser --user "$(field .postgresql.superuser)" -- "$program" --no-password \
    --host "$(field .postgresql.socket)" --port "$(field .postgresql.port)" "$@"
}

sql() { # ARGUMENTS..., with the statements on standard input
  as_superuser psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres "$@"
}

# Names of databases that are in the backup and have a service here.
databases() {
  jq --raw-output --slurpfile manifest manifest.json \
    '.postgresql.databases // [] | .[].name | select(IN($manifest[0].databases[]))' "$configuration"
}

load_databases() {
  local name owner
  while read -r name; do
    owner=$(jq --raw-output --arg name "$name" '.postgresql.databases[] | select(.name == $name) | .owner' "$configuration")
    sql --set name="${name}_restoring" --set owner="$owner" <<'SQL'
DROP DATABASE IF EXISTS :"name" WITH (FORCE);
CREATE DATABASE :"name" OWNER :"owner" TEMPLATE template0;
SQL
    as_superuser pg_restore --exit-on-error --single-transaction --dbname "${name}_restoring" \
      <"postgresql/$(encode "$name").dump"
  done < <(databases)
}

exchange_databases() {
  local name
  while read -r name; do
    sql --set name="$name" --set loaded="${name}_restoring" <<'SQL'
DROP DATABASE IF EXISTS :"name" WITH (FORCE);
ALTER DATABASE :"loaded" RENAME TO :"name";
SQL
  done < <(databases)
}

qdrant() { # CURL ARGUMENTS..., the last one a path; the key goes through a descriptor, for arguments are public
  curl --silent --show-error --fail-with-body --output /dev/null \
    --config <(printf 'header = "api-key: %s"\n' "$(<"$(field .qdrant.keyFile)")") \
    "${@:1:$#-1}" "$(field .qdrant.url)${*: -1}"
}

restore_collections() {
  local name encoded sum
  while read -r name; do
    encoded=$(encode "$name")
    sum=$(sha256sum <"qdrant/$encoded.snapshot" | cut -c 1-64)
    qdrant --form "snapshot=@qdrant/$encoded.snapshot" \
      "/collections/$encoded/snapshots/upload?wait=true&priority=snapshot&checksum=$sum"
  done < <(jq --raw-output '.[]' qdrant/collections.json)
  jq '{actions: [.[] | {create_alias: {alias_name, collection_name}}]}' qdrant/aliases.json |
    qdrant --request POST --header 'Content-Type: application/json' --data-binary @- /collections/aliases
}

# Of each path that is in the backup and asked for here: exactly what was there, nothing newer beside it.
restore_files() {
  local name paths
  while read -r name; do
    mapfile -t paths < <(jq --raw-output --arg name "$name" --slurpfile manifest manifest.json '
      [$manifest[0].files[] | select(.name == $name) | .paths[]] as $kept
      | .files[] | select(.name == $name) | .paths[] | select(IN($kept[])) | ltrimstr("/")' "$configuration")
    if [ "${#paths[@]}" -gt 0 ]; then
      (cd / && rm -rf -- "${paths[@]}")
      tar --extract --gzip --file "files/$name.tar.gz" --directory / --same-owner --preserve-permissions -- "${paths[@]}"
    fi
  done < <(field '.files[].name')
}

# What the backup holds and nobody here asks for.
name_what_stays_out() {
  jq --raw-output --slurpfile manifest manifest.json '
    . as $here | $manifest[0]
    | (.databases - [$here.postgresql.databases // [] | .[].name] | map("database " + .))
      + ([.files[].paths[]] - [$here.files[].paths[]])
    | .[] | "not restored, since no service here has it: " + .' "$configuration" >&2
  if [ -d qdrant ] && [ "$(field .qdrant)" = null ]; then
    echo "not restored, since no service here has it: the collections of Qdrant" >&2
  fi
}

restore() { # DIRECTORY FORCE
  local newer services setup stores running unit
  verify "$1"
  newer=$(printf '%s\n%s\n' "$(field .stateVersion)" "$(jq --raw-output .stateVersion manifest.json)" | sort --version-sort | tail -n 1)
  [ "$newer" = "$(field .stateVersion)" ] ||
    fail "the backup is of state version $newer, and services.ai-stack.stateVersion is $(field .stateVersion): restore it with that release"
  mapfile -t services < <(field '.units.services[]')
  mapfile -t setup < <(field '.units.setup[]')
  mapfile -t stores < <(field '.units.stores[]')
  running=()
  for unit in "${services[@]}"; do
    if systemctl is-active --quiet "$unit"; then running+=("$unit"); fi
  done
  if [ "$2" = no ] && [ "${#running[@]}" -gt 0 ]; then
    fail "the stack runs (${running[*]}), and a restore replaces its data: say --force to stop it meanwhile"
  fi
  name_what_stays_out
  if [ -d postgresql ] && [ "$(field .postgresql)" != null ]; then load_databases; fi

  if [ "${#services[@]}" -gt 0 ]; then systemctl stop "${services[@]}"; fi
  trap 'echo "the restore was interrupted, and the services are stopped: repeat it" >&2' EXIT
  if [ -d postgresql ] && [ "$(field .postgresql)" != null ]; then exchange_databases; fi
  if [ -d qdrant ] && [ "$(field .qdrant)" != null ]; then restore_collections; fi
  restore_files
  systemctl restart "${setup[@]}"
  # With the secrets of the backup; a cache forgets what it knew of the newer data.
  if [ "${#stores[@]}" -gt 0 ]; then systemctl try-restart "${stores[@]}"; fi
  trap - EXIT
  if [ "${#services[@]}" -gt 0 ]; then systemctl start "${services[@]}"; fi
  echo "restored $1"
}

usage() {
  echo "usage: ai-stack-restore list | verify NAME | restore [--force] NAME" >&2
  exit 2
}

case $command in
  list)
    list
    ;;
  verify)
    [ "$#" -eq 1 ] || usage
    found=$(locate "$1")
    verify "$found"
    echo "$found is whole"
    ;;
  restore)
    force=no
    if [ "${1:-}" = --force ]; then
      force=yes
      shift
    fi
    [ "$#" -eq 1 ] || usage
    found=$(locate "$1")
    exec {lock}<"$directory"
    flock --nonblock "$lock" || fail "a backup or another restore is under way"
    restore "$found" "$force"
    ;;
  *)
    usage
    ;;
esac
