# An internal certificate authority and the gateway's certificate, and the metric of when a certificate ends.
#
# usage: ai-stack-tls ensure DIRECTORY DOMAIN
#        ai-stack-tls metrics CERTIFICATE METRICS-FILE
#
# `ensure` exits with 0 when nothing changed and prints "renewed" when there is a new certificate.

umask 077
command=$1

# A server certificate is renewed a month before its end, and when the domain is another one.
renew_within=$((30 * 24 * 3600))
server_days=397 # the longest that clients accept (CA/Browser Forum, ballot SC31)
authority_days=3650

authority() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1/ca.key.new"
  # A client that trusts this authority trusts it for this domain and this machine alone (RFC 5280, 4.2.1.10).
  # Names of a subject hold 64 characters (RFC 5280, appendix A.1), and a domain may be longer.
  openssl req -new -x509 -sha256 -days "$authority_days" -key "$1/ca.key.new" -out "$1/ca.crt.new" -config - <<EOF
[req]
distinguished_name = subject
x509_extensions = extensions
prompt = no
[subject]
O = ${2:0:64}
CN = AI stack internal CA
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:$2, permitted;DNS:localhost, permitted;IP:127.0.0.1/255.255.255.255, permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
EOF
  chmod 0644 "$1/ca.crt.new"
  mv "$1/ca.key.new" "$1/ca.key"
  mv "$1/ca.crt.new" "$1/ca.crt"
}

server() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1/server.key.new"
  openssl req -new -sha256 -key "$1/server.key.new" -subj "/CN=AI stack gateway" |
    openssl x509 -req -sha256 -days "$server_days" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial \
      -out "$1/server.crt.new" -extfile <(
        cat <<EOF
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$2, DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EOF
      ) 2>/dev/null
  cat "$1/ca.crt" >>"$1/server.crt.new"
  chmod 0644 "$1/server.crt.new"
  mv "$1/server.key.new" "$1/server.key"
  mv "$1/server.crt.new" "$1/server.crt"
}

vouches_for() { # CERTIFICATE DOMAIN
  openssl x509 -in "$1" -noout -ext nameConstraints | tr -d ' ' | grep --quiet --line-regexp --fixed-strings -- "DNS:$2"
}

valid_for() { # CERTIFICATE DOMAIN
  [ -s "$1" ] &&
    openssl x509 -in "$1" -noout -checkend "$renew_within" >/dev/null &&
    openssl x509 -in "$1" -noout -checkhost "$2" | grep --quiet 'does match'
}

case $command in
  ensure)
    directory=$2
    domain=$3
    if ! [ -s "$directory/ca.key" ] ||
      ! openssl x509 -in "$directory/ca.crt" -noout -checkend "$renew_within" >/dev/null ||
      ! vouches_for "$directory/ca.crt" "$domain"; then
      authority "$directory" "$domain"
      rm -f "$directory/server.crt"
    fi
    if ! valid_for "$directory/server.crt" "$domain" || ! [ -s "$directory/server.key" ]; then
      server "$directory" "$domain"
      echo renewed
    fi
    ;;
  metrics)
    certificate=$2
    file=$3
    expiry=$(date --date "$(openssl x509 -in "$certificate" -noout -enddate | cut -d= -f2)" +%s)
    temporary=$(mktemp "$(dirname "$file")/.new.XXXXXX")
    {
      echo '# HELP ai_stack_certificate_expiry_timestamp_seconds When the certificate of the gateway ends.'
      echo '# TYPE ai_stack_certificate_expiry_timestamp_seconds gauge'
      echo "ai_stack_certificate_expiry_timestamp_seconds $expiry"
    } >"$temporary"
    chmod 0644 "$temporary"
    mv "$temporary" "$file"
    ;;
  *)
    echo "usage: ai-stack-tls ensure DIRECTORY DOMAIN | metrics CERTIFICATE METRICS-FILE" >&2
    exit 2
    ;;
esac
