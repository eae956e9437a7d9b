"""Alerts of the collector of figures."""

from nix.alerts.cases.case import NODE, ON_NODE, Case

FILE = "/var/lib/ai-stack/metrics/collector.prom"

CASES = (
    Case(
        "CollectorStale",
        at=30,
        fires={f'node_textfile_mtime_seconds{{file="{FILE}",{NODE}}}': "0+60x5 300x40"},
        silent={f'node_textfile_mtime_seconds{{file="{FILE}",{NODE}}}': "0+60x40"},
        labels={"file": FILE, **ON_NODE},
        summary="The collector's figures are 25m 0s old",
    ),
)
