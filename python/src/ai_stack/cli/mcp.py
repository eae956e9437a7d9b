"""`ai-stack mcp`: the tools of a running stack for programs that speak the Model Context Protocol over stdio."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ai_stack.cli.options import StateOption
from ai_stack.local.errors import LocalError
from ai_stack.local.record import read_record

SERVICE = "hybrid-coordinator"


def mcp(
    state: StateOption,
    url: Annotated[
        str | None,
        typer.Option(envvar="AI_STACK_URL", help=f"Address of {SERVICE}; that of the embedded stack when left out."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(envvar="AI_STACK_API_KEY_FILE", help="File with the API key; the embedded stack's when left out."),
    ] = None,
) -> None:
    """Serve the stack's tools to an editor or assistant over standard input and output (MCP)."""
    if (url is None) != (key_file is None):
        raise LocalError("--url and --key-file go together: a key is shown only to the address that it is for")

    def target() -> tuple[str, str]:
        if url is not None and key_file is not None:
            return url, read_key(key_file)
        record = read_record(state)
        if record is None:
            raise LocalError(f"no stack is running in {state}: start one with `ai-stack up`")
        return record.services[SERVICE], read_key(record.api_key_file)

    # The SDK takes a second to load, which every other command would wait for.
    from ai_stack.cli.mcp_relay import relay  # noqa: PLC0415 - the protocol loads slowly, and other commands do without it

    asyncio.run(relay(target))


def read_key(path: Path) -> str:
    """Return the API key in a file.

    Raises:
        LocalError: the file cannot be read, or holds no key.
    """
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"cannot read the API key in {path}: {getattr(error, 'strerror', None) or error}") from error
    if not key.isprintable() or not key:
        raise LocalError(f"{path} holds no API key")
    return key
