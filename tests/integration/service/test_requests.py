"""What a service answers, to good requests and to bad ones."""

import gzip
import io
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict

from ai_stack.service.context import SERVICE
from support.http import Answer, Api, Keys, api, running

from .toy import create_app, toy_settings


def assert_refused(answer: Answer, status: int) -> str:
    """Check the envelope; return its message."""
    assert answer.status == status, answer.body
    body = answer.json
    assert set(body) == {"error", "error_id"}
    assert len(body["error_id"]) == 12
    assert answer.headers["X-Request-ID"]
    assert answer.headers["Content-Type"].startswith("application/json")
    return str(body["error"])


async def test_a_valid_request_is_answered(toy: Api) -> None:
    answer = await toy("POST", "/greet", json={"name": "Ada", "times": 2})
    assert (answer.status, answer.json) == (200, {"greeting": "hello Ada hello Ada"})


async def test_a_key_may_come_as_bearer_token(toy: Api, keys: Keys) -> None:
    answer = await toy.with_key(None)("GET", "/items", headers={"Authorization": f"Bearer {keys.read}"})
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/items", "/nowhere", "/openapi.json", "/health/../items"])
async def test_no_key_is_401_even_where_there_is_no_route(toy: Api, path: str) -> None:
    answer = await toy.with_key(None)("GET", path)
    assert_refused(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_wrong_key_is_401(toy: Api) -> None:
    assert_refused(await toy.with_key("ais_wrong")("GET", "/items"), 401)


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "PUT", "/items", 403),
        ("read", "DELETE", "/items", 403),
        ("write", "DELETE", "/items", 403),
        ("write", "GET", "/items", 200),
        ("write", "PUT", "/items", 200),
        ("admin", "PUT", "/items", 200),
        ("admin", "DELETE", "/items", 204),
    ],
)
async def test_scopes_are_enforced_per_route(
    toy: Api, keys: Keys, scope: str, method: str, path: str, status: int
) -> None:
    client = toy.with_key(getattr(keys, scope))
    answer = await client(method, path, **({"json": {"name": "x"}} if method == "PUT" else {}))
    assert answer.status == status
    if status == 403:
        assert "scope" in assert_refused(answer, 403)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health/startup", "/metrics"])
async def test_health_and_metrics_need_no_key(toy: Api, path: str) -> None:
    answer = await toy.with_key(None)("GET", path)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"


async def test_an_unknown_route_is_404_with_a_key(toy: Api) -> None:
    assert_refused(await toy("GET", "/nowhere"), 404)


async def test_a_wrong_method_is_405_and_says_which_are_allowed(toy: Api) -> None:
    answer = await toy("PATCH", "/items")
    assert_refused(answer, 405)
    assert "GET" in answer.headers["Allow"]


async def test_head_is_answered_like_get(toy: Api) -> None:
    answer = await toy("HEAD", "/items")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe{}",
        b'{"name": "\xc3\x28"}',
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"name": "a\\u0000b"}',
        b'{"name": "x", "extra": {"a\\u0000": 1}}',
        b'{"name": "x", "extra": ' + b'{"a":' * 70 + b"1" + b"}" * 71,
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"nmae": "x"}',
        b'{"name": ""}',
        b'{"name": 5}',
        b'{"name": "x", "times": "2"}',
        b'{"name": "x", "times": true}',
        b'{"name": "x", "times": 99999999999999999999999}',
        b'"text"',
        b"null",
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
async def test_a_bad_body_is_400(toy: Api, body: bytes) -> None:
    message = assert_refused(await toy("POST", "/greet", data=body, headers={"Content-Type": "application/json"}), 400)
    assert "\n" not in message


async def test_a_400_names_the_field(toy: Api) -> None:
    assert "times" in assert_refused(await toy("POST", "/greet", json={"name": "x", "times": 9}), 400)
    assert "nmae: unknown field" in assert_refused(await toy("POST", "/greet", json={"nmae": "x"}), 400)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limt=1", "limit=1&limit=2", "limit=%00"])
async def test_a_bad_query_is_400(toy: Api, query: str) -> None:
    assert_refused(await toy("GET", f"/items?{query}"), 400)


@pytest.mark.parametrize("number", ["0", "x", "1001", "%00", "1%00"])
async def test_a_bad_path_parameter_is_404(toy: Api, number: str) -> None:
    assert_refused(await toy("GET", f"/items/{number}"), 404)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_another_content_type_is_415(toy: Api, content_type: str) -> None:
    assert_refused(await toy("POST", "/greet", data=b"{}", headers={"Content-Type": content_type}), 415)


async def test_a_two_megabyte_body_is_413(toy: Api) -> None:
    body = io.BytesIO(json.dumps({"name": "x" * 2_000_000}).encode())
    assert_refused(await toy("POST", "/greet", data=body, headers={"Content-Type": "application/json"}), 413)


async def test_a_body_without_length_is_413_as_soon_as_it_is_too_long(toy: Api) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b"x" * 65536

    answer = await toy("POST", "/greet", data=endless(), headers={"Content-Type": "application/json"})
    assert_refused(answer, 413)


async def test_a_compressed_body_counts_by_what_it_unpacks_to(toy: Api) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    small = gzip.compress(b'{"name": "Ada"}')
    assert (await toy("POST", "/greet", data=small, headers=headers)).status == 200
    bomb = gzip.compress(b'{"name": "' + b"x" * 50_000_000 + b'"}')
    assert_refused(await toy("POST", "/greet", data=bomb, headers=headers), 413)


@pytest.mark.parametrize("data", [b"no gzip at all", gzip.compress(b'{"name": "Ada"}')[:-12] + b"garbage, not 12"])
async def test_a_body_that_cannot_be_unpacked_is_400(toy: Api, caplog: pytest.LogCaptureFixture, data: bytes) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert_refused(await toy("POST", "/greet", data=data, headers=headers), 400)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_unknown_content_encoding_is_415(toy: Api) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "rot13"}
    assert_refused(await toy("POST", "/greet", data=b'{"name": "Ada"}', headers=headers), 415)


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_two_keys_at_once_are_none(toy: Api, keys: Keys, header: str) -> None:
    prefix = "Bearer " if header == "Authorization" else ""
    for pair in ((keys.read, "ais_other"), ("ais_other", keys.read)):
        headers = CIMultiDict([(header, prefix + key) for key in pair])
        async with aiohttp.ClientSession() as session, session.get(f"{toy.base}/items", headers=headers) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"),
    [
        ("conflict", 409, None),
        ("unprocessable", 422, None),
        ("busy", 429, "2"),
        ("down", 503, "5"),
        ("absent", 501, None),
    ],
)
async def test_a_service_error_becomes_its_status(toy: Api, kind: str, status: int, retry_after: str | None) -> None:
    answer = await toy("GET", f"/refuse/{kind}")
    assert_refused(answer, status)
    assert answer.headers.get("Retry-After") == retry_after


async def test_openai_routes_have_both_envelopes(toy: Api) -> None:
    answer = await toy("GET", "/openai")
    assert answer.status == 503
    assert answer.json["error"]["message"] == "model is loading"
    assert answer.json["error"]["type"] == "service_unavailable"
    assert answer.json["error_id"]


async def test_a_bug_is_500_and_its_text_stays_in_the_log(toy: Api, caplog: pytest.LogCaptureFixture) -> None:
    answer = await toy("GET", "/bug")
    assert assert_refused(answer, 500) == "internal error"
    assert b"hunter2" not in answer.body
    [record] = [record for record in caplog.records if answer.json["error_id"] in str(record.msg)]
    assert "RuntimeError" in str(record.msg)


async def test_a_handler_that_takes_too_long_is_504(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path, request_timeout=0.05))
    async with running(app) as base, api(base, keys.read) as client:
        assert_refused(await client("GET", "/wait"), 504)


async def test_the_request_id_is_taken_over_or_made(toy: Api) -> None:
    offered = {"X-Request-ID": "req-1.2:3"}
    assert (await toy("GET", "/items", headers=offered)).headers["X-Request-ID"] == "req-1.2:3"
    assert (await toy.with_key(None)("GET", "/items", headers=offered)).headers["X-Request-ID"] == "req-1.2:3"
    assert (await toy("GET", "/nowhere", headers=offered)).headers["X-Request-ID"] == "req-1.2:3"
    assert (await toy("GET", "/stream", headers=offered)).headers["X-Request-ID"] == "req-1.2:3"
    for bad in ("a b", "x" * 129, '"', "é"):
        answer = await toy("GET", "/items", headers={"X-Request-ID": bad})
        assert answer.headers["X-Request-ID"] not in ("", bad)


async def test_limits_are_per_key_and_per_route_class(keys: Keys) -> None:
    limit = {"rate_per_minute": 1, "burst": 2}
    app = create_app(toy_settings(keys.path, rate_limits={"interactive": limit}))
    async with running(app) as base, api(base, keys.read) as reader:
        assert [(await reader("GET", "/items")).status for _ in range(3)] == [200, 200, 429]
        answer = await reader("GET", "/items")
        assert_refused(answer, 429)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        writer = reader.with_key(keys.write)
        assert (await writer("GET", "/items")).status == 200
        assert (await writer("PUT", "/items", json={"name": "x"})).status == 200
        assert (await reader("GET", "/refuse/conflict")).status == 409
        assert (await reader("GET", "/health")).status == 200


async def test_without_auth_everything_is_open_and_limits_count_by_address(keys: Keys) -> None:
    limit = {"rate_per_minute": 1, "burst": 1}
    app = create_app(toy_settings(None, auth="disabled", rate_limits={"interactive": limit}))
    async with running(app) as base, api(base, None) as client:
        assert (await client("DELETE", "/items")).status == 204
        assert (await client("GET", "/items")).status == 429


async def test_metrics_say_whether_the_service_can_serve(keys: Keys) -> None:
    app = create_app(toy_settings(keys.path))
    async with running(app) as base, api(base, None) as client:
        assert b"toy_ready 1\n" in (await client("GET", "/metrics")).body
        app[SERVICE].health.set_not_ready("the index is being built")
        assert b"toy_ready 0\n" in (await client("GET", "/metrics")).body


async def test_the_software_and_its_version_are_not_told(toy: Api) -> None:
    for path in ("/items", "/nowhere", "/stream", "/health"):
        assert "Server" not in (await toy("GET", path)).headers


async def test_a_stream_is_sent_as_it_is_written(toy: Api) -> None:
    answer = await toy("GET", "/stream")
    assert (answer.status, answer.body) == (200, b"data: one\n\n")


async def test_metrics_count_by_route_template_and_unknown_paths_share_one_label(toy: Api) -> None:
    for number in (1, 2, 3):
        await toy("GET", f"/items/{number}")
        await toy("GET", f"/nowhere/{number}")
    await toy.with_key(None)("GET", "/items")
    text = (await toy("GET", "/metrics")).body.decode()
    lines = [line for line in text.splitlines() if line.startswith("toy_requests_total")]
    found = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def count(endpoint: str, status: str) -> float:
        wanted = [f'endpoint="{endpoint}"', 'method="GET"', f'status="{status}"']
        return sum(value for labels, value in found.items() if all(part in labels for part in wanted))

    assert count("/items/{number}", "200") == 3
    assert count("unmatched", "404") == 3
    assert count("/items", "401") == 1
    assert "/nowhere" not in text
    assert "toy_request_latency_seconds_bucket" in text
    assert "toy_process_memory_bytes" in text


async def test_failures_are_remembered_for_administrators_only(toy: Api, keys: Keys) -> None:
    failed = await toy("GET", "/bug", headers={"X-Request-ID": "the-first-one"})
    await toy("GET", "/refuse/down")
    await toy("GET", "/nowhere")
    assert_refused(await toy("GET", "/errors/recent"), 403)
    answer = await toy.with_key(keys.admin)("GET", "/errors/recent")
    assert answer.headers["Cache-Control"] == "no-store"
    newest, oldest = answer.json["errors"]
    assert (newest["status"], newest["route"], newest["method"]) == (503, "/refuse/{kind}", "GET")
    assert (oldest["error_id"], oldest["request_id"]) == (failed.json["error_id"], "the-first-one")
    # what the client was told, not what the exception said
    assert (oldest["status"], oldest["error"]) == (500, "internal error")
    assert "hunter2" not in answer.body.decode()


async def test_after_a_failed_start_what_had_started_stops(keys: Keys) -> None:
    happened: list[str] = []

    async def first(_: web.Application) -> AsyncIterator[None]:
        happened.append("started")
        yield
        happened.append("stopped")

    async def second(_: web.Application) -> AsyncIterator[None]:
        if happened:
            raise RuntimeError("no such store")
        yield

    app = create_app(toy_settings(keys.path))
    app.cleanup_ctx.extend([first, second])
    with pytest.raises(RuntimeError, match="no such store"):
        async with running(app):
            pass
    assert happened == ["started", "stopped"]
