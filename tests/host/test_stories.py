"""Every story of nixos-tests/ that can run here, on machines under a real systemd."""

import pytest

from host import golden, stories


@pytest.mark.parametrize("story", golden.stories())
def test_the_story_comes_true(story: str) -> None:
    stories.run(story)
