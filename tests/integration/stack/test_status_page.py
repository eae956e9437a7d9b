"""The status page of a stack as it runs."""

from support.http import api
from support.stack import RunningStack


async def test_the_page_shows_every_service_of_the_stack(stack: RunningStack) -> None:
    async with api(stack.services["status-page"], stack.key) as call:
        report = (await call("GET", "/status.json")).json
        shown = {service["name"]: service for service in report["services"]}
        assert set(shown) == set(stack.services) - {"status-page"}
        assert [name for name, service in shown.items() if not service["serves"]] == []
        assert shown["aidb"]["breakers"]["embeddings"] in ("closed", "open", "half_open")
        for name in shown:
            document = (await call("GET", f"/services/{name}/openapi.json")).json
            assert document["openapi"].startswith("3.1")


async def test_the_users_own_key_does_not_open_it(stack: RunningStack) -> None:
    key = (stack.state / "api-key").read_text().strip()
    async with api(stack.services["status-page"], key) as call:
        assert (await call("GET", "/status.json")).status == 403
