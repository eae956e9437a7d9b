"""Everything that reads what others wrote: whatever comes, the answer is a result or the error that is documented.

Valid inputs are cut, repeated and mixed with arbitrary bytes, which gets deeper into a parser than noise alone.
"""

import contextlib
import contextvars
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_stack.aidb.chunking import ContentType, chunk_document
from ai_stack.nixos_docs.nix.assignments import assignments
from ai_stack.nixos_docs.nix.parser import SnippetError, parse
from ai_stack.nixos_docs.nix.renames import renames_in
from ai_stack.service.auth import KeyFileError, KeyRecord, key_record, read_key_file
from ai_stack.service.settings import ServiceSettings, SettingsError, load_settings
from ai_stack.service.tracing import current_ids, server_span

SHARED_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def mutations(*seeds: bytes) -> st.SearchStrategy[bytes]:
    """Return pieces of the seeds in any order and number, with arbitrary bytes between them."""
    pieces = sorted({piece for seed in seeds for piece in re.findall(rb"\w+|\s+|[^\w\s]", seed)})
    part = st.one_of(st.sampled_from(pieces), st.sampled_from(seeds), st.binary(max_size=8))
    return st.one_of(st.binary(max_size=300), st.lists(part, max_size=60).map(b"".join))


def as_text(content: bytes) -> str:
    """Return bytes as text, those that are not UTF-8 replaced, as at every entrance of the services."""
    return content.decode("utf-8", "replace")


SNIPPETS = mutations(
    b'{ config, lib, ... }: { services.nginx = { enable = true; virtualHosts."a.b".root = ./x; }; }',
    b"''indented ${ {a = 1;}.a } text''",
    b"let x = [ 1 (f y) ]; in rec { inherit (x) a b; c.d = lib.mkIf (a -> b) [ <nixpkgs> ]; } # comment",
    b'lib.mkRenamedOptionModule [ "a" "b" ] [ "c" ] /* x */',
)


@given(SNIPPETS.map(as_text))
def test_any_nix_snippet_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except SnippetError:
        with pytest.raises(SnippetError):
            assignments(text)
    else:
        assignments(text)
    renames_in(text)


@pytest.mark.parametrize(
    "opening", ["{ a = ", "[ ", "( ", '"${', "''${", "let x = ", "x: ", "if a then ", "f (", "/* "]
)
def test_a_nix_snippet_that_nests_without_end_breaks_nothing(opening: str) -> None:
    with contextlib.suppress(SnippetError):
        assignments(opening * 20_000)


DOCUMENTS = mutations(
    b"# Title {#id}\n\n```nix\n{ }\n```\n\n> quote\n\n1. item\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nSetext\n======\n",
    b"Title\n=====\n\n.. note:: text\n\n   indented\n\n::\n\n    literal\n\n+---+\n| a |\n+---+\n",
    b"<div>\n<!-- comment -->\n</div>\n\r\n\t* list\n    * nested\n\x0c~~~~\n",
)


@given(DOCUMENTS.map(as_text), st.sampled_from(["text/markdown", "text/x-rst", "text/plain"]), st.integers(4, 64))
def test_any_document_is_cut_into_its_own_text(text: str, content_type: ContentType, max_tokens: int) -> None:
    chunks = chunk_document(text, content_type, max_tokens=max_tokens)
    assert "".join(chunk.text for chunk in chunks) == text


TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@given(mutations(TRACE, b"ff-00000000000000000000000000000000-0000000000000000-zz", b"congo=t61rcWkgMzE,a@b=c"))
def test_any_trace_header_gives_a_valid_trace(content: bytes) -> None:
    header = content.decode("latin-1")

    def serve() -> tuple[str, str] | tuple[None, None]:
        with server_span({"traceparent": header, "tracestate": header}, "GET", "/x"):
            return current_ids()

    # As in a task of its own: the ids of a request outlive it there, for the line in the access log.
    trace_id, span_id = contextvars.copy_context().run(serve)
    assert trace_id is not None
    assert span_id is not None
    assert re.fullmatch("[0-9a-f]{32}", trace_id)
    assert int(trace_id, 16)
    assert int(span_id, 16)


@SHARED_DIRECTORY
@given(
    mutations(
        json.dumps([key_record("one", "ais_" + "a" * 43, {"read"})]).encode(),
        b'[{"name": "two", "digest": "00", "scopes": ["admin", 1, null]}] {"a": 1e999, "b": [[]]}',
    )
)
def test_any_key_file_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    try:
        records = read_key_file(path)
    except KeyFileError:
        return
    assert all(isinstance(record, KeyRecord) for record in records)


class FuzzedSettings(ServiceSettings, env_prefix="FUZZED_"):
    """A service."""

    port: int = 8100


@SHARED_DIRECTORY
@given(
    mutations(
        b'{"port": 8100, "host": "127.0.0.1", "log_level": "INFO", "auth": "disabled"}',
        b'{"rate_limits": {"interactive": {"per_second": 5, "burst": 10}}, "tracing": {"enabled": true}, "x": null}',
    ),
    st.dictionaries(
        st.sampled_from(["FUZZED_PORT", "FUZZED_HOST", "FUZZED_AUTH", "FUZZED_RATE_LIMITS", "FUZZED_UNKNOWN"]),
        st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30),
    ),
)
def test_any_settings_are_read_or_refused(tmp_path: Path, content: bytes, environ: dict[str, str]) -> None:
    config = tmp_path / "settings.json"
    config.write_bytes(content)
    try:
        found = load_settings(FuzzedSettings, config=config, environ=environ)
    except SettingsError:
        return
    assert isinstance(found.port, int)
