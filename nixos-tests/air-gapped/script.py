start_all()

with subtest("there is no way out"):
    assert server.succeed("ip route show default").strip() == ""
    server.fail("curl --silent --max-time 10 https://cache.nixos.org")
    server.fail("curl --silent --max-time 10 https://huggingface.co")

with subtest("everything starts"):
    server.wait_for_unit("ai-stack.target")
    wait_for_services(server, *ALL)
    assert server.succeed("systemctl list-units --state failed --plain --no-legend") == ""

with subtest("everything works: a document, its vectors, a question, documentation"):
    server.succeed(f"install -m 0600 /var/lib/ai-stack/tls/ca.crt {AUTHORITY}")
    give_key(server, "operator", server.succeed("cat /var/lib/ai-stack/secrets/api-key"))
    base = "https://localhost:8443"
    ask(server, "POST", f"{base}/aidb/documents", {"path": "a.md", "content": "# Lamp\n\nMarta Oyelaran lights it.\n"})
    until("vectors", lambda: ask(server, "GET", f"{base}/aidb/stats")["chunks_pending"] == 0)
    answer = ask(server, "POST", f"{base}/hybrid/augment_query", {"query": "Who switches the light on?"})
    assert "Marta Oyelaran" in answer["augmented_prompt"], answer
    assert not answer["degraded"], answer
    found_here = ask(server, "POST", f"{base}/nixos-docs/search", {"query": "open a port in the firewall"})
    assert "allowedTCPPorts" in json.dumps(found_here), found_here

with subtest("no unit has tried to reach anything: nobody waits for a name"):
    journal = server.succeed("journalctl --boot --output cat --unit 'ai-stack-*'")
    assert "name resolution" not in journal
