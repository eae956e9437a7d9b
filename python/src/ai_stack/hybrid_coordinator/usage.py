"""How useful a record has been, from the outcomes of the interactions that used it.

Outcomes are kept as votes under the id of the interaction instead of being added up: counting the same interaction
again, after a crash or a changed outcome, replaces its vote and nothing is counted twice.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

#: Votes kept for one record. Older ones weigh next to nothing by then.
MAX_VOTES = 64
#: Weight of the prior: a record nobody has voted on counts as one success and one failure (Laplace's rule).
PRIOR = 1.0


class Vote(BaseModel):
    """One interaction that used a record. `value`: 1 for success, 0 for failure, None while the outcome is unknown."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: float | None = Field(default=None, ge=0, le=1)
    at: AwareDatetime


def usefulness(votes: Iterable[Vote], *, now: datetime, half_life_days: float) -> float:
    """Return the share of good outcomes, 0 to 1; 0.5 without evidence, and again when the evidence is old.

    Each vote weighs half as much after `half_life_days` (exponential decay).
    """
    good = known = 0.0
    for vote in votes:
        if vote.value is not None:
            weight = _weight(vote, now, half_life_days)
            good += weight * vote.value
            known += weight
    return (good + PRIOR) / (known + 2 * PRIOR)


def uses(votes: Iterable[Vote], *, now: datetime, half_life_days: float) -> float:
    """Return the number of uses, each counted by its age as in `usefulness`."""
    return sum(_weight(vote, now, half_life_days) for vote in votes)


def superfluous(votes: Mapping[str, Vote]) -> list[str]:
    """Return the interactions whose votes are beyond `MAX_VOTES`, the oldest first."""
    newest = sorted(votes, key=lambda interaction: (votes[interaction].at, interaction), reverse=True)
    return newest[MAX_VOTES:][::-1]


def _weight(vote: Vote, now: datetime, half_life_days: float) -> float:
    age_days = max(0.0, (now - vote.at).total_seconds() / 86_400)
    return float(0.5 ** (age_days / half_life_days))
