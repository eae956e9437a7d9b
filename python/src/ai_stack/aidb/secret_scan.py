"""Finds credentials in documents. What is stored here comes back in searches and prompts, for everybody with a key.

Only forms that a program can tell from prose: keys in PEM, and tokens with the prefixes that their issuers gave them
for this purpose. A password in a sentence is not found.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential in a text: what it looks like, and its line, from 1. The credential itself is not kept."""

    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class _Form:
    """What a credential looks like. Without one of the `markers` in a text, the slow `pattern` need not be tried."""

    kind: str
    markers: tuple[str, ...]
    pattern: re.Pattern[str]


_FORMS = tuple(
    _Form(kind, tuple(markers.split()), re.compile(pattern))
    for kind, markers, pattern in (
        # A header alone is in every manual. With the length of a real key below it, it is one.
        (
            "a private key",
            "-----BEGIN",
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            r"(?:\\n|\s)(?:[A-Za-z0-9+/=:,.\-\s]|\\n){0,400}?[A-Za-z0-9+/]{40}",
        ),
        ("an AWS access key", "AKIA ASIA", r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
        (
            "an AWS secret key",
            "aws_secret AWS_SECRET",
            r"(?i:aws_secret_access_key)[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/])",
        ),
        (
            "a GitHub token",
            "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
            r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})(?!\w)",
        ),
        ("a GitLab token", "glpat- gldt- glrt- glptt- glcbt-", r"(?<!\w)gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{20,}"),
        ("a Slack token", "xox", r"(?<!\w)xox[abposr]-[0-9A-Za-z]{8,}-[0-9A-Za-z-]{8,}"),
        ("a Stripe key", "k_live_", r"(?<!\w)[sr]k_live_[A-Za-z0-9]{20,}"),
        ("an Anthropic key", "sk-ant-", r"(?<!\w)sk-ant-[a-z]+\d\d-[A-Za-z0-9_-]{80,}"),
        ("an OpenAI key", "T3BlbkFJ", r"(?<!\w)sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{0,200}T3BlbkFJ[A-Za-z0-9_-]{20,}"),
        ("a Google API key", "AIza", r"(?<!\w)AIza[A-Za-z0-9_-]{35}(?![\w-])"),
        ("a Hugging Face token", "hf_", r"(?<!\w)hf_[A-Za-z]{34}(?!\w)"),
        ("an npm token", "npm_", r"(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)"),
        ("a PyPI token", "pypi-AgE", r"(?<!\w)pypi-AgE[A-Za-z0-9_-]{50,}"),
        ("an age identity", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58,}"),
        ("a key of this stack", "ais_", r"(?<!\w)ais_[A-Za-z0-9_-]{40,}"),
    )
)


def find_secret(text: str) -> Secret | None:
    """Return the first credential in a text, None when there is none that is known."""
    found = [
        (match.start(), form.kind)
        for form in _FORMS
        if any(marker in text for marker in form.markers) and (match := form.pattern.search(text))
    ]
    if not found:
        return None
    start, kind = min(found)
    return Secret(kind, text.count("\n", 0, start) + 1)
