"""Qdrant's REST interface, as far as hybrid-coordinator uses it, over the library's in-memory mode.

There is no Qdrant server to be had from the package index. What this shows is that the adapter speaks HTTP with the
right paths and key, and copes with a server that fails; how a real server ranks is not its subject.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from qdrant_client import AsyncQdrantClient, models

Mode = Literal["ok", "error", "not_json", "null", "hang"]


@dataclass
class QdrantStub:
    """The server's state."""

    memory: AsyncQdrantClient
    key: str
    mode: Mode = "ok"
    url: str = ""
    created: dict[str, Any] = field(default_factory=dict)
    indexes: set[tuple[str, str, str]] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Check the key, misbehave if told to, answer otherwise."""
        if request.headers.get("api-key") != self.key:
            return web.json_response({"status": {"error": "forbidden"}}, status=403)
        match self.mode:
            case "hang":
                await asyncio.Event().wait()
            case "error":
                return web.json_response({"status": {"error": "disk full"}}, status=500)
            case "not_json":
                return web.Response(text="<html>", content_type="text/html")
            case "null":
                return _ok(None)
        body = await request.json() if request.can_read_body else None
        try:
            return _ok(await self._answer(request.method, request.path.strip("/").split("/"), body))
        except ValueError as error:
            return web.json_response(
                {"status": {"error": str(error)}}, status=404 if "not found" in str(error) else 400
            )

    async def _answer(self, method: str, path: list[str], body: Any) -> Any:
        memory = self.memory
        match method, *path:
            case "GET", "collections":
                return await memory.get_collections()
            case "GET", "aliases":
                return await memory.get_aliases()
            case "POST", "collections", "aliases":
                return await memory.update_collection_aliases([_alias(action) for action in body["actions"]])
            case "DELETE", "collections", name:
                return await memory.delete_collection(name)
            case "GET", "collections", name:
                return await memory.get_collection(name)
            case "GET", "collections", name, "exists":
                return {"exists": await memory.collection_exists(name)}
            case "PUT", "collections", name:
                self.created[name] = body
                vectors = models.VectorParams(**body["vectors"])
                return await memory.create_collection(name, vectors_config=vectors, metadata=body["metadata"])
            case "PUT", "collections", name, "points":
                return await memory.upsert(name, [models.PointStruct(**point) for point in body["points"]])
            case "PUT", "collections", name, "index":
                self.indexes.add((name.split("--")[0], body["field_name"], body["field_schema"]))
                return {"operation_id": 0, "status": "completed"}
            case "POST", "collections", name, "points":
                return await memory.retrieve(name, body["ids"], with_payload=True, with_vectors=body["with_vector"])
            case "POST", "collections", name, "points", "payload":
                return await memory.set_payload(
                    name, body["payload"], models.Filter(**body["filter"]), key=body.get("key")
                )
            case "POST", "collections", name, "points", "payload", "delete":
                return await memory.delete_payload(name, body["keys"], models.Filter(**body["filter"]))
            case "POST", "collections", name, "points", "delete":
                return await memory.delete(name, models.FilterSelector(filter=models.Filter(**body["filter"])))
            case "POST", "collections", name, "points", "scroll":
                points, following = await memory.scroll(
                    name, scroll_filter=_filter(body), limit=body["limit"], offset=body.get("offset")
                )
                return {"points": [point.model_dump() for point in points], "next_page_offset": following}
            case "POST", "collections", name, "points", "query":
                query = models.NearestQuery(**body["query"])
                return await memory.query_points(
                    name,
                    query=query,
                    limit=body["limit"],
                    score_threshold=body["score_threshold"],
                    query_filter=_filter(body),
                )
            case "POST", "collections", name, "points", "count":
                return await memory.count(name, count_filter=_filter(body))
        raise ValueError(f"{method} {path} not found")


def _filter(body: Any) -> models.Filter | None:
    return models.Filter(**body["filter"]) if body.get("filter") else None


def _alias(action: Any) -> models.AliasOperations:
    if "delete_alias" in action:
        return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(**action["delete_alias"]))
    return models.CreateAliasOperation(create_alias=models.CreateAlias(**action["create_alias"]))


def _ok(result: Any) -> web.Response:
    def plain(value: Any) -> Any:
        return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)

    return web.Response(
        text=json.dumps({"result": result, "status": "ok", "time": 0.001}, default=plain),
        content_type="application/json",
    )


@asynccontextmanager
async def qdrant_stub(key: str) -> AsyncIterator[QdrantStub]:
    """Serve a stub that wants `key`."""
    stub = QdrantStub(AsyncQdrantClient(":memory:"), key)
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = stub.handle
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield stub
    finally:
        await runner.cleanup()
        await stub.memory.close()
