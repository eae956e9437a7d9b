"""Reads the packages of an index."""

import sqlite3
from collections.abc import Sequence

import orjson

from ai_stack.nixos_docs.catalogue import Catalogue
from ai_stack.nixos_docs.packages.records import Package
from ai_stack.nixos_docs.packages.search import PackageOutcome, PackageSearch


class PackageReader:
    """The packages of an index. To be used by one thread at a time.

    Args:
        database: the index.
        catalogue: of the index.
    """

    def __init__(self, database: sqlite3.Connection, catalogue: Catalogue) -> None:
        self._database = database
        self._search = PackageSearch(database, catalogue.package_importance)

    def search(self, question: str, *, limit: int) -> PackageOutcome:
        """Find packages; see `PackageSearch.search`."""
        return self._search.search(question, limit=limit)

    def get(self, numbers: Sequence[int]) -> list[Package]:
        """Return packages, in the order of their numbers as given."""
        rows = self._database.execute(
            "SELECT number, attribute, name, version, description, homepage, licenses, main_program FROM packages"
            " WHERE number IN (SELECT value FROM json_each(?))",
            (orjson.dumps(list(numbers)).decode(),),
        ).fetchall()
        packages = {
            number: Package(
                attribute=attribute,
                name=name,
                version=version,
                description=description,
                homepage=homepage,
                licenses=tuple(orjson.loads(licenses)),
                main_program=main_program,
            )
            for number, attribute, name, version, description, homepage, licenses, main_program in rows
        }
        return [packages[number] for number in numbers]
