peer1.start()
peer1.wait_for_open_port(6335)
start_all()
for peer in (peer2, peer3):
    peer.wait_for_open_port(6333)


def cluster() -> Any:
    """Return what the first peer knows of the cluster."""
    return json.loads(peer1.succeed("curl --silent --fail http://127.0.0.1:6333/cluster"))["result"]


with subtest("three peers find each other"):
    until("three peers", lambda: len(cluster()["peers"]) == 3)

wait_for_services(server, *ALL)
introduce(client, server)

with subtest("collections have three copies of each shard"):
    collection = json.loads(peer1.succeed("curl --silent --fail http://127.0.0.1:6333/collections"))
    assert collection["result"]["collections"], collection
    for one in collection["result"]["collections"]:
        told = json.loads(peer1.succeed(f"curl --silent --fail http://127.0.0.1:6333/collections/{one['name']}"))
        assert told["result"]["config"]["params"]["replication_factor"] == 3, told

PRACTICE = {"category": "boats", "title": "Mooring", "description": "Moor the ferry with two ropes at low tide."}

with subtest("what is learned is found"):
    ask(client, "POST", "/hybrid/collections/best-practices/items", PRACTICE)
    question = {"query": "How is the ferry moored?"}
    until("it", lambda: "two ropes" in ask(client, "POST", "/hybrid/augment_query", question)["augmented_prompt"])

with subtest("one peer is lost, and everything is still found and can be learned"):
    peer3.crash()
    assert (
        "two ropes"
        in ask(client, "POST", "/hybrid/augment_query", {"query": "How is the ferry moored now?"})["augmented_prompt"]
    )
    ask(client, "POST", "/hybrid/collections/best-practices/items", {**PRACTICE, "title": "Casting off"})

with subtest("the lost peer catches up when it is back"):
    peer3.start()
    peer3.wait_for_open_port(6333)
    until(
        "no transfer", lambda: all(peer["uri"] for peer in cluster()["peers"].values()) and len(cluster()["peers"]) == 3
    )
    count = (
        "curl --silent --fail --json '{\"exact\": true}' http://127.0.0.1:6333/collections/best-practices/points/count"
    )
    until("both items", lambda: json.loads(peer3.succeed(count))["result"]["count"] == 2)
