start_all()
wait_for_services(server, "greeter")
introduce(client, server)

FINGERPRINT = "openssl x509 -noout -fingerprint -sha256 -in"


def presented(port: int, name: str) -> str:
    """Return the fingerprint of the certificate that the gateway of a machine shows; nothing while it starts."""
    shown = f"openssl s_client -connect {name}:{port} -servername {name} </dev/null 2>/dev/null"
    return client.execute(f"{shown} | {FINGERPRINT} /dev/stdin 2>/dev/null")[1].strip()


with subtest("HTTP is sent on to the port of HTTPS, with the whole address"):
    told = client.succeed(
        "curl --silent --output /dev/null --write-out '%{http_code} %{redirect_url}' 'http://server:8088/greeter/x?y=1'"
    )
    assert told == "301 https://server:8443/greeter/x?y=1", told

with subtest("who does not trust the authority is not let in by accident"):
    assert client.execute("curl --silent https://server:8443/greeter/")[0] == 60

with subtest("a browser is told to stay with HTTPS"):
    headers = client.succeed(f"curl --silent --cacert {AUTHORITY} --head {GATEWAY}/greeter/").lower()
    assert "strict-transport-security: max-age=" in headers, headers

with subtest("old protocols are refused by the server, new ones accepted"):
    for version in ("tls1", "tls1_1"):
        _, said = client.execute(
            f"openssl s_client -connect server:8443 -{version} -cipher DEFAULT@SECLEVEL=0 </dev/null 2>&1"
        )
        assert "alert protocol version" in said, said
    for version in ("1.2", "1.3"):
        client.succeed(
            f"curl --silent --fail --cacert {AUTHORITY} --tlsv{version} --tls-max {version} {GATEWAY}/greeter/"
        )

with subtest("the authority can vouch for this name alone"):
    text = server.succeed("openssl x509 -noout -ext nameConstraints -in /var/lib/ai-stack/tls/ca.crt")
    assert "DNS:server" in text, text

with subtest("the daily run leaves a good certificate alone"):
    before = presented(8443, "server")
    server.succeed("systemctl start ai-stack-tls")
    assert presented(8443, "server") == before

with subtest("a lost certificate is made again, of the same authority, and shown without being asked to"):
    server.succeed("rm /var/lib/ai-stack/tls/server.crt", "systemctl start ai-stack-tls")
    until("another certificate", lambda: presented(8443, "server") not in ("", before))
    until("an answer", lambda: status_of(client, "GET", "/greeter/")[0] == 200)

with subtest("keys are for root, the authority for everybody"):
    for key in ("ca.key", "server.key"):
        assert server.succeed(f"stat --format '%U %a' /var/lib/ai-stack/tls/{key}").strip() == "root 600"
    server.succeed("runuser -u nobody -- cat /var/lib/ai-stack/tls/ca.crt")
    server.fail("runuser -u nobody -- cat /var/lib/ai-stack/tls/ca.key")

with subtest("its end is measured"):
    until(
        "the measurement",
        lambda: (
            files.execute("true")[0] == 0
            and "ai_stack_certificate_expiry" in server.execute("cat /var/lib/ai-stack/metrics/certificate.prom")[1]
        ),
    )


def make(generation: int) -> str:
    """Return the command that makes a key and a certificate in a directory of its own."""
    place = f"/root/generations/{generation}"
    return (
        f"umask 077 && mkdir -p {place} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        f" -days 30 -subj /CN=files -addext subjectAltName=DNS:files -keyout {place}/new.key -out {place}/new.crt"
        f" 2>/dev/null && mv {place}/new.key {place}/files.key && mv {place}/new.crt {place}/files.crt"
    )


with subtest("without its files the gateway waits, and everything else runs"):
    files.wait_for_unit("ai-stack-greeter.service")
    assert files.execute("systemctl is-active --quiet nginx")[0] != 0

with subtest("when they come it serves, although root alone can read the key"):
    files.succeed(make(1), "ln -s generations/1 /root/tls")
    until("nginx", lambda: files.execute("systemctl is-active --quiet nginx")[0] == 0)
    put(client, "/root/files.crt", files.succeed("cat /root/tls/files.crt"))
    client.succeed("curl --silent --fail --cacert /root/files.crt https://files/greeter/")
    assert files.succeed("stat --dereference --format '%U %a' /root/tls/files.key").strip() == "root 600"

with subtest("the redirect names no port when it is the usual one"):
    told = client.succeed("curl --silent --output /dev/null --write-out '%{redirect_url}' http://files/greeter/")
    assert told == "https://files/greeter/", told

with subtest("new files are in force without a command"):
    before = presented(443, "files")
    files.succeed(make(1))
    until("the new certificate", lambda: presented(443, "files") not in ("", before))

with subtest("so are those of another directory behind the same link"):
    before = presented(443, "files")
    files.succeed(make(2), "ln -s generations/2 /root/next && mv --no-target-directory /root/next /root/tls")
    until("the new certificate", lambda: presented(443, "files") not in ("", before))
