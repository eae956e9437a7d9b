"""What a log line may hold."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ai_stack.service import redaction
from ai_stack.service.auth import generate_key
from ai_stack.service.redaction import MASK, MAX_ITEMS, MAX_TEXT, clean, clean_text, is_secret_name, register_secret


@pytest.fixture(autouse=True)
def _no_registered_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", ())


class Colour(StrEnum):
    RED = "red"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


class HostileMapping(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        raise RuntimeError("no item for you")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys for you")

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "API-Key", "X-API-Key", "apiKey", "upstream_api_key", "authorization", "Proxy-Authorization",
        "password", "postgres_password", "passwd", "passphrase", "token", "access_token", "accessToken", "secret",
        "client_secret", "cookie", "Set-Cookie", "dsn", "postgres_dsn", "credentials", "private_key",
    ],
)  # fmt: skip
def test_the_name_of_a_field_gives_a_secret_away(name: str) -> None:
    assert is_secret_name(name)
    assert clean({name: "hunter2"}) == {name: MASK}


@pytest.mark.parametrize(
    "name",
    [
        "tokens", "max_tokens", "token_count", "prompt_tokens", "tokenizer", "api_keys_file", "password_file",
        "credentials_directory", "api_key_name", "key", "author", "passed", "primary_key", "dsnowflake",
    ],
)  # fmt: skip
def test_a_name_that_only_resembles_a_secret_is_left_alone(name: str) -> None:
    assert clean({name: "value"}) == {name: "value"}


def test_secrets_are_found_at_any_depth() -> None:
    value = {"request": {"headers": [{"Authorization": "Bearer x"}, ("a", {"password": 7})]}}
    assert clean(value) == {"request": {"headers": [{"Authorization": MASK}, ["a", {"password": MASK}]]}}


def test_an_absent_secret_is_shown_as_absent() -> None:
    assert clean({"password": None}) == {"password": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ai:p@ss@db:5432/x", f"postgresql://{MASK}@db:5432/x"),
        ("redis://:hunter2@127.0.0.1/0 failed", f"redis://{MASK}@127.0.0.1/0 failed"),
        ("host=db password=hunter2 user=ai", f"host=db password={MASK} user=ai"),
        ("GET /search?token=abc&q=nix", f"GET /search?token={MASK}&q=nix"),
        ("""{'password': 'hunter2', 'a': 1}""", f"""{{'password': '{MASK}', 'a': 1}}"""),
        ('{"api_key": "hunter2"}', f'{{"api_key": "{MASK}"}}'),
        ("X-API-Key: hunter2\nHost: a", f"X-API-Key: {MASK}\nHost: a"),
        ("Authorization: Basic aHVudGVyMg==", f"Authorization: {MASK}"),
        ("got Bearer abcdefghijklmnop1234 here", f"got Bearer {MASK} here"),
    ],
)
def test_secrets_are_found_in_text(text: str, expected: str) -> None:
    assert clean_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "unexpected token: '}'", "max_tokens=512", "the bearer authentication failed", "https://example.org/@user",
        "imports = [ ../hardware.nix ];", "https://example.org/?to=a@b.org", "api_keys_file=/run/keys",
    ],
)  # fmt: skip
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text


def test_a_registered_secret_is_masked_wherever_it_occurs() -> None:
    register_secret("s3cr&t'\\")
    found = {
        "plain": "key is s3cr&t'\\!",
        "url": "http://a/?k=s3cr%26t%27%5C",
        "repr": "got " + repr(["s3cr&t'\\"]),
        "s3cr&t'\\": 1,
        "bytes": b"s3cr&t'\\",
        "object": Path("/x/s3cr&t'\\"),
    }
    text = json.dumps(clean(found))
    assert "s3cr" not in text
    assert text.count(MASK) == len(found)


def test_a_secret_that_is_part_of_another_does_not_uncover_its_rest() -> None:
    register_secret("hunter")
    register_secret("hunter2-long")
    assert clean_text("hunter2-long hunter") == f"{MASK} {MASK}"


def test_an_empty_secret_masks_nothing() -> None:
    register_secret("")
    assert clean_text("abc") == "abc"


def test_settings_secrets_are_never_shown() -> None:
    assert "hunter2" not in json.dumps(clean({"value": SecretStr("hunter2")}))


def test_common_values_become_readable_text() -> None:
    value = {
        "path": Path("/tmp/x"),
        "uuid": UUID(int=1),
        "decimal": Decimal("1.5"),
        "moment": datetime(2026, 1, 9, tzinfo=UTC),
        "enum": Colour.RED,
        "error": ValueError("bad"),
        "float64": np.float64(0.5),
        "set": {1},
        3: "key",
    }
    assert json.loads(orjson.dumps(clean(value))) == {
        "path": "/tmp/x",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "decimal": "1.5",
        "moment": "2026-01-09 00:00:00+00:00",
        "enum": "red",
        "error": "ValueError('bad')",
        "float64": 0.5,
        "set": [1],
        "3": "key",
    }


def test_what_cannot_be_shown_is_named() -> None:
    assert clean(Hostile()) == "<Hostile without text: RuntimeError>"
    assert clean(HostileMapping()) == "<HostileMapping that cannot be read: RuntimeError>"


def test_a_value_that_holds_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    orjson.dumps(clean(endless))


def test_long_values_are_cut_with_both_ends_kept() -> None:
    text = clean_text("a" * MAX_TEXT + "middle" + "z" * MAX_TEXT)
    assert len(text) < MAX_TEXT + 100
    assert text.startswith("aaa")
    assert text.endswith("zzz")
    assert f"[{MAX_TEXT + 6} characters]" in text
    assert clean(list(range(MAX_ITEMS + 5)))[-1] == "… 5 more"
    assert clean({str(i): i for i in range(MAX_ITEMS + 5)})["…"] == "5 more"


def test_a_long_text_made_to_slow_the_search_down_is_searched_fast() -> None:
    for piece in ("token", "a-", "password='", "://", "authorization:", "key=\"'"):
        clean_text(piece * (200_000 // len(piece)))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
)


@given(_json)
def test_any_value_becomes_json(value: Any) -> None:
    json.loads(orjson.dumps(clean(value)))


@given(
    st.text(st.characters()), st.text(st.characters(exclude_categories=["Cs"]), min_size=8), st.text(st.characters())
)
def test_no_text_shows_a_registered_secret(before: str, secret: str, after: str) -> None:
    register_secret(secret)
    cleaned = clean_text(before + secret + after)
    # The mask itself may contain it.
    assert secret not in cleaned or secret in MASK


@pytest.mark.parametrize("text", ["/documents/{}", "{}", "curl -H {}\n", "x{}y"])
def test_an_api_key_is_masked_wherever_a_caller_puts_it(text: str) -> None:
    assert clean_text(text.format(generate_key())).startswith(text.partition("{}")[0] + MASK)
