"""What is asked of a server. No text comes twice, so that no cache helps."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# Common words, each one token of MiniLM's vocabulary.
_WORDS = tuple(
    """
    time year people way day man thing woman life child world school state family student group country
    problem hand part place case week company system program question work government number night point
    home water room mother area money story fact month lot right study book eye job word business issue
    side kind head house service friend father power hour game line end member law car city community name
    president team minute idea kid body back parent
    """.split()  # noqa: SIM905 - a list would be a page long
)


def words(chance: random.Random, count: int) -> str:
    """Return a text of `count` words."""
    return " ".join(chance.choices(_WORDS, k=count))


@dataclass(frozen=True, slots=True)
class Workload:
    """A closed loop: each client sends its next request when it has the answer to the one before."""

    name: str
    clients: int
    texts: int
    """Of a request."""
    shortest: int
    """Words of a text."""
    longest: int

    def requests(self, seed: int) -> Iterator[list[str]]:
        """Texts of one request after another, for ever; the same for every server that gets the same `seed`."""
        chance = random.Random(f"{self.name} {seed}")
        while True:
            yield [words(chance, chance.randint(self.shortest, self.longest)) for _ in range(self.texts)]


ONE = Workload("1 client, short", 1, 1, 5, 13)
SIXTEEN = Workload("16 clients, short", 16, 1, 5, 13)
HUNDRED = Workload("100 clients, short", 100, 1, 5, 13)
MIXED = Workload("4 clients, 64 texts of mixed length", 4, 64, 4, 126)
LONG = Workload("16 clients, 128 tokens", 16, 1, 126, 126)
WORKLOADS = (ONE, SIXTEEN, HUNDRED, MIXED, LONG)
