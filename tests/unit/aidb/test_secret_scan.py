"""Credentials in documents, and what only looks like one."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.aidb.secret_scan import find_secret

BASE64 = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=64))
PEM = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BASE64}\n{BASE64}\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PEM, "a private key"),
        (PEM.replace("\n", "\\n"), "a private key"),
        (PEM.replace("OPENSSH ", ""), "a private key"),
        (
            PEM.replace("OPENSSH ", "RSA ").replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
            "a private key",
        ),
        ("key AKIA" + "ABCDEFGHIJKLMNOP.", "an AWS access key"),
        ("aws_secret_access_key = " + BASE64[:40], "an AWS secret key"),
        ("gho_" + BASE64[:36], "a GitHub token"),
        ("glpat-" + BASE64[:20], "a GitLab token"),
        ("xoxb-1234567890-" + BASE64[:24], "a Slack token"),
        ("sk_live_" + BASE64[:24], "a Stripe key"),
        ("sk-ant-api03-" + BASE64 + BASE64[:31], "an Anthropic key"),
        ("sk-proj-" + BASE64[:20] + "T3BlbkFJ" + BASE64[:20], "an OpenAI key"),
        ("AIza" + BASE64[:35], "a Google API key"),
        ("npm_" + BASE64[:36], "an npm token"),
        ("pypi-AgE" + BASE64, "a PyPI token"),
        ("AGE-SECRET-KEY-1" + "Q" * 58, "an age identity"),
        ("ais_" + BASE64[:43], "a key of this stack"),
    ],
)
def test_a_credential_is_found_with_its_line(text: str, kind: str) -> None:
    found = find_secret(f"one\ntwo {text}")

    assert found is not None
    assert (found.kind, found.line) == (kind, 2)


@pytest.mark.parametrize(
    "text",
    [
        "the file begins with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\n" + BASE64,
        "password = hunter2",
        "sk-learn and sk-ant are words",
        "ghp_short",
        "sha256-" + BASE64[:43] + "=",
        "MAKIAABCDEFGHIJKLMNOPQ",
    ],
)
def test_what_manuals_say_about_credentials_is_none(text: str) -> None:
    assert find_secret(text) is None


@given(st.lists(st.text(alphabet=" abc-_/=", max_size=30)), st.lists(st.text(alphabet="xyz \n", max_size=30)))
def test_the_line_is_right_whatever_is_around(before: list[str], after: list[str]) -> None:
    text = "".join(line + "\n" for line in before) + "AKIA" + "A" * 16 + "\n" + "".join(after)

    found = find_secret(text)

    assert found is not None
    assert found.line == len(before) + 1
