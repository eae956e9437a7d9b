"""The command that builds an index: `ai-stack-nixos-docs-build`, or `python -m ai_stack.nixos_docs.build`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ai_stack.nixos_docs.builder import BuildError, build_index
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.sources import SourceError, sources_below

#: Name of the index within the directory that the command writes.
INDEX_NAME = "index.sqlite"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build an index from the command line."""
    parser = argparse.ArgumentParser(
        prog="ai-stack-nixos-docs-build", description="Build the index of documentation, options and packages."
    )
    parser.add_argument(
        "--docs",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        metavar="DIR",
        help="directory whose folders are one source of documentation each",
    )
    parser.add_argument("--options", type=Path, metavar="FILE", help="options.json of nixosOptionsDoc")
    parser.add_argument("--packages", type=Path, metavar="FILE", help="packages.json, or what nix-env -qaP --json says")
    parser.add_argument(
        "--modules",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        metavar="DIR",
        help="directory of Nix modules (nixos/modules of nixpkgs): tells what was renamed or removed",
    )
    parser.add_argument("--release", help="NixOS release of all this; taken from the options when they tell")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help=f"where to write {INDEX_NAME}")
    options = parser.parse_args(arguments)
    if not (options.docs or options.options or options.packages):
        parser.error("nothing to index: give --docs, --options or --packages")
    target = options.output / INDEX_NAME
    try:
        inputs = Inputs(
            sources=[source for root in options.docs for source in sources_below(root)],
            options=options.options,
            packages=options.packages,
            modules=options.modules,
            release=options.release,
        )
        report = build_index(inputs, target)
    except (SourceError, BuildError) as error:
        sys.stderr.write(f"nixos-docs build: {error}\n")
        return 1
    sys.stdout.write(
        f"{target}: {report.sections} sections of {report.files} files, {report.options} options"
        f" ({report.renames} renamed or removed), {report.packages} packages; NixOS {report.release or 'unknown'}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
