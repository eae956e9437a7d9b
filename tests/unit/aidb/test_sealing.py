"""Entries of the cache that say themselves whose they are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.aidb.sealing import seal, unseal


@given(st.text(max_size=40), st.binary(max_size=200))
def test_what_was_stored_comes_back(key: str, content: bytes) -> None:
    assert unseal(key, seal(key, content)) == content


@given(st.text(max_size=40), st.text(max_size=40), st.binary(max_size=200))
def test_the_entry_of_another_key_is_none(key: str, other: str, content: bytes) -> None:
    assert (unseal(other, seal(key, content)) is None) == (key != other)


@given(st.binary(max_size=100), st.data())
def test_an_entry_with_a_wrong_bit_is_none(content: bytes, data: st.DataObject) -> None:
    stored = bytearray(seal("key", content))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert unseal("key", bytes(stored)) is None


@pytest.mark.parametrize("reply", [None, b"", b"abc", 7, "text", [b"a"], True])
def test_a_reply_that_is_no_entry_is_none(reply: Any) -> None:
    assert unseal("key", reply) is None
