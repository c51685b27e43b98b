"""Answers as the stock API gives them (05, 7.1 and 7.3), and how request bodies are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path as PathParameter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from earthline.controller.objects.coercion import UnfitObject, parse_value

NetworkId = Annotated[str, PathParameter(pattern="^[0-9a-fA-F]{16}$")]
Address = Annotated[str, PathParameter(pattern="^[0-9a-fA-F]{10}$")]

JSON_OBJECT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
"""The schema of routes that read their bodies by themselves, since stock takes any content type."""


class StockJson(JSONResponse):
    """Compact, keys in byte order."""

    def render(self, content: Any) -> bytes:
        return _text(content).encode()


class Listing(StockJson):
    """``{"data": [...], "meta": {...}}``, made of one row after the other.

    Writing all of 100,000 rows is one call that keeps every other thread waiting for a second, the
    node's own among them. Between rows they have their turn: make it where the rows were read.
    """

    def render(self, content: Any) -> bytes:
        rows, meta = ",".join(map(_text, content["data"])), _text(content["meta"])
        return f'{{"data":[{rows}],"meta":{meta}}}'.encode()


def _text(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def listed(call: Callable[..., Any], *arguments: Any) -> Response:
    """What a call lists, as an answer; None is what was not found."""
    found = call(*arguments)
    return empty(404) if found is None else Listing(found)


def empty(status: int) -> Response:
    """A status alone: no body, no content type."""
    return Response(status_code=status)


def failure(status: int, description: str) -> Response:
    """``{"error": 500, "description": "<text>"}``, blanks and all."""
    body = json.dumps({"error": status, "description": description}, ensure_ascii=False)
    return Response(body, status, media_type="application/json")


async def read_json(request: Request) -> Any:
    """The body, whatever its content type says; `UnfitObject`, which is a 400, if it is no JSON."""
    return parse_value(await request.body())


async def read_object_or_nothing(request: Request) -> dict[str, Any]:
    """The body if it is a JSON object, else an empty one: where stock ignores what it cannot read
    (05, 7.7 and 7.10), and clients send what they like.
    """
    try:
        body = await read_json(request)
    except UnfitObject:
        return {}
    return body if isinstance(body, dict) else {}
