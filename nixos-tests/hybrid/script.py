start_all()
server.wait_for_unit("ai-stack.target")
wait_for_services(server, *ALL, "model")
introduce(client, server)
COORDINATOR = "ai-stack-hybrid-coordinator.service"
QUESTION = "Who lights the lamp of the lighthouse?"
store(client, "lamp.md", "# Lighthouse\n\nThe lamp of the lighthouse is lit at dusk by the keeper, Marta Oyelaran.\n")
wait_for_vectors(client)


def turn(session: str) -> Any:
    """Take a turn of a conversation."""
    return ask(client, "POST", "/hybrid/context/multi_turn", {"query": QUESTION, "session_id": session})


def post(path: str, body: Any, key: str = "operator") -> int:
    """Return the status of an answer."""
    return status_of(client, "POST", path, body, key)[0]


with subtest("a conversation brings nothing twice, and is remembered across a restart"):
    first = turn("story")
    assert "Marta Oyelaran" in first["context"], first
    server.succeed(f"systemctl restart {COORDINATOR}")
    wait_for_services(server, "hybrid-coordinator")
    until("an answer", lambda: post("/hybrid/augment_query", {"query": QUESTION}) == 200)
    second = turn("story")
    assert second["turn_number"] == 2, second
    assert not set(first["context_ids"]) & set(second["context_ids"]), second

with subtest("a chat is answered by the model of the machine, with context, and passes the gateway as it comes"):
    chat = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    command = ["curl", "--silent", "--show-error", "--fail", "--no-buffer", "--cacert", AUTHORITY]
    command += ["--header", "@/root/operator.header", "--json", json.dumps(chat)]
    command += [f"{GATEWAY}/hybrid/v1/chat/completions"]
    arrivals = client.succeed(
        shlex.join(command) + " | grep --line-buffered ^data: | while read -r _; do date +%s%N; done"
    )
    moments = [int(line) for line in arrivals.split()]
    # Not how fast, only that they did not come at once: the model takes seconds for all of them.
    assert len(moments) > 20, moments
    assert moments[-1] - moments[0] > 1_000_000_000, moments
    answer = client.succeed(shlex.join(command))
    told = "".join(
        json.loads(line.removeprefix("data: "))["choices"][0]["delta"]["content"]
        for line in answer.splitlines()
        if line.startswith("data: {")
    )
    assert "Marta Oyelaran" in told, told

with subtest("an acknowledged interaction survives a killed process, and is counted once"):
    practice = {"category": "keeping", "title": "Ask Marta about the lamp", "description": "She lights it at dusk."}
    used = ask(client, "POST", "/hybrid/collections/best-practices/items", practice)["id"]
    interaction = {"query": QUESTION, "response": "Marta Oyelaran does.", "context_ids": [used]}
    number = ask(client, "POST", "/hybrid/interactions", interaction)["interaction_id"]
    ask(client, "POST", f"/hybrid/interactions/{number}/outcome", {"outcome": "success"})
    before = main_pid(server, COORDINATOR)
    server.succeed(f"systemctl kill --signal KILL {COORDINATOR}")
    until("another process", lambda: main_pid(server, COORDINATOR) not in (0, before))
    until("the interaction", lambda: status_of(client, "GET", f"/hybrid/interactions/{number}")[0] == 200)
    until("what it teaches", lambda: not ask(client, "GET", f"/hybrid/interactions/{number}")["pending"])
    search = {"query": practice["title"], "collections": ["best-practices"], "min_similarity": 0.3}
    results = ask(client, "POST", "/hybrid/search", search)["results"]
    assert [result["id"] for result in results] == [used], results
    assert 0.9 < results[0]["uses"] <= 1, results

with subtest("what people asked is not shown to everybody"):
    give_key(client, "reader", server.succeed("ai-stack keys add reader --scope read").split()[-1])
    until("the key", lambda: status_of(client, "GET", "/hybrid/stats", key="reader")[0] == 200)
    history = {"query": QUESTION, "collections": ["interaction-history"]}
    assert post("/hybrid/search", history, "reader") == 403
    assert status_of(client, "GET", f"/hybrid/interactions/{number}", key="reader")[0] == 404
    assert post("/hybrid/search", history, "operator") == 200

with subtest("models reach its tools through the gateway"):
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    listed = client.succeed(
        shlex.join(
            [
                *("curl", "--silent", "--show-error", "--fail", "--cacert", AUTHORITY),
                *("--header", "@/root/operator.header", "--header", "Accept: application/json, text/event-stream"),
                *("--json", json.dumps(message), f"{GATEWAY}/hybrid/mcp"),
            ]
        )
    )
    names = {tool["name"] for tool in json.loads(listed)["result"]["tools"]}
    assert {"augment_query", "search_context", "track_interaction", "search_documents"} <= names, listed

with subtest("without its documents it answers from the rest, and says so"):
    server.succeed("systemctl stop ai-stack-aidb.service")
    answer = ask(client, "POST", "/hybrid/augment_query", {"query": QUESTION})
    assert answer["degraded_services"] == ["aidb"], answer
    server.succeed("systemctl start ai-stack-aidb.service")
    until(
        "whole answers",
        lambda: not ask(client, "POST", "/hybrid/augment_query", {"query": QUESTION})["degraded"],
    )
