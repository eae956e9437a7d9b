"""Reads the options of an index."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from ai_stack.nixos_docs.catalogue import Catalogue
from ai_stack.nixos_docs.lexicon import Query
from ai_stack.nixos_docs.options.search import OptionOutcome, OptionSearch, Similarity

_COLUMNS = "number, name, type, default_text, example, description, declarations, read_only, alias_of"


@dataclass(frozen=True, slots=True)
class OptionRow:
    """An option as it is stored; see `ai_stack.nixos_docs.options.records.Option`."""

    number: int
    name: str
    type: str
    default: str | None
    example: str | None
    description: str
    declarations: tuple[str, ...]
    read_only: bool
    alias_of: str


class OptionReader:
    """The options of an index. To be used by one thread at a time.

    Args:
        database: the index.
        catalogue: of the index.
    """

    def __init__(self, database: sqlite3.Connection, catalogue: Catalogue) -> None:
        self._database = database
        self._search = OptionSearch(database, catalogue)

    def prepare(self, question: str) -> Query:
        """Make a question ready; see `Lexicon.prepare`."""
        return self._search.prepare(question)

    def search(
        self,
        question: str,
        *,
        limit: int,
        similarity: Similarity | None = None,
        prepared: Query | None = None,
    ) -> OptionOutcome:
        """Find options; see `OptionSearch.search`. `prepared` is the question from `prepare`, where that is at hand."""
        prepared = prepared or self._search.prepare(question)
        return self._search.search(question, prepared, limit=limit, similarity=similarity)

    def get(self, numbers: Sequence[int]) -> list[OptionRow]:
        """Return options, in the order of their numbers as given."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM options WHERE number IN (SELECT value FROM json_each(?))",  # noqa: S608 - constants
            (orjson.dumps(list(numbers)).decode(),),
        ).fetchall()
        options = {row[0]: _row(*row) for row in rows}
        return [options[number] for number in numbers]


def _row(
    number: int,
    name: str,
    kind: str,
    default: str | None,
    example: str | None,
    description: str,
    declarations: str,
    read_only: int,
    alias_of: str,
) -> OptionRow:
    return OptionRow(
        number=number,
        name=name,
        type=kind,
        default=default,
        example=example,
        description=description,
        declarations=tuple(orjson.loads(declarations)),
        read_only=bool(read_only),
        alias_of=alias_of,
    )
