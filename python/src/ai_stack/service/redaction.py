"""Makes any value fit for a log line: no secrets, plain JSON types, bounded size.

Secrets are recognised by the name of their field, by their value once it was registered, and in text by the usual
notations (`password=…`, `Authorization: …`, `scheme://user:password@host`), API keys of ours by their form.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import quote

MASK = "[redacted]"
#: Longest text in a field, in characters. journald splits lines beyond 48 KiB (journald.conf(5), `LineMax=`).
MAX_TEXT = 16_384
MAX_ITEMS = 100
MAX_DEPTH = 6

# Names of fields that hold secrets; not those that point to, name or count them (`api_keys_file`, `max_tokens`).
_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|authorization|cookie|credential|(?:^|[_-])dsn(?:$|[_-])"
    r"|(?:api|access|private)[_-]?keys?|token$",
    re.IGNORECASE,
)
_HARMLESS_NAME = re.compile(r"[_-](?:file|path|dir|directory|name|id|count|type|status)$", re.IGNORECASE)

# A text in which none of these occurs is not searched further. Lengths in all patterns are bounded: the text may be
# a stranger's.
_SUSPICIOUS = re.compile(r"://|bearer|pass|secret|token|key|auth|cookie|dsn|credential|ais_", re.IGNORECASE)
# An API key of ours (`ai_stack.service.auth.generate_key`), wherever a caller has put it: in a path, say.
_API_KEY = re.compile(r"ais_[A-Za-z0-9_-]{43}")
_URL_USER = re.compile(r"(://)[^/?#\s'\"]{1,512}@")
_BEARER = re.compile(r"\b(bearer)\s{1,4}[A-Za-z0-9+/._~=-]{16,}", re.IGNORECASE)
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|x-api-key|(?:set-)?cookie)([ \t]{0,4}:[ \t]{0,4})[^\r\n'\"]+", re.IGNORECASE
)
_ASSIGNMENT = re.compile(
    r"\b([\w-]{0,48}(?:pass|secret|token|key|auth|cookie|dsn|credential)[\w-]{0,48})"
    r"(=|['\"]\s{0,4}:\s{0,4})"
    r"('[^']*'|\"[^\"]*\"|[^\s,;&'\")}\]]+)",
    re.IGNORECASE,
)

_secrets: tuple[str, ...] = ()
_secrets_lock = Lock()


def register_secret(value: str) -> None:
    """Mask `value` wherever it occurs in later log lines, also as it looks in a URL or in a `repr`."""
    global _secrets
    if not value:
        return
    forms = {value, quote(value, safe=""), repr(value)[1:-1]}
    with _secrets_lock:
        # Longest first: a secret may be part of another one.
        _secrets = tuple(sorted({*_secrets, *forms}, key=len, reverse=True))


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None and _HARMLESS_NAME.search(name) is None


def clean_text(text: str) -> str:
    """Return `text` without secrets, without lone surrogates and with its middle cut out if it is too long."""
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    if _SUSPICIOUS.search(text):
        text = _URL_USER.sub(rf"\1{MASK}@", text)
        text = _ASSIGNMENT.sub(_mask_assignment, text)
        text = _HEADER.sub(rf"\1\2{MASK}", text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        text = _API_KEY.sub(MASK, text)
    if len(text) > MAX_TEXT:
        half = MAX_TEXT // 2
        text = f"{text[:half]}… [{len(text) - 2 * half} characters] …{text[-half:]}"
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def clean(value: Any, depth: int = 0) -> Any:
    """Return `value` as plain JSON types without secrets. Never raises."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value)  # numpy's float64 is a float too, and orjson refuses it
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int):
        # Beyond 64 bits JSON readers lose digits, and orjson refuses.
        return int(value) if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, bytes | bytearray):
        return clean_text(bytes(value[: 4 * MAX_TEXT]).decode("utf-8", "backslashreplace"))
    if depth >= MAX_DEPTH:
        return clean_text(_text_of(value))
    try:
        if isinstance(value, Mapping):
            return _clean_mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return _clean_items(value, len(value), depth)
    except Exception as error:
        return f"<{type(value).__name__} that cannot be read: {type(error).__name__}>"
    return clean_text(_text_of(value))


def _clean_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        if len(result) == MAX_ITEMS:
            result["…"] = f"{len(value) - MAX_ITEMS} more"
            break
        name = clean_text(_text_of(key))
        result[name] = MASK if is_secret_name(name) and item is not None else clean(item, depth + 1)
    return result


def _clean_items(value: Iterable[Any], length: int, depth: int) -> list[Any]:
    result = [clean(item, depth + 1) for _, item in zip(range(MAX_ITEMS), value, strict=False)]
    if length > MAX_ITEMS:
        result.append(f"… {length - MAX_ITEMS} more")
    return result


def _mask_assignment(match: re.Match[str]) -> str:
    name, separator, value = match.groups()
    if not is_secret_name(name):
        return match.group(0)
    mark = value[0] if value[0] in "'\"" else ""
    return f"{name}{separator}{mark}{MASK}{mark}"


def _text_of(value: Any) -> str:
    # The text of an exception alone does not say what happened; neither does that of a key.
    convert: Callable[[Any], str] = repr if isinstance(value, BaseException) else str
    try:
        return convert(value)
    except Exception as error:
        return f"<{type(value).__name__} without text: {type(error).__name__}>"
