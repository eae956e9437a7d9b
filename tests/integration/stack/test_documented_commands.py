"""The commands that the pages show: requests are sent to a stack as they stand there, others are told apart by what
they need."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.documented import Command, commands, read_curl
from support.http import api
from support.stack import RunningStack, command

#: Default ports, which stand for services in the pages.
SERVICES = {8081: "embeddings", 8091: "aidb", 8092: "hybrid-coordinator", 8094: "nixos-docs", 8096: "status-page"}
LOCAL = re.compile(r"http://127\.0\.0\.1:(\d+)(/.*)")
#: Of an installation with NixOS or systemd, of the whole repository, or of the internet: the tests of the modules, the
#: quickstart, the benchmarks and the host are about these.
ELSEWHERE = re.compile(
    r"(sudo|systemctl|journalctl|nix|nixos-rebuild|nix-shell|umask|echo|printf|python|python3|\.venv/bin/python|"
    r"scripts/\S+|ai-stack-nixos-docs|(PYTORCH/bin/)?pip|AI_STACK_TORCH_PYTHON=\S+|rm|git|release=\S+|state=\S+|url=\S+|OTEL_\S+|cd|source)"
)


#: What a stack with one model refuses, and says why.
REFUSED = {"/model/change": 409}


def is_request(found: Command) -> bool:
    return found.words[0] == "curl" and any(LOCAL.fullmatch(word) for word in found.words)


def is_ours(found: Command) -> bool:
    """Whether it is a command of the embedded stack that changes nothing for good."""
    program, name = (*found.words, "")[:2]
    return (
        program in ("ai-stack", "scripts/quickstart")
        and name in ("keys", "ask", "search", "status", "doctor")
        and "--file" not in found.words
    )


def continued(path: str, last: dict[str, Any]) -> str:
    """The path of a request that goes on from an answer: the page shows another id."""
    path = path.replace("$ID", str(last.get("interaction_id")))
    return re.sub(r"(?<=/jobs/)\d+", str(last.get("id", "0")), path)


REQUESTS = [found for found in commands() if is_request(found) and found.page.startswith("docs/services/")]
PAGES = sorted({found.page for found in REQUESTS})


def test_every_command_is_known() -> None:
    strange = [
        str(found)
        for found in commands()
        if not (is_request(found) or is_ours(found) or ELSEWHERE.fullmatch(found.words[0]))
        and found.words[0] not in ("curl", "ai-stack")
    ]
    assert strange == []


@pytest.mark.parametrize("page", PAGES)
async def test_the_requests_of_a_page_are_answered(stack: RunningStack, page: str, tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text('{"path": "imported.md", "content": "# Imported\\n\\nA line.\\n"}\n')
    last: dict[str, Any] = {}
    for found in (request for request in REQUESTS if request.page == page):
        request = read_curl(found.words)
        match = LOCAL.fullmatch(request.url)
        assert match is not None
        path = continued(match[2], last)
        body = request.body
        if body is not None and body.startswith("@"):
            body = (tmp_path / body[1:]).read_text()
        elif body is not None:
            body = re.sub(r'(?<="document_id": )\d+', str(last.get("document_id", 0)), body)
        headers = {name: value for name, value in request.headers.items() if name != "X-API-Key"}
        async with api(stack.services[SERVICES[int(match[1])]], stack.key) as call:
            answer = await call(request.method, path, headers=headers, data=body.encode() if body is not None else None)
        if path in REFUSED:
            assert answer.status == REFUSED[path], (str(found), answer.body)
            continue
        assert answer.status < 400, (str(found), answer.body)
        if answer.body.startswith(b"{") and answer.headers["Content-Type"].startswith("application/json"):
            last |= answer.json
            if "relative_path" in answer.json:
                last["document_id"] = answer.json["id"]


@pytest.mark.parametrize("found", [found for found in commands() if is_ours(found)], ids=str)
def test_a_command_does_what_the_page_says(stack: RunningStack, found: Command) -> None:
    state = ("--state", str(stack.state))
    subprocess.run([*command(*found.words[1:]), *state], check=True, capture_output=True, timeout=120)
    if found.words[1:3] == ("keys", "add"):
        subprocess.run(command("keys", "revoke", found.words[3], *state), check=True, capture_output=True, timeout=60)
