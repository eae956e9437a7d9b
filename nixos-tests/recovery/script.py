start_all()
wait_for_services(server, "embeddings", "aidb")
introduce(client, server)
start_load(client, "--mix documents --workers 2 --retry --until /root/stop")
until("the first writes", lambda: client.execute("test -s /root/acknowledged")[0] == 0)

units = running_units(server)
assert {"ai-stack-aidb.service", "ai-stack-embeddings.service", "nginx.service", "redis-ai-stack.service"} <= {*units}
assert any(unit.startswith("postgresql") for unit in units), units


def writes_go_on() -> None:
    """Wait until a document is acknowledged that was not before."""
    written = len(acknowledged(client))
    until("a new write", lambda: len(acknowledged(client)) > written)


def kill(unit: str) -> None:
    """Kill the process of a unit, and wait for what comes after it."""
    before = restarts(server, [unit])
    server.succeed(f"systemctl kill --signal SIGKILL {unit}")
    killed = time.monotonic()
    until(f"another run of {unit}", lambda: restarts(server, [unit]) != before)
    server.wait_for_unit(unit)
    restarted = time.monotonic()
    writes_go_on()
    until("aidb is ready", lambda: status_of(client, "GET", "/aidb/health/ready")[0] == 200)
    print(f"{unit}: up {restarted - killed:.1f} s after the kill, writes {time.monotonic() - restarted:.1f} s later")


with subtest("each process is killed in mid-write and is back"):
    for unit in units:
        kill(unit)

with subtest("the machine loses power in mid-write and comes back by itself"):
    server.crash()
    server.start()
    wait_for_services(server, "embeddings", "aidb")
    writes_go_on()

with subtest("nothing that was acknowledged is lost, no answer was wrong, no request was given up"):
    told = end_load(client)
    assert (told["failed"], told["wrong"]) == (0, 0), told
    documents = acknowledged(client)
    assert len(documents) > 20
    assert missing(client, documents) == []

with subtest("every vector is there in the end, and every unit"):
    wait_for_vectors(client)
    assert set(units) <= set(running_units(server))
    assert server.succeed("systemctl list-units --state failed --plain --no-legend 'ai-stack*'") == ""
