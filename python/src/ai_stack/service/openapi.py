"""The OpenAPI 3.1 document of a service, generated from the endpoints that validate its requests.

OpenAPI Specification 3.1.1; schemas are JSON Schema 2020-12 as pydantic writes them.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter

from ai_stack.service.endpoint import Endpoint

if TYPE_CHECKING:
    from ai_stack.service.app import Service

_REF = "#/components/schemas/{model}"


class ErrorBody(BaseModel):
    """Every answer that is not 2xx."""

    error: str
    error_id: str


class OpenAIErrorDetail(BaseModel):
    """The error of OpenAI's API."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(BaseModel):
    """Every answer that is not 2xx of an OpenAI-compatible route."""

    error: OpenAIErrorDetail
    error_id: str


def document(service: "Service") -> dict[str, Any]:
    """Return the document."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for target in service.endpoints:
        paths.setdefault(target.template, {})[target.method.lower()] = _operation(service, target, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"ai-stack {service.name}", "version": service.version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def statuses(target: Endpoint) -> tuple[int, ...]:
    """Return every status beside its usual success that an endpoint can answer with, ascending."""
    found = {*target.errors, 500, 504}
    if target.streaming:
        found.discard(504)
    if target.body is not None:
        found |= {400, 408, 413, 415}
    if target.query is not None:
        found.add(400)
    if target.path_params is not None:
        found.add(404)
    if target.scope != "public":
        found |= {401, 403}
    if target.rate is not None:
        found.add(429)
    return tuple(sorted(found))


def _operation(service: "Service", target: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    error_model = OpenAIErrorBody if target.error_format == "openai" else ErrorBody
    error_content = {"application/json": {"schema": _schema(error_model, schemas)}}
    success: dict[str, Any] = {"description": HTTPStatus(target.response_status).phrase}
    if target.response is not None:
        success["content"] = {target.response_type: {"schema": _schema(target.response, schemas)}}
    elif target.response_status != HTTPStatus.NO_CONTENT:
        success["content"] = {target.response_type: {"schema": {}}}
    operation: dict[str, Any] = {
        "operationId": f"{service.name}.{getattr(target.handler, '__name__', 'handler')}",
        "summary": target.summary,
        "responses": {
            str(target.response_status): success,
            **{
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    **({"content": error_content} if status >= HTTPStatus.BAD_REQUEST else {}),
                }
                for status in statuses(target)
                if status != target.response_status
            },
        },
    }
    if target.description:
        operation["description"] = target.description
    if target.tags:
        operation["tags"] = list(target.tags)
    if target.scope == "public":
        operation["security"] = []
    else:
        operation["security"] = [{"apiKey": []}, {"bearer": []}]
        operation["x-scope"] = target.scope
    parameters = [
        *_parameters(target.path_params, "path", schemas),
        *_parameters(target.query, "query", schemas),
    ]
    if parameters:
        operation["parameters"] = parameters
    if target.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(target.body, schemas)}},
        }
    return operation


def _parameters(model: type[BaseModel] | None, where: str, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": where, "required": where == "path" or name in required, "schema": property_schema}
        for name, property_schema in schema.get("properties", {}).items()
    ]


def _schema(described: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(described).json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    if isinstance(described, type) and issubclass(described, BaseModel):
        schemas[described.__name__] = schema
        return {"$ref": _REF.format(model=described.__name__)}
    return schema
