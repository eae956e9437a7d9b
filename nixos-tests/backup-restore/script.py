start_all()
RESTORED = [second, third]
SUBJECTS = [
    "harbour",
    "bakery",
    "lighthouse",
    "observatory",
    "mill",
    "archive",
    "garden",
    "bridge",
    "station",
    "school",
]
QUESTIONS = [f"Who opens the {subject} number {number}?" for subject in SUBJECTS for number in range(10)]


def settle(machine: Shell) -> None:
    """Let a machine ask itself, with the authority and the key that it has now."""
    machine.succeed(f"install -m 0600 /var/lib/ai-stack/tls/ca.crt {AUTHORITY}")
    give_key(machine, "operator", machine.succeed("cat /var/lib/ai-stack/secrets/api-key"))
    own = "https://localhost:8443/aidb/stats"
    until("its own answer", lambda: status_of(machine, "GET", own)[0] == 200)


def local(machine: Shell, path: str, body: Any) -> Any:
    """Return the answer of a machine to itself."""
    return ask(machine, "POST", f"https://localhost:8443{path}", body)


# What a machine finds for every question: documents, scores and prompts, without times. Patient where it is refused for
# asking too often.
ASK = r"""
import json, ssl, sys, time, urllib.error, urllib.request

context = ssl.create_default_context(cafile="/root/authority.crt")
name, _, key = open("/root/operator.header").read().strip().partition(": ")

def ask(path, question):
    body = json.dumps({"query": question}).encode()
    request = urllib.request.Request(
        f"https://localhost:8443{path}", body, {name: key, "Content-Type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(0.2)

questions = json.load(sys.stdin)
for question in questions:
    found = ask("/aidb/search", question)["results"]
    print(json.dumps([(one["path"], one["content"], round(one["score"], 6)) for one in found]))
for question in questions[::10]:
    print(json.dumps(ask("/hybrid/augment_query", question)["augmented_prompt"]))
"""


def answers(machine: Shell) -> list[Any]:
    """Return what a machine answers to all questions."""
    put(machine, "/root/ask.py", ASK)
    put(machine, "/root/questions.json", json.dumps(QUESTIONS))
    told = machine.succeed("python3 /root/ask.py </root/questions.json").splitlines()
    assert len(told) == len(QUESTIONS) + len(QUESTIONS[::10])
    return [json.loads(line) for line in told]


def settled_answers(machine: Shell) -> list[Any]:
    """Return what a machine answers to all questions once that changes no more: words are counted a little later."""
    last: list[Any] = []

    def same_again() -> bool:
        before = list(last)
        machine.succeed("sleep 6")
        last[:] = answers(machine)
        return last == before

    until("the same answers twice", same_again)
    return last


def count(machine: Shell) -> Any:
    """Return how many documents a machine has."""
    return ask(machine, "GET", "https://localhost:8443/aidb/stats")["documents"]


wait_for_services(server, *ALL)
settle(server)

with subtest("a machine with documents and learned context"):
    for subject in SUBJECTS:
        for number in range(0, 10, 2):
            content = (
                f"# The {subject} {number}\n\nIts {subject} is opened at {number} by keeper {subject[::-1]}{number}.\n"
            )
            local(server, "/aidb/documents", {"path": f"{subject}/{number}.md", "content": content})
    practice = {"category": "keys", "title": "Opening", "description": "Open the harbour before the bakery."}
    local(server, "/hybrid/collections/best-practices/items", practice)
    until("vectors", lambda: ask(server, "GET", "https://localhost:8443/aidb/stats")["chunks_pending"] == 0)
    source = settled_answers(server)
    assert all(source), "a question without an answer proves nothing"

with subtest("a backup is whole, verified, and readable by root and its user alone"):
    server.succeed("systemctl start ai-stack-backup", "ai-stack-restore verify latest")
    assert server.succeed("stat --format %a /var/backup/ai-stack").strip() == "700"
    server.fail("runuser -u nobody -- ls /var/backup/ai-stack")

with subtest("its success is measured"):
    measured = server.succeed("cat /var/lib/ai-stack/metrics/backup.prom")
    assert "ai_stack_backup_last_success_timestamp" in measured, measured

with subtest("a restore over a running stack is refused unless it is forced"):
    server.fail("ai-stack-restore restore latest")

with subtest("what was deleted, changed and added since is as it was"):
    for number in range(1, 11):
        status_of(server, "DELETE", f"https://localhost:8443/aidb/documents/{number}")
    local(server, "/aidb/documents", {"path": "late.md", "content": "# Late\n\nStored after the backup.\n"})
    assert answers(server) != source
    authority = server.succeed("cat /var/lib/ai-stack/tls/ca.crt")
    server.succeed("ai-stack-restore restore --force latest")
    wait_for_services(server, *ALL)
    settle(server)
    assert settled_answers(server) == source

with subtest("two new machines answer 100 questions like the one that was backed up"):
    server.succeed("tar --create --file /root/backup.tar --directory /var/backup/ai-stack .")
    server.succeed(
        'systemd-run --quiet --collect --setenv=PATH="$PATH" --unit vault --working-directory /root'
        " python3 -m http.server 9999"
    )
    server.wait_for_open_port(9999)
    for machine in RESTORED:
        wait_for_services(machine, *ALL)
        settle(machine)
        assert count(machine) == 0
        machine.succeed(
            "curl --silent --fail --retry 30 --retry-connrefused http://server:9999/backup.tar"
            " | tar --extract --directory /var/backup/ai-stack"
        )
        machine.succeed("ai-stack-restore restore --force latest")
        wait_for_services(machine, *ALL)
        settle(machine)
        assert settled_answers(machine) == source

with subtest("they have the keys of the old one, which has its authority again; theirs are for their own names"):
    keys = "sha256sum /var/lib/ai-stack/secrets/*"
    for machine in RESTORED:
        assert machine.succeed(keys) == server.succeed(keys)
        assert machine.succeed("cat /var/lib/ai-stack/tls/ca.crt") != authority
    assert server.succeed("cat /var/lib/ai-stack/tls/ca.crt") == authority

with subtest("a damaged backup is refused, and nothing changes"):
    second.succeed("printf x >>$(ls --directory /var/backup/ai-stack/[0-9]*Z | tail -n 1)/manifest.json")
    second.fail("ai-stack-restore restore --force latest")
    assert answers(second) == source
