"""Discovery over HTTP."""

from support.http import Api


async def test_capabilities_are_told_within_the_budget(hybrid: Api) -> None:
    small = (await hybrid("GET", "/discovery/capabilities?token_budget=200")).json
    assert small["level"] == "overview"
    assert small["token_count"] <= 200
    assert small["omitted"]
    assert small["total_knowledge_points"] == 0
    assert len(small["available_collections"]) == 5
    body = {"level": "detailed", "categories": ["learning"], "token_budget": 10_000}
    learning = (await hybrid("POST", "/discovery/capabilities", json=body)).json
    assert list(learning["capabilities"]) == ["learning"]
    assert learning["omitted"] == []
    routes = {entry["route"]: entry for entry in learning["capabilities"]["learning"]}
    assert routes["POST /interactions"]["scope"] == "write"
    assert "query" in routes["POST /interactions"]["fields"]
    assert (await hybrid("POST", "/discovery/capabilities", json=body)).json == learning


async def test_a_budget_is_recommended(hybrid: Api) -> None:
    body = {"query_type": "troubleshooting", "context_level": "comprehensive"}
    answer = (await hybrid("POST", "/discovery/token_budget", json=body)).json
    assert answer["token_budget"] == 4000
    assert answer["description"]
    assert (await hybrid("POST", "/discovery/token_budget", json={"query_type": "x"})).status == 400
