"""What belongs to the service and to the request at hand, readable from anywhere below a handler.

Context variables follow tasks by themselves; for threads see `ai_stack.service.tracing.in_context`.
"""

import random
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from ai_stack.service.app import Service

#: The service behind an application.
SERVICE: web.AppKey["Service"] = web.AppKey("service")

#: Identifier of the current request, or None outside of one.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# Callers choose the value and it is written to logs and headers: only what can do no harm there is taken over.
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def accept_request_id(offered: str | None) -> str:
    """Return the caller's `X-Request-ID` when it is well-formed, otherwise a new one (32 hex digits)."""
    if offered is not None and _ACCEPTED.fullmatch(offered):
        return offered
    # It needs to be unique, not unguessable.
    return f"{random.getrandbits(128):032x}"
