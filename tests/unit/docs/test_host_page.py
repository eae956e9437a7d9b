"""docs/host-tests.md says what tests/host does."""

from pathlib import Path

from host.directives import values
from host.substitutions import TABLE

PAGE = Path(__file__).parents[3] / "docs" / "host-tests.md"


def test_the_page_lists_every_substitution() -> None:
    page = PAGE.read_text()

    assert [row for row in TABLE if f"| {row[0]} | {row[1]} |" not in page] == []


def test_the_page_lists_every_directive_with_its_value() -> None:
    page = PAGE.read_text()

    assert [name for name, lines in values().items() if f"| `{', '.join(lines)}` |" not in page] == []
