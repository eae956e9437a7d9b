"""Alerts of nixos-docs."""

from nix.alerts.cases.case import Case

SEARCHES = 'nixos_docs_search_seconds_bucket{component="nixos-docs",instance="d",kind="docs"'

CASES = (
    Case(
        "DocumentationIndexMissing",
        at=15,
        fires={'nixos_docs_index_sections{component="nixos-docs",instance="d"}': "0x20"},
        silent={'nixos_docs_index_sections{component="nixos-docs",instance="d"}': "0 0 4000x20"},
        labels={"component": "nixos-docs", "instance": "d"},
        summary="nixos-docs at d has no index",
    ),
    Case(
        "DocumentationSearchDegraded",
        at=30,
        fires={
            'nixos_docs_degraded_searches_total{component="nixos-docs",instance="d",kind="docs"}': "0+60x40",
            'nixos_docs_vectors_missing{component="nixos-docs",instance="d"}': "0x40",
        },
        silent={
            'nixos_docs_degraded_searches_total{component="nixos-docs",instance="d",kind="docs"}': "0+60x40",
            'nixos_docs_vectors_missing{component="nixos-docs",instance="d"}': "900-20x40",
        },
        labels={"component": "nixos-docs", "instance": "d"},
        summary="nixos-docs at d searches by words alone",
    ),
    Case(
        "DocumentationSearchSlow",
        at=30,
        fires={
            f'{SEARCHES},le="1"}}': "0x40",
            f'{SEARCHES},le="2.5"}}': "0+60x40",
            f'{SEARCHES},le="+Inf"}}': "0+60x40",
        },
        silent={f'{SEARCHES},le="1"}}': "0+60x40", f'{SEARCHES},le="+Inf"}}': "0+60x40"},
        labels={"component": "nixos-docs", "instance": "d", "kind": "docs"},
        summary="A search for docs in nixos-docs takes 2.425s",
    ),
)
