"""The sandbox of the services is one: every directive of it does what it is there for, under a running systemd."""

from host import directives
from host.probes import PROBES


def test_every_directive_of_the_baseline_has_a_probe() -> None:
    assert sorted(PROBES) == sorted(directives.baseline())


def test_what_a_directive_is_about_happens_on_one_side_of_it_only() -> None:
    for name, (without, with_it) in directives.outcomes().items():
        allowing = name in directives.ALLOWING
        assert (without, with_it) == (not allowing, allowing), name
