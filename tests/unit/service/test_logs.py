"""Log lines: form, fields, context, and that nothing breaks them."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_stack.service import logs, tracing
from ai_stack.service.context import request_id
from ai_stack.service.logs import get_logger, register_secret
from support.logs import LogLines

log = get_logger("ai_stack.tested")


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")

    __repr__ = __str__


def test_a_line_says_when_where_what_and_who(log_lines: LogLines) -> None:
    log.info("documents.stored", document_id=7)
    line = log_lines.last()
    moment = line.pop("timestamp")
    assert moment.endswith("Z")
    assert datetime.fromisoformat(moment).utcoffset() is not None
    assert line == {
        "level": "info",
        "logger": "ai_stack.tested",
        "event": "documents.stored",
        "service": "tested",
        "version": "1.2.3",
        "document_id": 7,
    }


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_each_level_is_named_in_its_line(log_lines: LogLines, level: str) -> None:
    log_lines.configure(level="DEBUG")
    getattr(log, level)("x")
    assert log_lines.last()["level"] == level


def test_lines_below_the_level_are_not_written_and_their_fields_not_looked_at(log_lines: LogLines) -> None:
    log_lines.configure(level="WARNING")
    for write in (log.debug, log.info):
        write("x", value=Hostile())
    log_lines.configure(level="CRITICAL")
    log.warning("x")
    log.error("x")
    assert log_lines.text == ""


def test_bound_fields_are_in_each_line(log_lines: LogLines) -> None:
    log.bind(batch=3, service="postgres").info("x", size=2)
    line = log_lines.last()
    assert (line["batch"], line["size"], line["service"], line["service_"]) == (3, 2, "tested", "postgres")


def test_a_field_cannot_pose_as_one_of_the_lines_own(log_lines: LogLines) -> None:
    log.info("x", event="y", level="z", timestamp="t", trace_id="1", exception="e", version=2)
    line = log_lines.last()
    assert (line["event"], line["level"], line["version"]) == ("x", "info", "1.2.3")
    assert (line["event_"], line["level_"], line["version_"], line["trace_id_"]) == ("y", "z", 2, "1")
    assert "trace_id" not in line
    assert "exception" not in line


def test_the_standard_library_logs_in_the_same_form(log_lines: LogLines) -> None:
    logging.getLogger("asyncio").warning("slow: %s took %.1f s", "task", 1.25)
    line = log_lines.last()
    assert line["event"] == "slow: task took 1.2 s"
    assert (line["logger"], line["level"], line["service"]) == ("asyncio", "warning", "tested")
    logging.getLogger("asyncio").warning("%(a)s", {"a": 1})
    assert log_lines.last()["event"] == "1"


def test_a_warning_is_a_line(log_lines: LogLines) -> None:
    warnings.simplefilter("always")
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    line = log_lines.last()
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in line["event"]


def test_a_line_is_written_once_even_after_basic_config(log_lines: LogLines) -> None:
    logging.getLogger().addHandler(logging.StreamHandler(io.StringIO()))
    log_lines.configure()
    log_lines.configure()
    log.info("once")
    assert len(log_lines.all()) == 1
    assert all(type(handler) is not logging.StreamHandler for handler in logging.getLogger().handlers)


def test_a_handled_exception_is_one_string(log_lines: LogLines) -> None:
    try:
        raise ValueError("password=hunter2 is wrong")
    except ValueError as error:
        log.exception("a")
        log.warning("b", exc_info=error)
        logging.getLogger("x").exception("c")
        log.info("d", exc_info=True)
    for line in log_lines.all():
        assert line["exception"].startswith("Traceback (most recent call last):\n")
        assert line["exception"].endswith("ValueError: password=[redacted] is wrong")
    assert [line["level"] for line in log_lines.all()] == ["error", "warning", "error", "info"]


def test_asking_for_an_exception_where_there_is_none_adds_nothing(log_lines: LogLines) -> None:
    log.info("x", exc_info=True)
    logging.getLogger("x").error("y", exc_info=True)
    log.info("z", exc_info=None)
    assert all("exception" not in line for line in log_lines.all())


def test_a_stack_is_shown_on_request(log_lines: LogLines) -> None:
    logging.getLogger("x").warning("y", stack_info=True)
    assert log_lines.last()["stack"].startswith("Stack (most recent call last)")


@pytest.mark.parametrize("args", [("a",), ("a", "b", "c"), (Hostile(), 1), ({"k": 1},)])
def test_a_bad_format_does_not_lose_its_line(log_lines: LogLines, args: tuple[object, ...]) -> None:
    log_lines.be_alone()
    logging.getLogger("x").warning("one %s two %d", *args)
    assert log_lines.last()["event"].startswith("one %s two %d ")
    log.warning("one %s two %d", *args)
    assert log_lines.last()["event"].startswith("one %s two %d ")


def test_a_value_that_cannot_be_serialised_does_not_lose_its_line(log_lines: LogLines) -> None:
    log_lines.be_alone()
    log.info("x", value=Hostile(), number=10**30, text="\ud800", nan=float("nan"))
    line = log_lines.last()
    assert line["value"] == "<Hostile without text: RuntimeError>"
    assert line["number"] == str(10**30)
    assert line["text"] == "\\ud800"


def test_a_message_that_has_no_text_does_not_lose_its_line(log_lines: LogLines) -> None:
    log_lines.be_alone()
    logging.getLogger("x").warning(Hostile())
    line = log_lines.last()
    assert line["event"] == "<record that cannot be rendered: RuntimeError>"
    assert (line["logger"], line["level"]) == ("x", "warning")


def test_a_closed_stream_does_not_disturb_the_caller(log_lines: LogLines, capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    logs.configure("tested", "1.2.3", stream=stream)
    stream.close()
    log.info("x")
    assert capsys.readouterr().err == ""


def test_no_character_ends_a_line_early(log_lines: LogLines) -> None:
    text = "a\nb\r\x00\x1b[31m\x85\x9b\u2028\u2029\x7fé"
    log.info(text, field=text, **{text: 1})
    logging.getLogger(text).warning("%s", text)
    assert log_lines.text.isprintable() is False  # line feeds between the lines, nothing else
    assert len(log_lines.text.splitlines()) == 2
    assert "".join(log_lines.text.splitlines()).isprintable()
    assert log_lines.all()[0]["field"] == text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    event=st.text(st.characters()),
    fields=st.dictionaries(st.text(st.characters()), st.text(st.characters()) | st.integers() | st.binary()),
)
def test_every_call_is_one_line_of_json(log_lines: LogLines, event: str, fields: dict[str, object]) -> None:
    before = len(log_lines.text)
    log.info(event, **fields)
    written = log_lines.text[before:]
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    json.loads(written)


def test_secrets_are_masked_in_every_field(log_lines: LogLines) -> None:
    register_secret("s3cr3t-value")
    log.info("got s3cr3t-value", api_key="abc", note="s3cr3t-value", nested={"password": "abc"})
    try:
        raise ValueError("s3cr3t-value")
    except ValueError:
        logging.getLogger("x").exception("%s", "s3cr3t-value")
    assert "s3cr3t-value" not in log_lines.text
    assert "abc" not in log_lines.text


async def test_each_task_logs_the_request_it_works_for(log_lines: LogLines) -> None:
    gate = asyncio.Event()

    async def handle(name: str) -> None:
        request_id.set(name)
        await gate.wait()
        log.info("x", expected=name)
        await asyncio.create_task(child(name))
        await asyncio.to_thread(log.info, "x", expected=name)
        await asyncio.get_running_loop().run_in_executor(None, tracing.in_context(log.info), name)

    async def child(name: str) -> None:
        logging.getLogger("x").info("x")
        log.info("x", expected=name)

    tasks = [asyncio.create_task(handle(f"r{number}")) for number in range(20)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    lines = log_lines.all()
    assert len(lines) == 100
    assert all(line["request_id"] == line.get("expected", line["request_id"]) for line in lines)
    assert all(line["request_id"] == line["event"] for line in lines if line["event"] != "x")
    log.info("outside")
    assert "request_id" not in log_lines.last()


def test_an_explicit_request_id_stands_where_the_context_is_gone(log_lines: LogLines) -> None:
    log.info("http.request", request_id="abc")
    assert log_lines.last()["request_id"] == "abc"


def test_lines_carry_the_ids_of_the_current_trace(log_lines: LogLines) -> None:
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with tracing.server_span(headers, "GET", "/x"):
        log.info("x")
        logging.getLogger("y").info("y")
    for line in log_lines.all():
        assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
        assert line["span_id"] == "b7ad6b7169203331"


def test_lines_of_many_threads_do_not_mix(log_lines: LogLines) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.info("x", number=number, filler="y" * 500), range(400)))
    assert sorted(line["number"] for line in log_lines.all()) == list(range(400))


def test_a_crash_is_a_line(log_lines: LogLines) -> None:
    error = ValueError("x")
    sys.excepthook(ValueError, error, None)
    assert log_lines.last()["event"] == "process.crashed"
    assert log_lines.last()["exception"] == "ValueError: x"


def test_a_crash_of_a_thread_is_a_line(log_lines: LogLines) -> None:
    def fail() -> None:
        raise ValueError("x")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    line = log_lines.last()
    assert (line["event"], line["thread"]) == ("thread.crashed", "worker")
    assert line["exception"].endswith("ValueError: x")


def test_an_interrupt_by_the_user_is_not_a_crash(log_lines: LogLines, capsys: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert log_lines.text == ""


def test_http_clients_do_not_report_each_request(log_lines: LogLines) -> None:
    log_lines.configure(level="INFO")
    logging.getLogger("httpx").info("HTTP Request: GET http://127.0.0.1/?q=secret")
    assert log_lines.text == ""


def test_an_unknown_level_is_refused(log_lines: LogLines) -> None:
    with pytest.raises(ValueError, match="Unknown level"):
        logs.configure("tested", "1.2.3", level="LOUD")
