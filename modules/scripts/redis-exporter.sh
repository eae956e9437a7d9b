# Writes the password of Redis in the form that redis_exporter reads: a JSON object of passwords by address
# (redis_exporter, exporter/pwd_file.go).
#
# usage: ai-stack-redis-exporter-passwords ADDRESS PASSWORD-FILE FILE

umask 077
jq --raw-input --slurp --arg address "$1" '{($address): rtrimstr("\n")}' <"$2" >"$3"
