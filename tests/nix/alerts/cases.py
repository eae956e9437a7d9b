"""For each alert: measurements with which it fires, and some like them with which it does not.

Series are in the notation of `promtool test rules`, one value a step: `1+2x60` starts at 1 and grows by 2 sixty times,
`5x60` stays at 5, `_` is a step without value. https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


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


AIDB = {"component": "aidb"}
NODE = 'instance="n",job="ai-stack-node"'
ON_NODE = {"instance": "n", "job": "ai-stack-node"}
DISK = f'device="sda",fstype="ext4",mountpoint="/var",{NODE}'
ON_DISK = {"device": "sda", "fstype": "ext4", "mountpoint": "/var", **ON_NODE}
REQUESTS = 'aidb_http_requests_total{component="aidb",endpoint="/search",method="POST",status="200"}'
FAILURES = 'aidb_http_request_errors_total{component="aidb",endpoint="/search",method="POST",status="503"}'
REFUSALS = 'aidb_http_request_errors_total{component="aidb",endpoint="/search",method="POST",status="404"}'
BREAKER = 'aidb_circuit_breaker_state{component="aidb",instance="a",service="postgres"}'
ON_BREAKER = {"component": "aidb", "dependency": "postgres"}
EMBEDDINGS = 'component="embeddings",instance="e",job="ai-stack-embeddings"'
ON_EMBEDDINGS = {"component": "embeddings", "instance": "e", "job": "ai-stack-embeddings"}
SEARCHES = 'nixos_docs_search_seconds_bucket{component="nixos-docs",instance="d",kind="docs"'
TEXTFILE = "/var/lib/ai-stack/metrics"
VECTOR = 'instance="v",job="ai-stack-vector"'
LOKI = 'instance="l",job="ai-stack-loki"'
PUSH = "loki_api_v1_push"
#: In minutes, and in steps of half an hour.
DAY = 1440
STEPS = 48

CASES = (
    # Services
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
    # Gateway
    Case(
        "GatewayDown",
        at=5,
        fires={'nginx_up{instance="g",job="ai-stack-nginx"}': "0x10"},
        silent={'nginx_up{instance="g",job="ai-stack-nginx"}': "0 1x10"},
        labels={"instance": "g", "job": "ai-stack-nginx"},
        summary="The gateway does not answer",
    ),
    Case(
        "TLSCertificateExpiringSoon",
        at=100,
        fires={f"ai_stack_certificate_expiry_timestamp_seconds{{{NODE}}}": "438000x100"},
        silent={f"ai_stack_certificate_expiry_timestamp_seconds{{{NODE}}}": "1000000x100"},
        labels=ON_NODE,
        summary="The gateway's certificate ends in 5d 0h 0m 0s",
    ),
    Case(
        "TLSCertificateExpiryWarning",
        at=100,
        fires={f"ai_stack_certificate_expiry_timestamp_seconds{{{NODE}}}": "870000x100"},
        silent={f"ai_stack_certificate_expiry_timestamp_seconds{{{NODE}}}": "2000000x100"},
        labels=ON_NODE,
        summary="The gateway's certificate ends in 10d 0h 0m 0s and has not been renewed",
    ),
    Case(
        "TLSCertificateNotMeasured",
        at=4 * DAY,
        step=30,
        fires={f'node_textfile_mtime_seconds{{file="{TEXTFILE}/certificate.prom",{NODE}}}': f"0x{4 * STEPS}"},
        silent={f'node_textfile_mtime_seconds{{file="{TEXTFILE}/certificate.prom",{NODE}}}': f"0+1800x{4 * STEPS}"},
        labels={"file": f"{TEXTFILE}/certificate.prom", **ON_NODE},
        summary="Nobody has looked at the gateway's certificate for 4d 0h 0m 0s",
    ),
    # Machine
    Case(
        "DiskAlmostFull",
        at=20,
        fires={f"node_filesystem_avail_bytes{{{DISK}}}": "5x30", f"node_filesystem_size_bytes{{{DISK}}}": "100x30"},
        silent={f"node_filesystem_avail_bytes{{{DISK}}}": "15x30"},
        labels=ON_DISK,
        summary="/var has 5% left",
    ),
    Case(
        "DiskFullSoon",
        at=500,
        fires={
            f"node_filesystem_avail_bytes{{{DISK}}}": "1000-0.8x500",
            f"node_filesystem_size_bytes{{{DISK}}}": "2000x500",
        },
        silent={f"node_filesystem_avail_bytes{{{DISK}}}": "700-0.1x500"},
        labels=ON_DISK,
        summary="/var will be full within a day",
    ),
    Case(
        "MemoryLow",
        at=15,
        fires={f"node_memory_MemAvailable_bytes{{{NODE}}}": "5x20", f"node_memory_MemTotal_bytes{{{NODE}}}": "100x20"},
        silent={f"node_memory_MemAvailable_bytes{{{NODE}}}": "25x20"},
        labels=ON_NODE,
        summary="5% of the machine's memory is left",
    ),
    Case(
        "MemoryPressure",
        at=15,
        fires={f"node_pressure_memory_stalled_seconds_total{{{NODE}}}": "0+12x20"},
        silent={f"node_pressure_memory_stalled_seconds_total{{{NODE}}}": "0+3x20"},
        labels=ON_NODE,
        summary="The machine stands still for want of memory, 20% of the time",
    ),
    Case(
        "OutOfMemoryKill",
        at=8,
        fires={f"node_vmstat_oom_kill{{{NODE}}}": "3x5 4x10"},
        silent={f"node_vmstat_oom_kill{{{NODE}}}": "3x15"},
        labels=ON_NODE,
        summary="The kernel has ended a process for want of memory",
    ),
    Case(
        "ProcessorSaturated",
        at=50,
        fires={
            f'node_cpu_seconds_total{{cpu="0",mode="idle",{NODE}}}': "0+1x60",
            f'node_cpu_seconds_total{{cpu="1",mode="idle",{NODE}}}': "0+2x60",
        },
        silent={f'node_cpu_seconds_total{{cpu="1",mode="idle",{NODE}}}': "0+30x60"},
        labels={"instance": "n"},
        summary="The processors have been busy for half an hour",
    ),
    # Stores
    Case(
        "PostgresDown",
        at=5,
        fires={'pg_up{instance="p",job="ai-stack-postgres"}': "0x10"},
        silent={'pg_up{instance="p",job="ai-stack-postgres"}': "1x10"},
        labels={"instance": "p", "job": "ai-stack-postgres"},
        summary="PostgreSQL does not answer",
    ),
    Case(
        "PostgresConnectionsHigh",
        at=10,
        fires={
            'pg_stat_database_numbackends{datname="a",instance="p"}': "60x10",
            'pg_stat_database_numbackends{datname="b",instance="p"}': "35x10",
            'pg_settings_max_connections{instance="p",server="s"}': "100x10",
        },
        silent={'pg_stat_database_numbackends{datname="b",instance="p"}': "20x10"},
        labels={"instance": "p"},
        summary="95% of PostgreSQL's connections are taken",
    ),
    Case(
        "DatabaseGrowthHigh",
        at=130,
        fires={'pg_database_size_bytes{datname="ai-stack-aidb",instance="p"}': "0+35791394x140"},
        silent={'pg_database_size_bytes{datname="ai-stack-aidb",instance="p"}': "0+10000000x140"},
        labels={"datname": "ai-stack-aidb"},
        summary="The database ai-stack-aidb grows by 2GiB an hour",
    ),
    Case(
        "RedisDown",
        at=5,
        fires={'redis_up{instance="r",job="ai-stack-redis"}': "0x10"},
        silent={'redis_up{instance="r",job="ai-stack-redis"}': "1x10"},
        labels={"instance": "r", "job": "ai-stack-redis"},
        summary="Redis does not answer",
    ),
    Case(
        "RedisConnectionFailures",
        at=10,
        fires={'redis_rejected_connections_total{instance="r",job="ai-stack-redis"}': "0+2x20"},
        silent={'redis_rejected_connections_total{instance="r",job="ai-stack-redis"}': "7x20"},
        labels={"instance": "r", "job": "ai-stack-redis"},
        summary="Redis has refused 10 connections",
    ),
    Case(
        "QdrantSlowQueries",
        at=15,
        fires={
            f'rest_responses_duration_seconds_bucket{{endpoint="/c/points/query",job="ai-stack-qdrant",le="{le}"}}': v
            for le, v in {"1": "0+10x20", "3": "0+60x20", "+Inf": "0+60x20"}.items()
        },
        silent={
            'rest_responses_duration_seconds_bucket{endpoint="/c/points/query",job="ai-stack-qdrant",le="1"}': "0+59x20"
        },
        labels={"endpoint": "/c/points/query"},
        summary="Qdrant takes 2.88s for /c/points/query",
    ),
    Case(
        "VectorStorageGrowthHigh",
        at=130,
        fires={'collections_vector_total{instance="q",job="ai-stack-qdrant"}': "0+20000x140"},
        silent={'collections_vector_total{instance="q",job="ai-stack-qdrant"}': "0+1000x140"},
        labels={"instance": "q", "job": "ai-stack-qdrant"},
        summary="Qdrant stores 1.2M more vectors an hour",
    ),
    # Backups
    Case(
        "BackupFailed",
        at=10,
        fires={f"ai_stack_backup_status{{{NODE}}}": "0x20"},
        silent={f"ai_stack_backup_status{{{NODE}}}": "1x20"},
        labels=ON_NODE,
        summary="The last backup has failed",
    ),
    Case(
        "BackupTooOld",
        at=2 * DAY,
        step=30,
        fires={f"ai_stack_backup_last_success_timestamp{{{NODE}}}": f"0x{2 * STEPS}"},
        silent={f"ai_stack_backup_last_success_timestamp{{{NODE}}}": f"0x{STEPS} 86400x{STEPS}"},
        labels=ON_NODE,
        summary="The last whole backup is 2d 0h 0m 0s old",
    ),
    Case(
        "BackupMissing",
        at=2 * DAY,
        step=30,
        fires={f"up{{{NODE}}}": f"1x{2 * STEPS}"},
        silent={f"ai_stack_backup_last_success_timestamp{{{NODE}}}": f"_x{STEPS} 86400x{STEPS}"},
        summary="There has never been a backup of this machine",
    ),
    # Monitoring
    Case(
        "PrometheusTargetDown",
        at=10,
        fires={'up{instance="q",job="ai-stack-qdrant"}': "0x20"},
        silent={'up{instance="q",job="ai-stack-qdrant"}': "1 1 1 0 0 1x20"},
        labels={"instance": "q", "job": "ai-stack-qdrant"},
        summary="ai-stack-qdrant at q cannot be measured",
    ),
    Case(
        "PrometheusRuleFailures",
        at=15,
        fires={'prometheus_rule_evaluation_failures_total{instance="m",rule_group="g"}': "0+1x20"},
        silent={'prometheus_rule_evaluation_failures_total{instance="m",rule_group="g"}': "5x20"},
        labels={"instance": "m", "rule_group": "g"},
        summary="Prometheus fails to evaluate rules of g",
    ),
    Case(
        "AlertmanagerNotFound",
        at=10,
        fires={'prometheus_notifications_alertmanagers_discovered{instance="m"}': "0x20"},
        silent={'prometheus_notifications_alertmanagers_discovered{instance="m"}': "1x20"},
        labels={"instance": "m"},
        summary="Prometheus knows no Alertmanager",
    ),
    Case(
        "AlertsNotDelivered",
        at=25,
        fires={
            'alertmanager_notifications_failed_total{instance="m",integration="webhook",reason="errors"}': "0+1x30",
            'alertmanager_notifications_failed_total{instance="m",integration="webhook",reason="other"}': "0x30",
        },
        silent={'alertmanager_notifications_failed_total{instance="m",integration="webhook",reason="errors"}': "2x30"},
        labels={"instance": "m", "integration": "webhook"},
        summary="Alertmanager fails to deliver through webhook",
    ),
    # Logs
    Case(
        "LogsNotShipped",
        at=20,
        fires={
            f'vector_http_client_errors_total{{component_id="loki",error_kind="refused",{VECTOR}}}': "1+2x30",
            f'vector_http_client_responses_total{{component_id="loki",status="204",{VECTOR}}}': "0+9x30",
            f'vector_http_client_responses_total{{component_id="loki",status="500",{VECTOR}}}': "7x30",
        },
        # away for a while, then back
        silent={
            f'vector_http_client_errors_total{{component_id="loki",error_kind="refused",{VECTOR}}}': "1 3 5 7 9x30"
        },
        labels={"instance": "v"},
        summary="Log lines do not reach Loki",
    ),
    Case(
        "LogStoreFailing",
        at=20,
        fires={
            f'loki_request_duration_seconds_count{{method="POST",route="{PUSH}",status_code="204",{LOKI}}}': "0+9x30",
            f'loki_request_duration_seconds_count{{method="POST",route="{PUSH}",status_code="500",{LOKI}}}': "0x30",
            f"loki_ingester_chunks_flush_failures_total{{{LOKI}}}": "0+1x30",
        },
        silent={f"loki_ingester_chunks_flush_failures_total{{{LOKI}}}": "3x30"},
        labels={"instance": "l"},
        summary="Loki fails to store or to find log lines",
    ),
    # embeddings
    Case(
        "EmbeddingServiceOverloaded",
        at=5,
        fires={f"embeddings_queue_tokens{{{EMBEDDINGS}}}": "60000x10"},
        silent={f"embeddings_queue_tokens{{{EMBEDDINGS}}}": "30000x10"},
        labels=ON_EMBEDDINGS,
        summary="60k tokens wait for the model, of 65536 that may",
    ),
    Case(
        "EmbeddingQueueSlow",
        at=15,
        fires={
            f'embeddings_batch_wait_seconds_bucket{{{EMBEDDINGS},le="{le}"}}': values
            for le, values in {"1": "0+10x20", "3": "0+60x20", "+Inf": "0+60x20"}.items()
        },
        silent={f'embeddings_batch_wait_seconds_bucket{{{EMBEDDINGS},le="1"}}': "0+60x20"},
        labels={"component": "embeddings"},
        summary="Texts wait 2.88s for the model",
    ),
    Case(
        "EmbeddingModelNotLoaded",
        at=15,
        fires={f"up{{{EMBEDDINGS}}}": "1x20", f"embeddings_model_load_seconds{{{EMBEDDINGS}}}": "_x20"},
        silent={f"embeddings_model_load_seconds{{{EMBEDDINGS}}}": "_x4 2.5x20"},
        labels=ON_EMBEDDINGS,
        summary="The model is not loaded at e",
    ),
    # aidb
    Case(
        "DatabasePoolExhausted",
        at=5,
        fires={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "19x10",
            'aidb_db_pool_overflow{component="aidb",instance="a"}': "3x10",
            'aidb_db_pool_size{component="aidb",instance="a"}': "20x10",
        },
        silent={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "15x10",
            'aidb_db_pool_overflow{component="aidb",instance="a"}': "0x10",
        },
        labels={**AIDB, "instance": "a"},
        summary="110% of the connections to PostgreSQL are taken or waited for",
    ),
    Case(
        "DatabasePoolLeaking",
        at=20,
        fires={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "16x30",
            'aidb_db_pool_size{component="aidb",instance="a"}': "20x30",
        },
        # a busy pool goes up and down
        silent={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "16 2 16 16 16 2 16 16 16 2 16 16 16 2 16x12"
        },
        labels={**AIDB, "instance": "a"},
        summary="16 connections to PostgreSQL have not been given back for minutes",
    ),
    Case(
        "EmbeddingBacklog",
        at=30,
        fires={
            'aidb_embedding_backlog_chunks{component="aidb",instance="a"}': "40x40",
            'aidb_chunks_embedded_total{component="aidb",instance="a"}': "1000x40",
        },
        silent={'aidb_chunks_embedded_total{component="aidb",instance="a"}': "1000+10x40"},
        labels={**AIDB, "instance": "a"},
        summary="40 chunks wait for their vector and none gets one",
    ),
    Case(
        "ImportStalled",
        at=30,
        fires={
            'aidb_import_lines_waiting{component="aidb",instance="a"}': "7x40",
            'aidb_import_lines_total{component="aidb",instance="a",outcome="created"}': "1000x40",
        },
        silent={'aidb_import_lines_total{component="aidb",instance="a",outcome="updated"}': "1000+10x40"},
        labels={**AIDB, "instance": "a"},
        summary="7 lines of imports wait and none is stored",
    ),
    Case(
        "SearchesDegraded",
        at=20,
        fires={'aidb_searches_degraded_total{component="aidb",instance="a"}': "0+1x60"},
        silent={'aidb_searches_degraded_total{component="aidb",instance="a"}': "0x10 1x50"},
        labels={**AIDB, "instance": "a"},
        summary="10 searches in ten minutes had to do without the meaning of their query",
    ),
    # hybrid-coordinator
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
    # nixos-docs
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
