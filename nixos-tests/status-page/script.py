start_all()
wait_for_services(server, "embeddings", "aidb", "status-page")
introduce(client, server)
PAGE = "/status/status.json"


def state_of(service: str) -> tuple[bool, bool]:
    """Return whether a service serves and whether all is well, as the page says."""
    told = ask(client, "GET", PAGE)
    (found,) = [one for one in told["services"] if one["name"] == service]
    return found["serves"], told["healthy"]


with subtest("the gateway's root leads to the page, which loads nothing from anywhere"):
    curl = f"curl --silent --show-error --fail --cacert {AUTHORITY}"
    where = client.succeed(f"{curl} --output /dev/null --write-out '%{{redirect_url}}' {GATEWAY}/")
    assert where == f"{GATEWAY}/status/", where
    head, _, page = client.succeed(f"{curl} --include {GATEWAY}/status/").replace("\r", "").partition("\n\n")
    assert "content-security-policy: default-src 'none'" in head.lower(), head
    assert "<title>" in page

with subtest("what it shows takes an administrator's key"):
    assert status_of(client, "GET", PAGE, key=None)[0] == 401
    give_key(client, "reader", server.succeed("ai-stack keys add reader --scope read").split()[-1])
    until("the refusal", lambda: status_of(client, "GET", PAGE, key="reader")[0] == 403)

with subtest("it knows the services and the certificate"):
    until("all services", lambda: all(one["serves"] for one in ask(client, "GET", PAGE)["services"]))
    report = ask(client, "GET", PAGE)
    assert {"embeddings", "aidb"} <= {one["name"] for one in report["services"]}, report
    assert report["certificate"] is not None, report

with subtest("a service that is stopped is seen, and the others still are"):
    server.succeed("systemctl stop ai-stack-aidb.service")
    until("aidb is missed", lambda: state_of("aidb") == (False, False))
    assert state_of("embeddings")[0]

with subtest("and its return too"):
    server.succeed("systemctl start ai-stack-aidb.service")
    until("aidb is back", lambda: state_of("aidb")[0])
