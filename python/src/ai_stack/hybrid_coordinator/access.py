"""Who may read which records.

The history of interactions holds what people asked, word for word. It is read by keys with the scope `admin`, and each
interaction by the key that stored it.
"""

from collections.abc import Iterable

from aiohttp import web

from ai_stack.hybrid_coordinator.records import Interaction
from ai_stack.service.errors import Forbidden
from ai_stack.service.middleware import ANONYMOUS, PRINCIPAL


def caller(request: web.Request) -> str:
    """Return the name of the API key that the request came with."""
    principal = request.get(PRINCIPAL)
    return ANONYMOUS if principal is None else principal.name


def administrates(request: web.Request) -> bool:
    """Return whether the caller may do everything; so may everybody when authentication is disabled."""
    principal = request.get(PRINCIPAL)
    return principal is None or principal.may("admin")


def readable(request: web.Request, names: Iterable[str]) -> list[str]:
    """Return those of the collections `names` that the caller may read, once each."""
    allowed = administrates(request)
    return [name for name in dict.fromkeys(names) if allowed or name != Interaction.collection]


def check_readable(request: web.Request, names: Iterable[str]) -> None:
    """Refuse a request that names a collection which the caller may not read.

    Raises:
        Forbidden
    """
    wanted = list(dict.fromkeys(names))
    if readable(request, wanted) != wanted:
        raise Forbidden(f"reading {Interaction.collection} needs an API key with the scope 'admin'")
