"""The certificate that the gateway shows to its clients."""

import asyncio
import ssl
from typing import Any, cast

from ai_stack.status_page.models import Certificate
from ai_stack.status_page.settings import GatewaySettings

SECONDS_PER_DAY = 86_400


async def look_at(gateway: GatewaySettings, now: float, timeout: float) -> Certificate:
    """Connect to the gateway as a client does, and say what its certificate is worth.

    Args:
        gateway: where it is and what to trust.
        now: Unix time.
        timeout: seconds for connection and handshake.
    """
    try:
        context = await asyncio.to_thread(_context, gateway)
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(
                gateway.host, gateway.port, ssl=context, server_hostname=gateway.server_name
            )
    except ssl.SSLCertVerificationError as error:
        return Certificate(name=gateway.server_name, trusted=False, problem=error.verify_message)
    except (OSError, TimeoutError) as error:
        return Certificate(name=gateway.server_name, trusted=False, problem=_problem(error))
    try:
        shown = cast("dict[str, Any]", writer.get_extra_info("peercert"))
    finally:
        # Nothing is to be said or heard any more; an orderly end would wait for the other side.
        writer.transport.abort()
    ends = ssl.cert_time_to_seconds(shown["notAfter"])
    return Certificate(
        name=gateway.server_name, trusted=True, not_after=ends, days_left=round((ends - now) / SECONDS_PER_DAY, 1)
    )


def _context(gateway: GatewaySettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(gateway.authority) if gateway.authority else None)


def _problem(error: OSError | TimeoutError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return "no TLS connection"
    return error.strerror or "no connection"
