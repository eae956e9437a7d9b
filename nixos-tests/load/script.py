start_all()
wait_for_services(server, "embeddings", "aidb")
introduce(client, server)
units = running_units(server)
before = restarts(server, units)

with subtest("documents are stored, read and found by 8 clients at once"):
    start_load(client, "--mix documents --workers 8 --requests 200 --retry")
    until("the end of the load", lambda: client.execute("systemctl is-active --quiet load")[0] != 0)
    told = end_load(client)
    assert (told["requests"], told["failed"], told["wrong"]) == (200, 0, 0), told
    assert missing(client, acknowledged(client)) == []

with subtest("texts are embedded for 8 clients at once"):
    start_load(client, "--mix embed --workers 8 --requests 400 --retry")
    until("the end of the load", lambda: client.execute("systemctl is-active --quiet load")[0] != 0)
    told = end_load(client)
    assert (told["requests"], told["failed"], told["wrong"]) == (400, 0, 0), told

with subtest("too much is refused with 429, and not with a failure"):
    asked = f"--cacert {AUTHORITY} --header @/root/operator.header --write-out '%{{http_code}} '"
    many = " ".join([f"--output /dev/null {GATEWAY}/aidb/stats"] * 600)
    statuses = set(client.succeed(f"curl --silent --parallel --parallel-max 100 {asked} {many}").split())
    assert statuses <= {"200", "429"}, statuses

with subtest("every vector is there in the end"):
    wait_for_vectors(client)

with subtest("nothing has restarted, and nothing was ended for its memory"):
    assert restarts(server, units) == before
    assert "oom-kill" not in server.succeed("journalctl --boot --output cat")
