"""What was found, as answers."""

import re
from collections.abc import Sequence
from typing import Any

from ai_stack.nixos_docs.catalogue_models import (
    CheckedOption,
    FoundOption,
    OptionCheckResponse,
    OptionItem,
    OptionResponse,
    OptionSearchResponse,
    OptionSummary,
    PackageItem,
    PackageSearchResponse,
)
from ai_stack.nixos_docs.models import ResultMetadata, SearchResponse, SearchResult
from ai_stack.nixos_docs.options.checking import Verdict
from ai_stack.nixos_docs.options.reader import OptionRow
from ai_stack.nixos_docs.options.search import OptionOutcome
from ai_stack.nixos_docs.packages.records import Package
from ai_stack.nixos_docs.packages.search import PackageOutcome
from ai_stack.nixos_docs.reader import SearchOutcome

_MANUAL = "https://nixos.org/manual/nixos/stable/options"
# Declarations of nixpkgs, as options.json has them: with or without a revision's address before them.
_OF_NIXOS = re.compile(r"(?:^|/|<nixpkgs/)nixos/modules/")


def docs(query: str, outcome: SearchOutcome, release: str | None, *, degraded: bool) -> SearchResponse:
    """Return the answer to a search of the documentation."""
    return SearchResponse(
        query=query,
        release=release,
        total=outcome.total,
        results=[
            SearchResult(
                source=hit.source,
                path=hit.path,
                title=hit.title,
                heading=hit.heading,
                content=hit.content,
                url=hit.url,
                relevance=round(hit.relevance, 4),
                metadata=ResultMetadata(anchor=hit.anchor, line=hit.line, truncated=hit.truncated),
            )
            for hit in outcome.hits
        ],
        degraded=degraded,
        corrections=outcome.corrections,
    )


def options(
    query: str, outcome: OptionOutcome, rows: Sequence[OptionRow], release: str | None, *, degraded: bool
) -> OptionSearchResponse:
    """Return the answer to a search for options."""
    return OptionSearchResponse(
        query=query,
        release=release,
        total=outcome.total,
        options=[
            FoundOption(**_fields(row), relevance=round(relevance, 4))
            for row, (_, relevance) in zip(rows, outcome.hits, strict=True)
        ],
        degraded=degraded,
        corrections=outcome.corrections,
    )


def option(
    name: str, row: OptionRow | None, children: Sequence[OptionRow], total: int, release: str | None
) -> OptionResponse:
    """Return the answer about one option."""
    return OptionResponse(
        name=name,
        release=release,
        option=OptionItem(**_fields(row)) if row is not None else None,
        children=[
            OptionSummary(name=child.name, type=child.type, description=child.description.split("\n\n", 1)[0])
            for child in children
        ],
        total_children=total,
    )


def missing(verdict: Verdict, release: str | None) -> str:
    """Return a sentence about an option that is not there."""
    where = f"NixOS {release}" if release else "this index"
    if verdict.status == "renamed":
        return f"{verdict.path} is called {verdict.replacement} in {where}"
    if verdict.status == "removed":
        return f"{verdict.path} was removed from {where}: {verdict.message}".rstrip(": ")
    if verdict.status in ("exists", "freeform"):
        return f"{verdict.path} is no option of its own in {where}, but a value within {verdict.option}"
    told = f"there is no option {verdict.path} in {where}"
    return f"{told}; the nearest are {', '.join(verdict.nearest)}" if verdict.nearest else told


def checked(verdicts: Sequence[Verdict], release: str | None, *, truncated: bool) -> OptionCheckResponse:
    """Return the answer to a check of options."""
    return OptionCheckResponse(
        release=release,
        ok=all(verdict.status in ("exists", "freeform") for verdict in verdicts),
        checked=len(verdicts),
        truncated=truncated,
        results=[
            CheckedOption(
                path=verdict.path,
                line=verdict.line,
                status=verdict.status,
                option=verdict.option,
                replacement=verdict.replacement,
                message=verdict.message,
                nearest=list(verdict.nearest),
            )
            for verdict in verdicts
        ],
    )


def packages(
    query: str, outcome: PackageOutcome, rows: Sequence[Package], release: str | None
) -> PackageSearchResponse:
    """Return the answer to a search for packages."""
    return PackageSearchResponse(
        query=query,
        release=release,
        total=outcome.total,
        packages=[
            PackageItem(
                attribute=package.attribute,
                name=package.name,
                version=package.version or None,
                description=package.description or None,
                homepage=package.homepage or None,
                licenses=list(package.licenses),
                main_program=package.main_program or None,
                relevance=round(relevance, 4),
            )
            for package, (_, relevance) in zip(rows, outcome.hits, strict=True)
        ],
        corrections=outcome.corrections,
    )


def _fields(row: OptionRow) -> dict[str, Any]:
    """Return the fields of an `OptionItem`."""
    of_nixos = any(_OF_NIXOS.search(declaration) for declaration in row.declarations)
    # The manual's anchors: https://github.com/NixOS/nixpkgs/tree/master/pkgs/by-name/ni/nixos-render-docs
    anchor = re.sub(r'[*<> \[\]:"]', "_", f"opt-{row.name}")
    return {
        "name": row.name,
        "type": row.type,
        "default": row.default,
        "example": row.example,
        "description": row.description,
        "declarations": list(row.declarations),
        "read_only": row.read_only,
        "alias_of": row.alias_of or None,
        "url": f"{_MANUAL}#{anchor}" if of_nixos else None,
    }
