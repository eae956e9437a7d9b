"""The rendered units are those that somebody has looked at."""

import pytest

from nix import golden


@pytest.mark.parametrize("name", golden.WATCHED)
def test_the_units_are_as_they_were_reviewed(name: str) -> None:
    assert golden.rendered(name) == golden.stored(name), "if this is meant: PYTHONPATH=tests python tests/nix/golden.py"
