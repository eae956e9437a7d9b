"""API keys: who calls, and what he may do.

A key is 256 random bits, so a plain SHA-256 digest of it is enough to store (there is nothing to guess, hence nothing
to slow down). The file holds digests only and is read again when it changes, so that keys are added and revoked
without a restart. A file that cannot be used stops the start; one that breaks later leaves the last good keys in force.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from aiohttp import hdrs
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ai_stack.service.logs import get_logger

Scope = Literal["public", "read", "write", "admin"]

KEY_PREFIX = "ais_"
#: How long a change of the key file may go unnoticed, in seconds.
RELOAD_INTERVAL = 1.0

log = get_logger(__name__)


class KeyRecord(BaseModel):
    """One entry of the key file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._@-]+$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the key, in hexadecimal.")
    scopes: frozenset[Literal["read", "write", "admin"]]


_RECORDS = TypeAdapter(list[KeyRecord])


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. `admin` includes `write`, which includes `read`."""

    name: str
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        """Whether this caller may use a route of `scope`."""
        match scope:
            case "public":
                return True
            case "read":
                return bool(self.scopes & {"read", "write", "admin"})
            case "write":
                return bool(self.scopes & {"write", "admin"})
            case "admin":
                return "admin" in self.scopes


class KeyFileError(Exception):
    """The key file is missing, unreadable or malformed."""


def generate_key() -> str:
    """Return a new API key: 256 random bits behind a prefix that secret scanners can recognise."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """Return what the key file stores of a key: its SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def key_record(name: str, key: str, scopes: frozenset[str] | set[str]) -> dict[str, object]:
    """Return the entry of the key file for `key`, ready for JSON.

    Raises:
        ValueError: bad name or unknown scope.
    """
    record = KeyRecord.model_validate({"name": name, "digest": digest_of(key), "scopes": scopes})
    return {"name": record.name, "digest": record.digest, "scopes": sorted(record.scopes)}


def read_key_file(path: Path) -> list[KeyRecord]:
    """Read a key file.

    Raises:
        KeyFileError: missing, unreadable, malformed, or with a name or digest in it twice.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"API key file {path}: {error.strerror}") from None
    try:
        records = _RECORDS.validate_python(orjson.loads(content))
    except (orjson.JSONDecodeError, ValidationError):
        raise KeyFileError(f"API key file {path}: must be a JSON list of {{name, digest, scopes}}") from None
    if len({r.name for r in records}) < len(records) or len({r.digest for r in records}) < len(records):
        raise KeyFileError(f"API key file {path}: a name or a digest is in it twice")
    return records


class KeyStore:
    """The keys in force.

    Args:
        path: the key file.
        clock: monotonic seconds, for tests.

    Raises:
        KeyFileError: the file cannot be used.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._checked = clock()
        self._stamp = self._read_stamp()
        self._records = read_key_file(path)

    def authenticate(self, key: str) -> Principal | None:
        """Return whose key this is, or None."""
        self._reload_if_changed()
        offered = digest_of(key)
        found: KeyRecord | None = None
        # Every record is compared, so that the time taken does not depend on which one matches.
        for record in self._records:
            if hmac.compare_digest(record.digest, offered):
                found = record
        return None if found is None else Principal(found.name, frozenset(found.scopes))

    def _read_stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    def _reload_if_changed(self) -> None:
        now = self._clock()
        if now - self._checked < RELOAD_INTERVAL:
            return
        self._checked = now
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._records = read_key_file(self._path)
        except KeyFileError as error:
            log.error("auth.key_file_unusable", reason=str(error), action="the last good keys stay in force")
        else:
            log.info("auth.keys_reloaded", keys=len(self._records))


def key_in(headers: MultiMapping[str]) -> str | None:
    """Return the key that a request shows: `X-API-Key`, or `Authorization: Bearer` (RFC 6750 section 2.1).

    A header given twice shows none: what is in front of the service may have looked at the other one.
    """
    keys, credentials = headers.getall("X-API-Key", []), headers.getall(hdrs.AUTHORIZATION, [])
    if len(keys) > 1 or len(credentials) > 1:
        return None
    if keys and keys[0]:
        return keys[0]
    scheme, _, token = (credentials[0] if credentials else "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
