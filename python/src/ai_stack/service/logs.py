"""Structured logs: one JSON object a line.

    log = get_logger(__name__)
    log.info("documents.stored", document_id=7)

Every line has timestamp, level, logger, event, service and version; request_id, trace_id and span_id where there is a
request or a trace. They are taken where the call is made, hence follow tasks by themselves; for threads see
`ai_stack.service.tracing.in_context`. Records of the standard library's `logging` come out in the same form.

A call never raises and never loses its line; secrets are masked (`ai_stack.service.redaction`).
"""

import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

from ai_stack.service.context import request_id
from ai_stack.service.redaction import clean, clean_text, register_secret
from ai_stack.service.timestamps import utc_timestamp
from ai_stack.service.tracing import current_ids

__all__ = ["Logger", "configure", "get_logger", "register_secret"]

#: Keys that a line's own fields have for themselves. A caller's field of the same name gets a trailing underscore.
RESERVED = frozenset(
    ("timestamp", "level", "logger", "event", "service", "version", "trace_id", "span_id", "exception", "stack")
)

# HTTP clients that report every request at INFO, URL included. Ours have spans and metrics instead.
_CHATTY = ("httpx", "httpcore", "urllib3")

# orjson escapes C0 controls only; these end a line for some readers or steer a terminal.
_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")


class Logger(structlog.BoundLoggerBase):
    """Logger with an event name and fields. `bind(**fields)` returns one that adds fields to each line.

    A call below the level costs one comparison. `exc_info` takes True or an exception.
    """

    _logger: logging.Logger

    def debug(self, event: str, /, *args: object, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            self._emit(logging.DEBUG, event, args, fields)

    def info(self, event: str, /, *args: object, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.INFO):
            self._emit(logging.INFO, event, args, fields)

    def warning(self, event: str, /, *args: object, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.WARNING):
            self._emit(logging.WARNING, event, args, fields)

    def error(self, event: str, /, *args: object, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.ERROR):
            self._emit(logging.ERROR, event, args, fields)

    def exception(self, event: str, /, *args: object, **fields: object) -> None:
        """Log an error together with the exception being handled."""
        fields.setdefault("exc_info", True)
        self.error(event, *args, **fields)

    def critical(self, event: str, /, *args: object, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.CRITICAL):
            self._emit(logging.CRITICAL, event, args, fields)

    def _emit(self, level: int, event: str, args: tuple[object, ...], fields: dict[str, object]) -> None:
        if "event" in fields:
            fields["event_"] = fields.pop("event")
        if args:
            fields["positional_args"] = args
        arguments, keywords = self._process_event(logging.getLevelName(level).lower(), event, fields)
        self._logger.log(level, *arguments, **keywords)


def get_logger(name: str) -> Logger:
    """Return the logger of a module (`__name__`). May be called before `configure`."""
    return Logger(logging.getLogger(name), [ProcessorFormatter.wrap_for_formatter], {})


def configure(service: str, version: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream`; may be called again.

    Args:
        service: name of the service, in each line.
        version: its version, in each line.
        level: lowest level that is written, a name of the `logging` module.
        stream: text stream; standard error by default.

    Raises:
        ValueError: there is no such level.
    """
    stream = sys.stderr if stream is None else stream
    root = logging.getLogger()
    root.setLevel(level)
    for handler in root.handlers[:]:
        # Plain stream handlers come from logging.basicConfig, called by a library: each line would appear twice.
        if type(handler) in (_LineHandler, logging.StreamHandler):
            root.removeHandler(handler)
    handler = _LineHandler(stream)
    handler.setFormatter(_LineFormatter(service, version))
    root.addHandler(handler)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _LineHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the library's
        # The formatter does not fail, so the stream did (closed, full): there is nowhere left to report it to.
        pass


class _LineFormatter(ProcessorFormatter):
    def __init__(self, service: str, version: str) -> None:
        super().__init__(processors=[self._render], use_get_message=False, pass_foreign_args=True)
        self._service = service
        self._version = version

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception as error:
            head = self._head(record, f"<record that cannot be rendered: {type(error).__name__}>")
            return _dump(head)

    def _head(self, record: logging.LogRecord, event: str) -> dict[str, Any]:
        return {
            "timestamp": utc_timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": clean_text(record.name),
            "event": event,
            "service": self._service,
            "version": self._version,
        }

    def _render(self, _logger: Any, _method: str, event_dict: EventDict) -> str:
        record: logging.LogRecord = event_dict.pop("_record")
        del event_dict["_from_structlog"]
        event = _interpolate(str(event_dict.pop("event", "")), event_dict.pop("positional_args", ()))
        error = _exception_in(event_dict.pop("exc_info", None))
        stack = event_dict.pop("stack_info", None)
        line = self._head(record, clean_text(event))
        # An access log line is written when the request's own context may be gone; its writer then names the request.
        identifier = event_dict.pop("request_id", None) or request_id.get()
        if identifier is not None:
            line["request_id"] = clean(identifier)
        trace_id, span_id = current_ids()
        if trace_id is not None:
            line["trace_id"] = trace_id
            line["span_id"] = span_id
        for name in RESERVED & event_dict.keys():
            event_dict[f"{name}_"] = event_dict.pop(name)
        line.update(clean(event_dict))
        if error is not None:
            line["exception"] = clean_text("".join(traceback.format_exception(error)).rstrip())
        if stack:
            line["stack"] = clean_text(str(stack))
        return _dump(line)


def _interpolate(event: str, args: Any) -> str:
    if not args:
        return event
    try:
        return str(event % args)
    except Exception:
        return f"{event} {clean(args)}"


def _exception_in(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
        return exc_info if isinstance(exc_info, BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _dump(line: dict[str, Any]) -> str:
    text = orjson.dumps(line).decode()
    return text if text.isascii() else _CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    get_logger("ai_stack").critical("process.crashed", exc_info=error)


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread is not None else None
        get_logger("ai_stack").critical("thread.crashed", thread=name, exc_info=args.exc_value)
