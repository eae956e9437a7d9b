start_all()
wait_for_services(server, "embeddings", "aidb")
introduce(client, server)
# A machine that loses power says goodbye to nobody, so clients wait for it as long as they like.
start_load(client, "--mix documents --workers 2 --retry --timeout 10 --until /root/stop")
until("the first writes", lambda: client.execute("test -s /root/acknowledged")[0] == 0)

units = running_units(server)
assert {"ai-stack-aidb.service", "ai-stack-embeddings.service", "nginx.service", "redis-ai-stack.service"} <= {*units}
assert any(unit.startswith("postgresql") for unit in units), units


def writes_go_on() -> None:
    """Wait until a document is acknowledged that was not before."""
    written = len(acknowledged(client))
    until("a new write", lambda: len(acknowledged(client)) > written)


def seconds_to_start(unit: str) -> float:
    """Return how long the process of a unit took until it was ready, as systemd measured it."""
    stamps = [f"{name}TimestampMonotonic" for name in ("ExecMainStart", "ActiveEnter")]
    begun, ready = (int(server.succeed(f"systemctl show --property {stamp} --value {unit}")) for stamp in stamps)
    return (ready - begun) / 1e6


def kill(unit: str, signal: str = "SIGKILL") -> float:
    """Send a signal to the processes of a unit, and return how long it took to start again."""
    before = restarts(server, [unit])
    server.succeed(f"systemctl kill --signal {signal} {unit}")
    until(f"another run of {unit}", lambda: restarts(server, [unit]) != before)
    server.wait_for_unit(unit)
    took = seconds_to_start(unit)
    print(f"{unit}: ready {took:.1f} s after it was started again")
    writes_go_on()
    until("aidb is ready", lambda: status_of(client, "GET", "/aidb/health/ready")[0] == 200)
    return took


with subtest("each process is killed in mid-write and is back"):
    for unit in units:
        # More than once for a machine that had something else to do.
        assert any(kill(unit) < 10 for _ in range(3)), unit

with subtest("a service that hangs is ended by the watchdog and is back"):
    kill("ai-stack-aidb.service", "SIGSTOP")
    assert "Watchdog timeout" in server.succeed("journalctl --unit ai-stack-aidb --boot --output cat")

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
