"""What a case of an alert is, and the names that cases of several services share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

NODE = 'instance="n",job="ai-stack-node"'
ON_NODE = {"instance": "n", "job": "ai-stack-node"}
#: In minutes, and in steps of half an hour.
DAY = 1440
STEPS = 48


@dataclass(frozen=True)
class Case:
    """One alert.

    Attributes:
        alert: its name.
        at: minute at which it is looked at.
        step: minutes between two values.
        fires: series by name with labels.
        silent: values of the same series that must not make it fire; those that are missing here stay as in `fires`.
            A value of "" leaves the series out.
        labels: of the alert, besides those that the rule itself sets.
        summary: its text.
    """

    alert: str
    at: int
    fires: Mapping[str, str]
    silent: Mapping[str, str]
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    step: int = 1
