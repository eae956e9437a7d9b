start_all()
wait_for_services(server, "embeddings", "aidb")
second.wait_for_unit("ai-stack-embeddings.service")
introduce(client, server)


def computed(machine: Shell, where: str) -> float:
    """Return how many tokens a machine has computed."""
    lines = machine.succeed(f"curl --silent --fail http://{where}:8081/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("embeddings_tokens_total"))


# Of the keys, the second machine knows the one that both were given.
give_key(client, "shared", server.succeed("cat /run/ai-stack-shared-key"))

with subtest("both compute"):
    before = computed(server, "127.0.0.1"), computed(client, "second")
    start_load(client, "--mix embed --requests 60", key="shared")
    told = end_load(client)
    assert (told["failed"], told["wrong"]) == (0, 0), told
    after = computed(server, "127.0.0.1"), computed(client, "second")
    assert after[0] > before[0], (before, after)
    assert after[1] > before[1], (before, after)

with subtest("one is killed under load, and no request fails"):
    start_load(client, "--mix embed --workers 4 --until /root/stop", key="shared")
    server.succeed("sleep 2")
    second.succeed("systemctl kill --signal SIGKILL ai-stack-embeddings")
    second.wait_for_unit("ai-stack-embeddings.service")
    server.succeed("sleep 2")
    told = end_load(client)
    assert (told["failed"], told["wrong"]) == (0, 0), told
    assert told["requests"] > 20, told

with subtest("one machine is lost under load, and no request fails"):
    start_load(client, "--mix embed --workers 4 --until /root/stop", key="shared")
    server.succeed("sleep 2")
    second.crash()
    server.succeed("sleep 5")
    told = end_load(client)
    assert (told["failed"], told["wrong"]) == (0, 0), told

with subtest("documents get their vectors from the one that is left"):
    store(client, "left.md", "# Left\n\nOne machine is left.\n")
    wait_for_vectors(client)

with subtest("the lost one is used again when it is back"):
    second.start()
    second.wait_for_unit("ai-stack-embeddings.service")

    def has_its_share() -> bool:
        # nginx tries the one that failed again after some seconds, and only when it is asked
        start_load(client, "--mix embed --requests 40", key="shared")
        told = end_load(client)
        assert (told["failed"], told["wrong"]) == (0, 0), told
        return computed(client, "second") > 0

    until("its share", has_its_share)
