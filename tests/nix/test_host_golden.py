"""The machines of tests/host are what the stories evaluate to."""

import pytest

from host import golden
from host.rendering import render


@pytest.mark.parametrize("story", golden.stories())
def test_what_is_kept_of_a_story_is_what_it_evaluates_to(story: str) -> None:
    remedy = f"PYTHONPATH=tests python -m host.golden {story}"
    assert (golden.DIRECTORY / story).is_dir(), f"the story was never rendered: {remedy}"

    assert golden.read(story) == render(story), f"stale: {remedy}, and look at the difference"
