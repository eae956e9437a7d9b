"""`ai-stack model`: the embedding model's files, by the commands of the embeddings service."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from ai_stack.cli.modules import command_of, environment

ModelArgument = Annotated[Path, typer.Argument(help="Directory of the model, as sentence-transformers saves it.")]
EngineOption = Annotated[str, typer.Option(help="onnx, or int8 for integers in the linear layers.")]
CacheOption = Annotated[
    Path | None, typer.Option("--output", help="Directory of the ONNX file; by default the user's cache.")
]

commands = typer.Typer(no_args_is_help=True, help="Write, verify and describe the ONNX file of an embedding model.")


@commands.command("export")
def export(
    model: ModelArgument,
    engine: EngineOption = "onnx",
    output: CacheOption = None,
    name: Annotated[str | None, typer.Option(help="What the model is called.")] = None,
    require_verification: Annotated[
        bool, typer.Option("--require-verification", help="Fail when torch and transformers are not installed.")
    ] = False,
) -> None:
    """Write the ONNX file, verify it where torch and transformers are installed, and record its hashes."""
    named = ["--name", name] if name is not None else []
    required = ["--require-verification"] if require_verification else []
    _run("ai_stack.embeddings.export", model, engine, output, *named, *required)


@commands.command("verify")
def verify(model: ModelArgument, engine: EngineOption = "onnx", output: CacheOption = None) -> None:
    """Check a written ONNX file against its record, and against torch and transformers where they are installed."""
    _run("ai_stack.embeddings.inspect", model, engine, output, "--verify")


@commands.command("info")
def info(model: ModelArgument, engine: EngineOption = "onnx", output: CacheOption = None) -> None:
    """Print as JSON what the service will make of a model, and whether its ONNX file is there."""
    _run("ai_stack.embeddings.inspect", model, engine, output)


def _run(module: str, model: Path, engine: str, output: Path | None, *options: str) -> None:
    """Run a command of the service as a process and end with its status: the command line imports no service."""
    where = ["--output", str(output)] if output is not None else []
    command = command_of(module, str(model), "--engine", engine, *where, *options)
    raise typer.Exit(subprocess.run(command, env=environment(), check=False).returncode)  # noqa: S603 - our own module
