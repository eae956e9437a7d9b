start_all()
wait_for_services(server, "embeddings", "nixos-docs")
introduce(client, server)
UNIT = "ai-stack-nixos-docs.service"
INDEX = "/var/lib/ai-stack/nixos-docs/index.sqlite"


def options(query: str) -> dict[str, Any]:
    """Search for options."""
    answer: dict[str, Any] = ask(client, "POST", "/nixos-docs/options/search", {"query": query})
    return answer


def vectors() -> str:
    """Return the state of the vectors."""
    state: str = ask(client, "GET", "/nixos-docs/cache/stats")["vectors"]["status"]
    return state


with subtest("options are found by what they are for, with the release that they are of"):
    until("vectors", lambda: vectors() == "ready")
    answer = options("forbid logging in with a password")
    assert answer["options"][0]["name"] == "services.openssh.settings.PasswordAuthentication", answer
    assert answer["release"], answer
    assert answer["degraded"] is False, answer

with subtest("an invented option is named, a real one is not"):
    snippet = "{ services.openssh.enable = true; networking.firewall.openPorts = [ 22 ]; }"
    checked = ask(client, "POST", "/nixos-docs/options/check", {"snippet": snippet})
    wrong = [result["path"] for result in checked["results"] if result["status"] == "unknown"]
    assert wrong == ["networking.firewall.openPorts"], checked

with subtest("no hit is an empty answer, and no option at all another"):
    assert status_of(client, "GET", "/nixos-docs/options/services.nothing")[0] == 404
    assert ask(client, "POST", "/nixos-docs/search", {"query": "zzzzqqqq"})["results"] == []

with subtest("without embeddings, words still find, and the answer says so"):
    server.succeed("systemctl stop ai-stack-embeddings.service")
    answer = options("enable openssh")
    assert answer["options"][0]["name"] == "services.openssh.enable", answer
    assert answer["degraded"] is True, answer
    server.succeed("systemctl start ai-stack-embeddings.service")
    until("vectors of questions", lambda: options("the ports of openssh")["degraded"] is False)

with subtest("a damaged index is built anew at the next start"):
    server.succeed(f"systemctl stop {UNIT}", f"truncate --size 20000 {INDEX}", f"systemctl start {UNIT}")
    until("the index", lambda: status_of(client, "GET", "/nixos-docs/cache/stats")[0] == 200)
    assert options("enable openssh")["options"][0]["name"] == "services.openssh.enable"

with subtest("the index is renewed by administrators alone, while it answers"):
    give_key(client, "reader", server.succeed("ai-stack keys add reader --scope read").split()[-1])
    until("the key", lambda: status_of(client, "GET", "/nixos-docs/sources", key="reader")[0] == 200)
    assert status_of(client, "POST", "/nixos-docs/sync", key="reader")[0] == 403
    assert ask(client, "POST", "/nixos-docs/sync")["changed"] is False
