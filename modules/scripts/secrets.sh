# Makes the secrets that are missing, and the file of API keys that the services read.
#
# usage: ai-stack-secrets MANIFEST ensure
#        ai-stack-secrets MANIFEST list
#        ai-stack-secrets MANIFEST rotate NAME
#
# MANIFEST (JSON): state (directory with secrets/ and keys/ in it), random (names), keys ({name, record, scopes, path,
# made}: whether it is made here), given (path of a key file kept elsewhere, or null), units (what to restart, by name of the secret). The directory keys/ is
# setgid: files in it belong to the group that may read them, whoever writes them.
#
# Nothing secret is ever an argument of a program: printf is the shell's own, the rest goes through pipes.

umask 077
manifest=$1
command=$2

field() { jq --raw-output "$1" "$manifest"; }

state=$(field .state)
secrets=$state/secrets
keys=$state/keys
records=$keys/api-keys.json
made_keys='.keys[] | select(.made).name'

# Standard input becomes the secret, all of it or nothing.
store() {
  local temporary
  temporary=$(mktemp "$secrets/.new.XXXXXX")
  cat >"$temporary"
  chmod 0400 "$temporary"
  mv "$temporary" "$secrets/$1"
}

random_key() {
  printf 'ais_%s\n' "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')"
}

record() { # NAME-OF-RECORD FILE SCOPES-AS-JSON
  local digest
  [ -s "$2" ] || {
    echo "$2 is missing or empty" >&2
    return 1
  }
  digest=$(tr -d '\n' <"$2" | sha256sum | cut -c 1-64)
  jq --null-input --compact-output --arg name "$1" --arg digest "$digest" --argjson scopes "$3" \
    '{name: $name, digest: $digest, scopes: $scopes}'
}

# Exactly one JSON list, or an error: an empty file must not wipe the keys.
list_in() {
  jq --slurp --compact-output \
    'if length == 1 and (.[0] | type) == "array" then .[0] else error("not a JSON list") end' "$1"
}

write_records() { # under the lock that `ai-stack keys` takes as well
  local lock
  exec {lock}<"$keys"
  flock "$lock"
  write_records_locked
  exec {lock}<&-
}

write_records_locked() { # keys given elsewhere or made here, then those of the services
  local base temporary given name path scopes
  given=$(field '.given // empty')
  if [ -n "$given" ]; then
    base=$(list_in "$given")
  elif [ -e "$records" ]; then
    base=$(list_in "$records")
  else
    # Only once: a revoked operator key does not come back.
    random_key | store api-key
    base="[$(record operator "$secrets/api-key" '["admin"]')]"
  fi
  temporary=$(mktemp "$keys/.new.XXXXXX")
  {
    jq --compact-output '.[] | select(.name | startswith("service.") | not)' <<<"$base"
    while IFS=$'\t' read -r name path scopes; do
      record "$name" "$path" "$scopes"
    done < <(field '.keys[] | [.record, .path, (.scopes | tojson)] | @tsv')
  } | jq --slurp . >"$temporary"
  chmod 0640 "$temporary"
  mv "$temporary" "$records"
}

ensure() {
  local name
  while read -r name; do
    [ -s "$secrets/$name" ] || openssl rand -hex 32 | store "$name"
  done < <(field '.random[]')
  while read -r name; do
    [ -s "$secrets/$name" ] || random_key | store "$name"
  done < <(field "$made_keys")
  write_records
}

case $command in
  ensure)
    ensure
    ;;
  list)
    field ".random[], ($made_keys)"
    ;;
  rotate)
    name=${3:?the name of a secret is missing; see ai-stack-secrets list}
    if ! field ".random[], ($made_keys)" | grep --quiet --line-regexp --fixed-strings -- "$name"; then
      echo "$name is not generated here; see ai-stack-secrets list" >&2
      exit 1
    fi
    rm -f "$secrets/$name"
    ensure
    mapfile -t units < <(jq --raw-output --arg name "$name" '.units[$name] // [] | .[]' "$manifest")
    if [ "${#units[@]}" -gt 0 ]; then
      systemctl try-restart "${units[@]}"
    fi
    ;;
  *)
    echo "usage: ai-stack-secrets ensure | list | rotate NAME" >&2
    exit 2
    ;;
esac
