"""`ai-stack doctor`: finds likely faults and says the remedy."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import typer

from ai_stack.cli import render
from ai_stack.cli.checks import CHECKS, Fault, Subject
from ai_stack.cli.options import JsonOption, StateOption, print_json
from ai_stack.cli.status import PROBE_SECONDS, stack_status
from ai_stack.local.record import read_record


def doctor(state: StateOption, json: JsonOption = False) -> None:
    """Look for what is most likely wrong, and say the remedy. Exit status 1: something is."""
    findings = asyncio.run(examine(state))
    if json:
        print_json(
            {
                "healthy": not any(findings.values()),
                "checks": [
                    {"name": name, "fault": fault.what if fault else None, "remedy": fault.remedy if fault else None}
                    for name, fault in findings.items()
                ],
            }
        )
    else:
        console = render.out()
        for name, fault in findings.items():
            if fault is None:
                console.print(f"ok     {name}", markup=False, style="green")
            else:
                console.print(f"FAULT  {name}: {fault.what}", markup=False, style="red")
                console.print(f"       {fault.remedy}", markup=False)
    raise typer.Exit(1 if any(findings.values()) else 0)


async def examine(state: Path) -> dict[str, Fault | None]:
    """Make every check and return what each found.

    Raises:
        LocalError: the record of the running stack is damaged.
    """
    subject = Subject(state, await stack_status(state), await _readiness(state))
    return {name: await asyncio.to_thread(check, subject) for name, check in CHECKS.items()}


async def _readiness(state: Path) -> dict[str, Mapping[str, Any] | None]:
    status = await stack_status(state)
    record = await asyncio.to_thread(read_record, state)
    if status.state != "running" or record is None:
        return {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2 * PROBE_SECONDS)) as session:
        answers = await asyncio.gather(*(_ask(session, url) for url in record.services.values()))
    return dict(zip(record.services, answers, strict=True))


async def _ask(session: aiohttp.ClientSession, url: str) -> Mapping[str, Any] | None:
    try:
        async with session.get(f"{url}/health/ready") as answer:
            content = orjson.loads(await answer.read())
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None
