"""For each alert: measurements with which it fires, and some like them with which it does not.

Series are in the notation of `promtool test rules`, one value a step: `1+2x60` starts at 1 and grows by 2 sixty times,
`5x60` stays at 5, `_` is a step without value. https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/

One module per service; a new one is named here.
"""

from nix.alerts.cases import (
    aidb,
    backups,
    collector,
    embeddings,
    gateway,
    hybrid_coordinator,
    logs,
    machine,
    monitoring,
    nixos_docs,
    services,
    stores,
)
from nix.alerts.cases.case import Case

CASES: tuple[Case, ...] = (
    *services.CASES,
    *gateway.CASES,
    *machine.CASES,
    *stores.CASES,
    *backups.CASES,
    *monitoring.CASES,
    *logs.CASES,
    *collector.CASES,
    *embeddings.CASES,
    *aidb.CASES,
    *hybrid_coordinator.CASES,
    *nixos_docs.CASES,
)
