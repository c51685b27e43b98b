"""The OpenAPI schema: what FastAPI knows of the routes, and what holds for all of them.

FastAPI tells of answers that this service never gives (422: what does not fit is 404 here, as at
stock nodes), and of none of those that the layers around it give.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from earthline.api.http.gate import is_open
from earthline.api.shapes.describe import fill_in
from earthline.runtime.node.event_kinds import ENDED, KINDS, MISSED

FAILURE: dict[str, Any] = {
    "type": "object",
    "required": ["error", "description"],
    "properties": {
        "error": {"type": "integer", "description": "the status"},
        "description": {"type": "string", "description": "what is wrong, in one line"},
    },
}
EVENT: dict[str, Any] = {
    "type": "object",
    "description": "The data of one event of `/earthline/events`",
    "required": ["event"],
    "properties": {
        "event": {"type": "string", "enum": [*KINDS, MISSED, ENDED]},
        "at": {"type": "integer", "description": "ms since the epoch"},
    },
}
_IN_A_LINE = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}

REFUSED = {
    "description": "Not from where the caller is, or not without the token: `{}`",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
UNKNOWN = {"description": "No such path, method or object; an empty body, or `{}`"}
TOO_LARGE = {"description": "The body is larger than 4 MiB: an empty body"}
UNFIT = {"description": "What was asked cannot be done", "content": _IN_A_LINE}
NO_ROOM = {"description": "The disk takes no writes: it was not done", "content": _IN_A_LINE}
ALL_TAKEN = {"description": "The controller finds no free network ID: an empty body"}
BROKEN = {"description": "A store or file that cannot be used, or a fault", "content": _IN_A_LINE}

KEYS: dict[str, Any] = {
    "header": {"type": "apiKey", "in": "header", "name": "X-ZT1-Auth"},
    "query": {"type": "apiKey", "in": "query", "name": "auth"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
"""Where the token may stand (05, 7.2)."""


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole schema of an application. Made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _completed(
            get_openapi(title=app.title, version=app.version, routes=app.routes)
        )
    return app.openapi_schema


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for path, operations in schema["paths"].items():
        for verb, operation in operations.items():
            fill_in(operation.get("requestBody", {}), schemas)
            fill_in(operation["responses"].get("200", {}), schemas)
            _complete(path, verb, operation)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for shape in schemas.values():
        for field in shape.get("properties", {}).values():
            field.pop("title", None)
    schemas["Failure"] = FAILURE
    schemas["Event"] = EVENT
    components["securitySchemes"] = KEYS
    return schema


def _complete(path: str, verb: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["404"] = UNKNOWN
    responses["413"] = TOO_LARGE
    responses["500"] = BROKEN
    responses["401"] = REFUSED
    responses["400"] = UNFIT
    if not is_open(path):
        operation["security"] = [{name: []} for name in KEYS]
    if verb != "get":
        responses["507"] = NO_ROOM
    if path.startswith("/controller/network") and verb == "post":
        responses["503"] = ALL_TAKEN
