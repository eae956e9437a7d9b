"""The OpenAPI document is true."""

from pathlib import Path

import pytest

from support.fuzz import fuzz
from support.http import Api, Keys, api, running

from .toy import create_app, toy_settings


async def test_the_document_describes_what_validates(toy: Api) -> None:
    document = (await toy("GET", "/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    greet = document["paths"]["/greet"]["post"]
    assert greet["x-scope"] == "read"
    assert set(greet["responses"]) == {
        *("200", "400", "401", "403", "408", "413", "415", "429", "500", "504"),
    }
    assert greet["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Greeting"}
    assert document["components"]["schemas"]["Greeting"]["required"] == ["name"]
    [parameter] = document["paths"]["/items/{number}"]["get"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("number", "path", True)


async def test_only_health_and_metrics_are_open(toy: Api) -> None:
    document = (await toy("GET", "/openapi.json")).json
    public = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if operation["security"] == []
    }
    assert public == {"/health", "/health/live", "/health/ready", "/health/startup", "/metrics"}


async def test_no_generated_request_gets_an_undocumented_answer(keys: Keys, tmp_path: Path) -> None:
    app = create_app(toy_settings(keys.path, rate_limits={"interactive": None, "ingest": None}))
    async with running(app) as base:
        exclude = ("/bug", "/wait", "/openai", "/refuse/{kind}")
        await fuzz(base, keys.admin, directory=tmp_path, exclude=exclude)


async def test_a_status_that_is_not_declared_is_found(keys: Keys, tmp_path: Path) -> None:
    app = create_app(toy_settings(keys.path, rate_limits={"interactive": None, "ingest": None}))
    async with running(app) as base, api(base, keys.admin):
        with pytest.raises(AssertionError, match="/bug"):
            await fuzz(base, keys.admin, directory=tmp_path, examples=2, exclude=("/wait",))
