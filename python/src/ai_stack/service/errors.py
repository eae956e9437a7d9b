"""Errors with an HTTP status.

The message of a `ServiceError` is written for the client and sent to it. Every other exception becomes a 500 whose
text stays in the log, under the `error_id` that the client gets.
"""

from collections.abc import Mapping


class ServiceError(Exception):
    """An answer other than 2xx. `message` is sent to the client: never put foreign exception text in it."""

    status: int = 500

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers: dict[str, str] = dict(headers or {})


class _RetryableError(ServiceError):
    def __init__(
        self, message: str, *, retry_after: float | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, headers=headers)
        if retry_after is not None:
            # RFC 9110 section 10.2.3: whole seconds. Rounded up, since coming back early is refused again.
            self.headers["Retry-After"] = str(max(1, -int(-retry_after // 1)))


class BadRequest(ServiceError):
    status = 400


class Unauthorized(ServiceError):
    status = 401

    def __init__(self, message: str = "a valid API key is required") -> None:
        super().__init__(message, headers={"WWW-Authenticate": 'Bearer realm="ai-stack"'})


class Forbidden(ServiceError):
    status = 403


class NotFound(ServiceError):
    status = 404


class MethodNotAllowed(ServiceError):
    status = 405


class RequestTimeout(ServiceError):
    """The client took too long to send its request."""

    status = 408


class Conflict(ServiceError):
    status = 409


class PayloadTooLarge(ServiceError):
    status = 413


class UnsupportedMediaType(ServiceError):
    status = 415


class Unprocessable(ServiceError):
    """Well-formed content that cannot be processed (a schema violation is `BadRequest`)."""

    status = 422


class TooManyRequests(_RetryableError):
    """The caller's limit, or a full queue. `retry_after` is in seconds."""

    status = 429


class NotImplementedHere(ServiceError):
    """A function that this deployment has not configured."""

    status = 501


class Unavailable(_RetryableError):
    """Not able to serve now. `retry_after` is in seconds."""

    status = 503


class DeadlineExceeded(ServiceError):
    status = 504
