"""Alerts of Prometheus and Alertmanager themselves."""

from nix.alerts.cases.case import Case

CASES = (
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
)
