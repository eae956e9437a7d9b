"""What aidb shows of itself: health, metrics, its OpenAPI document."""

from pathlib import Path

from support.fuzz import fuzz
from support.http import Api, Keys

from .conftest import Start
from .test_documents import GUIDE, put


async def test_health_has_the_keys_of_the_original(aidb: Api) -> None:
    answer = await aidb.with_key(None)("GET", "/health")

    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.json["database"] == "ok"
    assert answer.json["redis"] == "disabled"
    assert answer.json["embeddings"] == "ok"
    assert answer.json["pgvector"].startswith("0.")
    assert answer.json["circuit_breakers"] == {"postgres": "closed", "embeddings": "closed"}


async def test_readiness_names_every_dependency(aidb: Api) -> None:
    answer = await aidb.with_key(None)("GET", "/health/ready")

    assert answer.status == 200
    assert set(answer.json["details"]) == {"postgres", "embeddings"}
    assert answer.json["details"]["postgres"]["critical"] is True
    assert answer.json["details"]["embeddings"]["critical"] is False


async def test_metrics_have_the_names_of_the_original(aidb: Api) -> None:
    await put(aidb, "a.md", GUIDE)
    await aidb("GET", "/documents/1")

    text = (await aidb("GET", "/metrics")).body.decode()

    for name in (
        'aidb_http_requests_total{endpoint="/documents/{id}",method="GET",status="200"} 1',
        "aidb_http_request_latency_seconds_count",
        "aidb_process_memory_bytes",
        'aidb_circuit_breaker_state{service="postgres"} 0',
        'aidb_circuit_breaker_state{service="embeddings"} 0',
        'aidb_circuit_breaker_failures_total{service="embeddings"} 0',
        "aidb_db_pool_size 5",
        "aidb_db_pool_checked_out ",
        "aidb_db_pool_overflow 0",
        "aidb_chunks_embedded_total 3",
        "aidb_embedding_backlog_chunks 0",
    ):
        assert f"\n{name}" in text, name


async def test_the_service_keeps_what_its_openapi_document_promises(start: Start, keys: Keys, tmp_path: Path) -> None:
    limits = {"interactive": None, "ingest": None}
    async with start(rate_limits=limits, embed_wait=0.1) as aidb:
        await put(aidb, "a.md", GUIDE)
        await fuzz(aidb.base, keys.admin, directory=tmp_path)


async def test_capabilities_are_the_routes_in_as_much_detail_as_wanted(aidb: Api) -> None:
    document = (await aidb("GET", "/openapi.json")).json
    operations = {(path, method) for path, item in document["paths"].items() for method in item}
    sizes = []
    for level in ("basic", "standard", "detailed", "advanced"):
        answer = await aidb("GET", f"/discovery/capabilities?level={level}")
        assert answer.status == 200
        found = answer.json["capabilities"]
        assert {(one["path"], one["method"].lower()) for one in found} <= operations
        assert ("POST", "/search") in {(one["method"], one["path"]) for one in found}
        sizes.append(len(answer.body))
    assert sizes == sorted(set(sizes))

    one = (await aidb("GET", "/discovery/capabilities?category=jobs")).json["capabilities"]
    assert {item["category"] for item in one} == {"jobs"}
    assert (await aidb("GET", "/discovery/capabilities?level=all")).status == 400
    assert (await aidb.with_key(None)("GET", "/discovery/capabilities")).status == 401
