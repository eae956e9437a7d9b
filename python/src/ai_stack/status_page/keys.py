"""Where the parts of the service are found in the application."""

from aiohttp import web

from ai_stack.status_page.probing import Prober
from ai_stack.status_page.reporting import Reporter

PAGE = web.AppKey("page", tuple[str, dict[str, str]])
PROBER = web.AppKey("prober", Prober)
REPORTER = web.AppKey("reporter", Reporter)
ADDRESSES = web.AppKey("addresses", dict[str, str])
