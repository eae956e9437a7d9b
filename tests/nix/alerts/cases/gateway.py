"""Alerts of the gateway and its certificate."""

from nix.alerts.cases.case import DAY, NODE, ON_NODE, STEPS, Case

TEXTFILE = "/var/lib/ai-stack/metrics"

CASES = (
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
)
