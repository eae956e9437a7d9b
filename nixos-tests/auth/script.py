start_all()
wait_for_services(server, "embeddings", "aidb")
introduce(client, server)
SERVED = ["ai-stack-aidb.service", "ai-stack-embeddings.service"]
before = restarts(server, SERVED)


def add(name: str, scope: str) -> None:
    """Make a key on the server and give it to the client."""
    give_key(client, name, server.succeed(f"ai-stack keys add {name} --scope {scope}").split()[-1])
    until(f"the key {name}", lambda: status_of(client, "GET", "/aidb/stats", key=name)[0] != 401)


DOCUMENT = {"path": "key.md", "content": "# Key\n\nThe key of the harbour office.\n"}

with subtest("without a key nothing is told, not even what routes there are"):
    for path in ("/aidb/documents", "/aidb/nowhere", "/embeddings/info"):
        assert status_of(client, "GET", path, key=None)[0] == 401, path

with subtest("a wrong key is no key"):
    give_key(client, "wrong", "ais_" + "x" * 43)
    assert status_of(client, "GET", "/aidb/stats", key="wrong")[0] == 401

with subtest("a new key is in force while the services run, within its scope"):
    add("reader", "read")
    assert status_of(client, "GET", "/aidb/documents", key="reader")[0] == 200
    assert status_of(client, "POST", "/aidb/documents", DOCUMENT, "reader")[0] == 403
    add("writer", "write")
    number = store(client, DOCUMENT["path"], DOCUMENT["content"], "writer")

with subtest("a revoked key is out of force while the services run"):
    server.succeed("ai-stack keys revoke reader")
    until("the revocation", lambda: status_of(client, "GET", "/aidb/documents", key="reader")[0] == 401)
    assert status_of(client, "GET", f"/aidb/documents/{number}", key="writer")[0] in (200, 403)

with subtest("a key file that breaks leaves the last good keys in force"):
    keys = "/var/lib/ai-stack/keys/api-keys.json"
    server.succeed(f"cp --preserve {keys} /root/keys", f"echo '[{{' >{keys}")
    server.succeed("sleep 3")
    assert status_of(client, "GET", "/aidb/stats")[0] == 200
    server.succeed(f"cp --preserve /root/keys {keys}")

with subtest("none of this has restarted anything"):
    assert restarts(server, SERVED) == before

with subtest("a new key of one service for the others restarts that service alone, and it is believed"):
    server.succeed("ai-stack-secrets rotate upstream-aidb")
    server.wait_for_unit("ai-stack-aidb.service")
    after = restarts(server, SERVED)
    assert after["ai-stack-embeddings.service"] == before["ai-stack-embeddings.service"]
    assert after["ai-stack-aidb.service"] != before["ai-stack-aidb.service"]
    until("aidb", lambda: status_of(client, "GET", "/aidb/stats")[0] == 200)
    store(client, "vector.md", "# Vector\n\nThis needs a vector, and so a call with the new key.\n")
    wait_for_vectors(client)

with subtest("the operator's key can be revoked, and does not come back"):
    server.succeed("ai-stack keys revoke operator", "systemctl restart ai-stack-secrets")
    until("the revocation", lambda: status_of(client, "GET", "/aidb/stats")[0] == 401)
