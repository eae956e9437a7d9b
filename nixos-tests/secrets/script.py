start_all()
wait_for_services(server, *ALL)
introduce(client, server)

# Looks for every secret without ever having it in an argument.
SEARCH = r"""
import pathlib, subprocess, sys

state = pathlib.Path("/var/lib/ai-stack")
secrets = {p: p.read_text().strip().encode() for p in (state / "secrets").iterdir()}
for key in (state / "tls").glob("*.key"):
    secrets[key] = key.read_bytes().splitlines()[1]
assert len(secrets) >= 5, secrets.keys()

def files():
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        yield process / "cmdline"
        yield process / "environ"
    for place in ("/etc", "/run/systemd", "/var/log", "/tmp"):
        yield from (p for p in pathlib.Path(place).rglob("*") if p.is_file() and p.stat().st_size < 5_000_000)
    for one in pathlib.Path("/nix/store").glob("*ai-stack*"):
        yield from [one] if one.is_file() else (p for p in one.rglob("*") if p.suffix in (".json", ".conf", ".service"))

found = set()
def look(where, text):
    found.update(f"{secret} in {where}" for secret, value in secrets.items() if value in text)

for path in files():
    try:
        look(path, path.read_bytes())
    except OSError:
        pass
look("the journal", subprocess.run(["journalctl", "--all", "--output", "export"], capture_output=True).stdout)
look("a unit", subprocess.run("systemctl show '*'", shell=True, capture_output=True).stdout)
print("\n".join(sorted(found)))
"""

with subtest("secrets are made on the first boot, for root alone"):
    listed = server.succeed("stat --format '%U:%G %a %n' /var/lib/ai-stack/secrets/*").splitlines()
    assert len(listed) >= 5, listed
    assert all(line.startswith("root:root 400 ") for line in listed), listed
    assert server.succeed("stat --format '%U %a' /var/lib/ai-stack/secrets").strip() == "root 700"

with subtest("none is in a command line, an environment, the journal, a unit, /etc or the store"):
    store(client, "page.md", "# Page\n\nSo that every service has called every other.\n")
    wait_for_vectors(client)
    ask(client, "POST", "/hybrid/augment_query", {"query": "page"})
    put(server, "/root/search.py", SEARCH)
    assert server.succeed("python3 /root/search.py").strip() == ""

with subtest("the key file holds digests, and only the services may read it"):
    text = server.succeed("cat /var/lib/ai-stack/keys/api-keys.json")
    assert "ais_" not in text
    assert server.succeed("stat --format '%U:%G %a' /var/lib/ai-stack/keys/api-keys.json").split() == [
        "root:ai-stack-keys",
        "640",
    ]
    server.fail("runuser -u nobody -- cat /var/lib/ai-stack/keys/api-keys.json")

with subtest("one service cannot read what another was handed"):
    server.fail("runuser -u ai-stack-nixos-docs -- ls /run/credentials/ai-stack-aidb.service")
    server.fail("runuser -u nobody -- ls /run/credentials/ai-stack-aidb.service")

with subtest("a new password of Redis restarts exactly those who use it"):
    users = {"redis-ai-stack.service", "ai-stack-aidb.service", "ai-stack-hybrid-coordinator.service"}
    others = {"ai-stack-embeddings.service", "ai-stack-nixos-docs.service", "nginx.service"}
    before = restarts(server, sorted(users | others))
    server.succeed("ai-stack-secrets rotate redis-password")
    until("restarts", lambda: all(restarts(server, [unit])[unit] != before[unit] for unit in users))
    after = restarts(server, sorted(users | others))
    assert {unit for unit in after if after[unit] != before[unit]} == users
    wait_for_services(server, *ALL)
    until("the cache", lambda: '"redis"' in json.dumps(status_of(client, "GET", "/aidb/health/ready")[1]))
