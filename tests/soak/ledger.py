"""What was written, so that every answer can be judged: which versions of a document may an answer show?

A document's text names its version. Writes of one document follow each other; a search runs beside them. It may show
the version that was acknowledged last before it began, or any whose write began before it ended, and no other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_STATE = re.compile(r"\bstate(\d+)q(\d+)\b")
#: Of texts that mean nothing.
WORDS: Final = (
    *("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "juniper", "kelp", "lagoon"),
    *("maple", "nectar", "otter", "pebble", "quarry", "ridge", "spruce", "thicket", "umber", "valley", "willow"),
)


@dataclass
class Document:
    """One path.

    Attributes:
        number: names the document in its path and text.
        states: every version whose write has begun, None where it was deleted; the first is its absence.
        settled: the latest write was acknowledged.
        id: its id in aidb while it is stored.
    """

    number: int
    states: list[int | None] = field(default_factory=lambda: [None])
    settled: bool = True
    id: int | None = None

    @property
    def path(self) -> str:
        """Its path in aidb."""
        return f"soak/{self.number}.md"

    @property
    def word(self) -> str:
        """A word that every version of it has, and no other document."""
        return f"page{self.number}q"

    @property
    def latest(self) -> int | None:
        """The version whose write began last."""
        return self.states[-1]

    @property
    def last_settled(self) -> int:
        """Index of the latest acknowledged state."""
        return len(self.states) - (1 if self.settled else 2)

    def text(self) -> str:
        """The content of the latest version."""
        version = self.latest or 0
        words = " ".join(WORDS[(self.number * 7 + version * 5 + n) % len(WORDS)] for n in range(12))
        return f"# Page {self.number}\n\nThe page {self.word} is in state{self.number}q{version}, {words}.\n"

    def begin(self, *, deleted: bool = False) -> None:
        """A write is about to be sent."""
        self.states.append(None if deleted else len(self.states))
        self.settled = False

    def acknowledge(self) -> None:
        """The write was answered with success."""
        self.settled = True


class Window:
    """The versions that an answer may show, from its construction to the moment it is asked.

    Args:
        ledger: of all documents.
    """

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger
        self._begin = [document.last_settled for document in ledger.documents]

    def states(self, document: Document) -> set[int | None]:
        """The versions of a document that there were meanwhile; None: there was none."""
        return set(document.states[self._begin[document.number] :])

    def wrong(self, text: str) -> Iterator[str]:
        """What `text` shows and must not, as sentences."""
        for number, version in {(int(a), int(b)) for a, b in _STATE.findall(text)}:
            allowed = self.states(self._ledger.documents[number])
            if version not in allowed:
                yield f"document {number} is shown in version {version}, which is none of {sorted_states(allowed)}"


class Ledger:
    """All documents of a run.

    Args:
        size: how many paths there are.
    """

    def __init__(self, size: int) -> None:
        self.documents = [Document(number) for number in range(size)]

    def window(self) -> Window:
        """Begin to look at an answer."""
        return Window(self)


def sorted_states(states: set[int | None]) -> list[int | None]:
    """Return states in order, absence first."""
    return sorted(states, key=lambda state: -1 if state is None else state)
