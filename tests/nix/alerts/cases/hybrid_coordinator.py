"""Alerts of hybrid-coordinator."""

from nix.alerts.cases.case import Case

CASES = (
    Case(
        "DegradedAnswers",
        at=20,
        fires={
            'hybrid_degraded_answers_total{component="hybrid-coordinator",service="embeddings"}': "0+5x30",
            'hybrid_degraded_answers_total{component="hybrid-coordinator",service="qdrant"}': "0+1x30",
            'hybrid_requests_total{component="hybrid-coordinator",endpoint="/augment_query",status="200"}': "0+20x30",
        },
        silent={'hybrid_degraded_answers_total{component="hybrid-coordinator",service="embeddings"}': "0+1x30"},
        labels={"component": "hybrid-coordinator", "service": "embeddings"},
        summary="25% of the answers are given without embeddings",
    ),
    Case(
        "LearnedContextNotCollected",
        at=400,
        fires={
            'hybrid_gc_runs_total{component="hybrid-coordinator",instance="h",result="failure"}': (
                "1x60 2x60 3x60 4x300"
            ),
            'hybrid_gc_runs_total{component="hybrid-coordinator",instance="h",result="success"}': "5x480",
        },
        silent={
            'hybrid_gc_runs_total{component="hybrid-coordinator",instance="h",result="success"}': "5x300 6x180",
        },
        labels={"component": "hybrid-coordinator", "instance": "h", "result": "failure"},
        summary="3 runs of the garbage collection at h failed and none succeeded",
    ),
)
