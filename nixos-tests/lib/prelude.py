"""What the scripts share: requests with curl as a client sends them, and what the machine's own tools say."""

import json
import shlex
import time
from collections.abc import Callable
from typing import Any, Protocol

AUTHORITY = "/root/authority.crt"
GATEWAY = "https://server:8443"
ALL = ("embeddings", "aidb", "nixos-docs", "hybrid-coordinator")
# Generous, since the machine below may be slow: a test that fails takes this long, one that passes does not.
PATIENCE = 600.0


class Shell(Protocol):
    """What is used of a machine here; the driver's own classes have different names in different releases."""

    def succeed(self, command: str, /) -> str: ...

    def execute(self, command: str, /) -> tuple[int, str]: ...

    def wait_for_unit(self, unit: str, /) -> None: ...


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it does not come true.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.5)


def put(machine: Shell, path: str, text: str) -> None:
    """Write a file that root alone may read."""
    machine.succeed(f"umask 077 && printf %s {shlex.quote(text)} >{shlex.quote(path)}")


def give_key(machine: Shell, name: str, key: str) -> None:
    """Put a key where `ask` finds it."""
    put(machine, f"/root/{name}.header", f"X-API-Key: {key.strip()}\n")


def wait_for_services(server: Shell, *services: str) -> None:
    """Wait until these services, and the gateway, say that they can serve."""
    for service in services:
        server.wait_for_unit(f"ai-stack-{service}.service")
    server.wait_for_unit("nginx.service")


def introduce(client: Shell, server: Shell) -> None:
    """Let a client trust the authority of a server and have the operator's key, as docs/operate.md tells people to."""
    published = client.succeed("curl --silent --show-error --fail http://server:8088/.well-known/ai-stack-ca.crt")
    assert published == server.succeed("cat /var/lib/ai-stack/tls/ca.crt")
    put(client, AUTHORITY, published)
    give_key(client, "operator", server.succeed("cat /var/lib/ai-stack/secrets/api-key"))


def status_of(client: Shell, method: str, path: str, body: Any = None, key: str | None = "operator") -> tuple[int, Any]:
    """Return status and body of an answer; status 0 when there is none.

    Args:
        client: the machine that asks.
        method: HTTP method.
        path: below the gateway, or a URL.
        body: sent as JSON.
        key: name of a key that `give_key` put there; None for none.
    """
    url = path if "://" in path else GATEWAY + path
    command = ["curl", "--silent", "--max-time", "60", "--cacert", AUTHORITY, "--write-out", r"\n%{http_code}"]
    if key is not None:
        command += ["--header", f"@/root/{key}.header"]
    if body is not None:
        command += ["--json", json.dumps(body)]
    _, output = client.execute(shlex.join([*command, "--request", method, url]))
    text, _, status = output.strip().rpartition("\n")
    try:
        answer = json.loads(text) if text else None
    except ValueError:
        answer = text
    return int(status), answer


def ask(client: Shell, method: str, path: str, body: Any = None, key: str = "operator") -> Any:
    """Return the body of an answer that must be a success.

    Raises:
        AssertionError: it is not.
    """
    status, answer = status_of(client, method, path, body, key)
    assert status // 100 == 2, f"{method} {path}: {status} {answer}"
    return answer


def store(client: Shell, path: str, content: str, key: str = "operator") -> int:
    """Store a document and return its id."""
    number: int = ask(client, "POST", "/aidb/documents", {"path": path, "content": content}, key)["id"]
    return number


def wait_for_vectors(client: Shell) -> None:
    """Wait until all that is stored is found by its meaning as well."""
    until("vectors", lambda: ask(client, "GET", "/aidb/stats")["chunks_pending"] == 0)


def found(client: Shell, query: str) -> list[str]:
    """Return the paths of the documents that a search finds, best first."""
    results = ask(client, "POST", "/aidb/search", {"query": query})["results"]
    return [result["path"] for result in results]


def main_pid(server: Shell, unit: str) -> int:
    """Return the process of a unit; 0 when it has none."""
    return int(server.succeed(f"systemctl show --property MainPID --value {unit}"))


def running_units(server: Shell) -> list[str]:
    """Return the units of the stack, and of its stores and gateway, that have a process."""
    patterns = "'ai-stack-*.service' 'postgresql*.service' redis-ai-stack.service qdrant.service nginx.service"
    listed = server.succeed(f"systemctl list-units --state running --plain --no-legend {patterns}")
    return sorted(line.split()[0] for line in listed.splitlines())


def restarts(server: Shell, units: list[str]) -> dict[str, str]:
    """Return what tells one run of a unit from the next."""
    return {unit: server.succeed(f"systemctl show --property InvocationID --value {unit}").strip() for unit in units}


def start_load(client: Shell, *options: str, key: str = "operator") -> None:
    """Start load.py as the unit `load`, with a key of `give_key`; it ends when /root/stop is there, or by itself."""
    client.succeed("rm -f /root/stop /root/load.json /root/acknowledged")
    program = f"--url {GATEWAY} --authority {AUTHORITY} --header /root/{key}.header --acknowledged /root/acknowledged"
    command = f"exec python3 /etc/stories/load.py {program} {' '.join(options)} >/root/load.json"
    client.succeed(f'systemd-run --quiet --collect --setenv=PATH="$PATH" --unit load /bin/sh -c {shlex.quote(command)}')


def end_load(client: Shell) -> dict[str, Any]:
    """Let load.py come to its end and return what it says."""
    client.succeed("touch /root/stop")
    until("the end of the load", lambda: client.execute("systemctl is-active --quiet load")[0] != 0)
    told: dict[str, Any] = json.loads(client.succeed("cat /root/load.json"))
    return told


def acknowledged(client: Shell) -> list[str]:
    """Return the ids of the documents that load.py was promised."""
    return [line.split()[0] for line in client.succeed("cat /root/acknowledged").splitlines()]


def missing(client: Shell, documents: list[str]) -> list[str]:
    """Return those of the documents that are not there."""

    def there(number: str) -> bool:
        answered: list[int] = []

        def told() -> bool:
            answered[:] = [status_of(client, "GET", f"/aidb/documents/{number}")[0]]
            return answered != [429]

        until(f"document {number}", told)
        return answered == [200]

    return [number for number in documents if not there(number)]


def alerts(server: Shell) -> dict[str, str]:
    """Return the state of each alert that is pending or firing."""
    answer = json.loads(server.succeed("curl --silent --fail http://127.0.0.1:9090/api/v1/alerts"))
    return {alert["labels"]["alertname"]: alert["state"] for alert in answer["data"]["alerts"]}


def exposure(server: Shell, unit: str) -> float:
    """Return how exposed a unit is, as the running systemd says: 0 (not) to 10."""
    verdict = server.succeed(f"systemd-analyze security --no-pager {unit} | grep 'Overall exposure'")
    return float(verdict.partition(":")[2].split()[0])
