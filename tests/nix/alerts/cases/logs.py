"""Alerts of the collection of logs."""

from nix.alerts.cases.case import Case

VECTOR = 'instance="v",job="ai-stack-vector"'
LOKI = 'instance="l",job="ai-stack-loki"'
PUSH = "loki_api_v1_push"

CASES = (
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
)
