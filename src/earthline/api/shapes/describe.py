"""What a route says of its answer and its body, for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

shape = with_config(ConfigDict(use_attribute_docstrings=True))
"""Decorates a typed dictionary: its schema has the words that stand below each field."""

_REFERENCE = "#/components/schemas/{model}"
_STANDS_FOR = "x-shape"
_named: dict[str, Any] = {}
"""Shapes that routes speak of. Each is read when somebody asks for the schema: all of them take a
tenth of a second, which no start has to wait for."""


@with_config(ConfigDict(extra="forbid"))
class Nothing(TypedDict):
    """An empty object."""


def gives(answer: Any, words: str = "What was asked for, or is so now") -> dict[str, Any]:
    """Arguments of a route whose answer, a `Response`, has this shape."""
    return {"response_model": None, "responses": {200: {"description": words, **_json(answer)}}}


def takes(body: Any, *, required: bool = True) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads its body by itself: stock takes any content type,
    and values of other types than these.
    """
    return {"requestBody": {"required": required, **_json(body)}}


def _json(shape: Any) -> dict[str, Any]:
    name = shape.__name__ if isinstance(shape, type) else str(shape)
    _named[name] = shape
    return {"content": {"application/json": {"schema": {_STANDS_FOR: name}}}}


def fill_in(described: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put the schema of its shape into a request or an answer; ``schemas`` gets what that names."""
    content = described.get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get(_STANDS_FOR)
    if name is None:
        return
    schema = TypeAdapter(_named[name]).json_schema(ref_template=_REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    if "title" in schema:
        schemas[schema["title"]] = schema
        schema = {"$ref": _REFERENCE.format(model=schema["title"])}
    content["schema"] = schema
