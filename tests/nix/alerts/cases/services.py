"""Alerts that every service has."""

from nix.alerts.cases.case import NODE, ON_NODE, Case

AIDB = {"component": "aidb"}
REQUESTS = 'aidb_http_requests_total{component="aidb",endpoint="/search",method="POST",status="200"}'
FAILURES = 'aidb_http_request_errors_total{component="aidb",endpoint="/search",method="POST",status="503"}'
REFUSALS = 'aidb_http_request_errors_total{component="aidb",endpoint="/search",method="POST",status="404"}'
BREAKER = 'aidb_circuit_breaker_state{component="aidb",instance="a",service="postgres"}'
ON_BREAKER = {"component": "aidb", "dependency": "postgres"}

CASES = (
    Case(
        "ServiceHealthCheckFailing",
        at=3,
        fires={'up{component="aidb",instance="a",job="ai-stack-aidb"}': "1 0x10"},
        silent={'up{component="aidb",instance="a",job="ai-stack-aidb"}': "1 0 1x10"},
        labels={**AIDB, "instance": "a", "job": "ai-stack-aidb"},
        summary="aidb at a does not answer",
    ),
    Case(
        "ServiceNotReady",
        at=10,
        fires={
            'aidb_ready{component="aidb",instance="a"}': "1 0x10",
            'aidb_ready{component="aidb",instance="b"}': "1x10",
        },
        silent={'aidb_ready{component="aidb",instance="a"}': "1 0 0 0 1x10"},
        labels={**AIDB, "instance": "a"},
        summary="aidb at a is not ready",
    ),
    Case(
        "ServiceRestarting",
        at=20,
        fires={f'node_systemd_service_restart_total{{name="ai-stack-aidb.service",{NODE}}}': "0x5 0+1x20"},
        silent={f'node_systemd_service_restart_total{{name="ai-stack-aidb.service",{NODE}}}': "0x5 1x20"},
        labels={"name": "ai-stack-aidb.service", **ON_NODE},
        summary="ai-stack-aidb.service keeps restarting",
    ),
    Case(
        "UnitFailed",
        at=10,
        fires={f'node_systemd_unit_state{{name="ai-stack-backup.service",state="failed",{NODE}}}': "1x20"},
        silent={f'node_systemd_unit_state{{name="ai-stack-backup.service",state="failed",{NODE}}}': "0x20"},
        labels={"name": "ai-stack-backup.service", "state": "failed", **ON_NODE},
        summary="The unit ai-stack-backup.service has failed",
    ),
    Case(
        "CircuitBreakerOpen",
        at=5,
        fires={BREAKER: "0 2x10"},
        silent={BREAKER: "0 1x10"},
        labels=ON_BREAKER,
        summary="aidb no longer calls postgres",
    ),
    Case(
        "CircuitBreakerHalfOpen",
        at=10,
        fires={BREAKER: "2 2 1 2 2 1 2 2 1 2 2"},
        silent={BREAKER: "0 0 0 0 0 2 2 2 2 2 2"},
        labels=ON_BREAKER,
        summary="aidb probes postgres again and again",
    ),
    Case(
        "HighErrorRate",
        at=20,
        fires={REQUESTS: "0+54x30", FAILURES: "0+6x30", REFUSALS: "0+9x30"},
        silent={FAILURES: "0+1x30", REFUSALS: "0+30x30"},
        labels=AIDB,
        summary="aidb fails 11.11% of its requests",
    ),
    Case(
        "HighLatency",
        at=30,
        fires={
            REQUESTS: "0+60x40",
            'aidb_http_request_latency_seconds_bucket{component="aidb",endpoint="/search",le="1"}': "0+30x40",
            'aidb_http_request_latency_seconds_bucket{component="aidb",endpoint="/search",le="5"}': "0+60x40",
            'aidb_http_request_latency_seconds_bucket{component="aidb",endpoint="/search",le="+Inf"}': "0+60x40",
        },
        silent={'aidb_http_request_latency_seconds_bucket{component="aidb",endpoint="/search",le="1"}': "0+59x40"},
        labels=AIDB,
        summary="aidb is slow: the 95th percentile is 4.6s",
    ),
    Case(
        "ErrorBudgetBurnFast",
        at=70,
        fires={REQUESTS: "0+100x90", FAILURES: "0+2x90"},
        # over within the last five minutes
        silent={FAILURES: "0+2x60 120x30"},
        labels=AIDB,
        summary="aidb fails 2% of its requests",
    ),
    Case(
        "ErrorBudgetBurnMedium",
        at=400,
        fires={REQUESTS: "0+1000x420", FAILURES: "0+8x420"},
        silent={FAILURES: "0+5x420"},
        labels=AIDB,
        summary="aidb fails 0.8% of its requests",
    ),
    Case(
        "ErrorBudgetBurnSlow",
        at=480,
        fires={REQUESTS: "0+1000x500", FAILURES: "0+2x500"},
        silent={FAILURES: "0+0.5x500"},
        labels=AIDB,
        summary="aidb fails 0.2% of its requests",
    ),
    Case(
        "ServiceMemoryHigh",
        at=15,
        fires={
            'aidb_process_memory_bytes{component="aidb",instance="a"}': "966367641x20",
            'aidb_process_memory_bytes{component="aidb",instance="b"}': "500000000x20",
        },
        silent={'aidb_process_memory_bytes{component="aidb",instance="a"}': "500000000x20"},
        labels={**AIDB, "instance": "a"},
        summary="aidb at a uses 90% of its memory",
    ),
)
