start_all()
wait_for_services(server, "translator", "greeter")
introduce(client, server)

with subtest("the service answers at its route, behind TLS and a key"):
    word = {"text": "Speicher"}
    assert ask(client, "POST", "/translator/translate", word) == {"text": "store"}
    assert status_of(client, "POST", "/translator/translate", word, key=None)[0] == 401
    assert status_of(client, "GET", "/translator/openapi.json", key=None)[0] == 401

with subtest("it takes keys of its scope"):
    give_key(client, "reader", server.succeed("ai-stack keys add reader --scope read").split()[-1])
    until("the new key", lambda: status_of(client, "POST", "/translator/translate", word, "reader")[0] == 200)

with subtest("a program that knows nothing of the stack is told what the client cannot claim"):
    answer = ask(client, "GET", "/greeter/some/path")
    assert answer["path"] == "/some/path", answer
    assert answer["headers"]["x-forwarded-proto"] == "https", answer
    assert answer["headers"]["x-request-id"], answer

with subtest("each has its own user, its state and the sandbox"):
    for name in ("translator", "greeter"):
        pid = main_pid(server, f"ai-stack-{name}")
        assert server.succeed(f"ps --no-headers -o user:32 -p {pid}").strip() == f"ai-stack-{name}"
        server.succeed(f"test -d /var/lib/ai-stack/{name}")
        assert exposure(server, f"ai-stack-{name}") <= 1.5

with subtest("measurements are collected, and not shown at the gateway"):
    assert status_of(client, "GET", "/translator/metrics")[0] == 404
    query = "curl --silent --fail 'http://127.0.0.1:9090/api/v1/query?query=up'"
    until("the measurement", lambda: '"component":"translator"' in server.succeed(query))

with subtest("a killed service is back"):
    before = main_pid(server, "ai-stack-translator")
    server.succeed("systemctl kill --signal SIGKILL ai-stack-translator")
    until("another process", lambda: main_pid(server, "ai-stack-translator") not in (0, before))
    until("an answer", lambda: status_of(client, "POST", "/translator/translate", word)[0] == 200)

with subtest("a service that is down is a 503 with advice, and the others go on"):
    server.succeed("systemctl stop ai-stack-translator")
    status, answer = status_of(client, "POST", "/translator/translate", word)
    assert (status, answer["error"]) == (503, "service unavailable"), answer
    ask(client, "GET", "/greeter/")

with subtest("nothing of what is not asked for runs"):
    for unit in ("postgresql", "redis-ai-stack", "qdrant", "ai-stack-aidb"):
        server.fail(f"systemctl is-active {unit}")
