"""HTTP routes of nixos-docs: options and packages."""

from aiohttp import web
from pydantic import BaseModel

from ai_stack.nixos_docs.catalogue_models import (
    OptionCheckRequest,
    OptionCheckResponse,
    OptionPath,
    OptionResponse,
    OptionSearchRequest,
    OptionSearchResponse,
    PackageSearchRequest,
    PackageSearchResponse,
)
from ai_stack.nixos_docs.keys import ANSWERS
from ai_stack.service.endpoint import Endpoint, endpoint


@endpoint(
    "POST",
    "/options/search",
    scope="read",
    body=OptionSearchRequest,
    response=OptionSearchResponse,
    errors=(404, 503, 504),
    summary="Search the options of NixOS",
    tags=("options",),
)
async def search_options(request: web.Request, body: OptionSearchRequest) -> web.Response:
    """Find options by name, fragments of it, key words or a question. 404: the index has no options."""
    answer = await request.app[ANSWERS].search_options(body.query, body.limit)
    return web.Response(body=answer, content_type="application/json")


@endpoint(
    "GET",
    "/options/{name}",
    scope="read",
    path_params=OptionPath,
    response=OptionResponse,
    errors=(404, 503, 504),
    summary="Describe an option",
    tags=("options",),
)
async def get_option(request: web.Request, path: OptionPath) -> BaseModel:
    """An option with what is below it. 404: there is none; the message says what it is called now, or the nearest."""
    return await request.app[ANSWERS].get_option(path.name)


@endpoint(
    "POST",
    "/options/check",
    scope="read",
    body=OptionCheckRequest,
    response=OptionCheckResponse,
    errors=(404, 422, 503, 504),
    summary="Check that options exist",
    tags=("options",),
)
async def check_options(request: web.Request, body: OptionCheckRequest) -> BaseModel:
    """Say of each option that a Nix snippet sets, or that a list names, whether it exists. 404: the index has none."""
    return await request.app[ANSWERS].check_options(body.snippet, body.options or ())


@endpoint(
    "POST",
    "/packages/search",
    scope="read",
    body=PackageSearchRequest,
    response=PackageSearchResponse,
    errors=(404, 503, 504),
    summary="Search the packages of nixpkgs",
    tags=("packages",),
)
async def search_packages(request: web.Request, body: PackageSearchRequest) -> web.Response:
    """Find packages by attribute, name, program or description. 404: the index has no packages."""
    answer = await request.app[ANSWERS].search_packages(body.query, body.limit)
    return web.Response(body=answer, content_type="application/json")


ROUTES: tuple[Endpoint, ...] = (search_options, get_option, check_options, search_packages)
