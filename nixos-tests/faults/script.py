start_all()
wait_for_services(server, "embeddings", "aidb")
introduce(client, server)
start_load(client, "--mix documents --workers 2 --retry --timeout 10 --until /root/stop")
until("the first writes", lambda: client.execute("test -s /root/acknowledged")[0] == 0)


def lose(packets: str) -> None:
    """Drop packets of the network, in both directions, for as long as the table is there."""
    chains = "".join(
        f"chain {hook} {{ type filter hook {hook} priority -300; {name} != lo {packets} counter drop; }}; "
        for hook, name in (("input", "iifname"), ("output", "oifname"))
    )
    server.succeed(f"nft {shlex.quote(f'table inet faults {{ {chains}}}')}")


def lost() -> int:
    """Return how many packets were dropped."""
    listed = json.loads(server.succeed("nft --json list table inet faults"))["nftables"]
    counters = [
        part["counter"]["packets"]
        for entry in listed
        for part in entry.get("rule", {}).get("expr", [])
        if "counter" in part
    ]
    return sum(counters)


def writes_go_on() -> None:
    """Wait until documents are acknowledged that were not before."""
    written = len(acknowledged(client))
    until("new writes", lambda: len(acknowledged(client)) > written + 10)


with subtest("one packet in ten is lost"):
    lose("numgen random mod 10 == 0")
    writes_go_on()
    assert lost() > 0
    server.succeed("nft delete table inet faults")

with subtest("nothing gets through, and then everything again"):
    lose("")
    before = lost()
    until("packets that nobody answers", lambda: lost() > before + 5)
    client.fail(f"curl --silent --max-time 3 --cacert {AUTHORITY} {GATEWAY}/aidb/health/ready")
    server.succeed("curl --silent --fail --max-time 60 http://127.0.0.1:8091/health/ready")
    server.succeed("nft delete table inet faults")
    writes_go_on()

with subtest("nothing that was acknowledged is lost, no answer was wrong, no request was given up"):
    told = end_load(client)
    assert (told["failed"], told["wrong"]) == (0, 0), told
    assert missing(client, acknowledged(client)) == []
