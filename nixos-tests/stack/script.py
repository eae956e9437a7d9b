start_all()

with subtest("everything is up after boot, and nothing failed"):
    server.wait_for_unit("ai-stack.target")
    wait_for_services(server, *ALL)
    assert server.succeed("systemctl list-units --state failed --plain --no-legend") == ""

with subtest("every service says that it can serve"):
    for port in (8081, 8091, 8092, 8094):
        server.succeed(f"curl --silent --fail http://127.0.0.1:{port}/health/ready")

with subtest("a client that trusts the published authority is answered over TLS"):
    introduce(client, server)
    assert ask(client, "GET", "/hybrid/health")["ready"]

with subtest("a question is answered from what was stored, by its meaning"):
    store(client, "lamp.md", "# Lighthouse\n\nThe lamp is lit at dusk by the keeper, Marta Oyelaran.\n")
    wait_for_vectors(client)
    answer = ask(
        client, "POST", "/hybrid/augment_query", {"query": "Who turns on the light by the sea in the evening?"}
    )
    assert "Marta Oyelaran" in answer["augmented_prompt"], answer
    assert not answer["degraded"], answer

with subtest("a question about NixOS is answered from the documentation on the machine"):
    answer = ask(client, "POST", "/hybrid/augment_query", {"query": "How do I open a port in the NixOS firewall?"})
    assert "allowedTCPPorts" in answer["augmented_prompt"], answer

with subtest("the command that the machine has finds the keys"):
    assert "operator" in server.succeed("ai-stack keys list")
