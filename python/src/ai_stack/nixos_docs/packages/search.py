"""Finds packages by attribute, name, program and words of the description."""

import sqlite3
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_stack.nixos_docs.lexicon import Field, Lexicon
from ai_stack.nixos_docs.packages.records import Package

#: Name of the collection in the index.
KIND = "package"

#: Words of the attribute, of the name, of the main program, of the description.
FIELDS = (Field(1.0, 0.3), Field(2.0, 0.0), Field(2.0, 0.0), Field(1.0, 0.5))

_EXACT_BONUS = 2.0
_PREFIX_BONUS = 0.5
# A package within a package set is meant less often than one outside.
_DEPTH_PENALTY = 0.2

# Names that begin with a letter or two are too many to be meant.
_MIN_PREFIX = 3


@dataclass(frozen=True, slots=True)
class PackageOutcome:
    """Numbers of the packages found with their relevance, best first; how many there are; corrected words."""

    hits: tuple[tuple[int, float], ...]
    total: int
    corrections: dict[str, str]


def fields_of(package: Package) -> tuple[str, str, str, str]:
    """Return the contents of `FIELDS`."""
    return package.attribute, package.name, package.main_program, package.description


def names_of(package: Package) -> set[str]:
    """Return what a package is called, in lower case: attribute, name and main program."""
    return {name.lower() for name in (package.attribute, package.name, package.main_program) if name}


def importance_of(attribute: str) -> float:
    """Return a factor for a package: one at the top level is meant more often than one in a set."""
    return 1 / (1 + _DEPTH_PENALTY * attribute.count("."))


class PackageSearch:
    """Searches the packages of an index. To be used by one thread at a time.

    Args:
        database: the index.
        importance: factor for each package.
    """

    def __init__(self, database: sqlite3.Connection, importance: NDArray[np.float32]) -> None:
        self._database = database
        self._lexicon = Lexicon(database, KIND, len(importance))
        self._importance = importance

    def search(self, question: str, *, limit: int) -> PackageOutcome:
        """Find packages.

        One whose attribute, name or program was typed comes first, then those whose name begins with it.

        Args:
            question: a name, the beginning of one, or words.
            limit: most packages to return.
        """
        query = self._lexicon.prepare(question)
        total = self._lexicon.score(query.stems)
        most = float(total.max(initial=0.0))
        total = total / np.float32(most) if most > 0 else total
        wanted = question.strip().lower()
        if len(wanted) >= _MIN_PREFIX:
            total[self._called(wanted, wanted + "\U0010ffff")] += _PREFIX_BONUS
        total[self._called(wanted, wanted)] += _EXACT_BONUS
        total *= self._importance
        found = np.flatnonzero(total)
        best = found[np.argsort(-total[found], kind="stable")][:limit]
        return PackageOutcome(
            hits=tuple((int(number), float(total[number])) for number in best),
            total=len(found),
            corrections=query.corrections,
        )

    def _called(self, first: str, last: str) -> list[int]:
        rows = self._database.execute(
            "SELECT DISTINCT number FROM package_names WHERE name BETWEEN ? AND ?", (first, last)
        )
        return [number for (number,) in rows]
