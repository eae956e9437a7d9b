"""One form of time for logs and answers."""

from datetime import UTC, datetime


def utc_timestamp(seconds: float) -> str:
    """Return Unix time `seconds` as ISO 8601 in UTC with microseconds, for example `2026-01-09T06:58:00.000000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
