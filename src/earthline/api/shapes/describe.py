"""What a route says of its answer and its body, for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

shape = with_config(ConfigDict(use_attribute_docstrings=True))
"""Decorates a typed dictionary: its schema has the words that stand below each field."""

_REFERENCE = "#/components/schemas/{model}"
_bodies: dict[str, Any] = {}
"""Schemas that the bodies of requests refer to, by name."""


@with_config(ConfigDict(extra="forbid"))
class Nothing(TypedDict):
    """An empty object."""


def gives(answer: Any, words: str = "What was asked for, or is so now") -> dict[str, Any]:
    """Arguments of a route whose answer, a `Response`, has this shape."""
    return {"response_model": None, "responses": {200: {"model": answer, "description": words}}}


def takes(body: Any, *, required: bool = True) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads its body by itself: stock takes any content type,
    and values of other types than these.
    """
    schema = TypeAdapter(body).json_schema(ref_template=_REFERENCE)
    _bodies.update(schema.pop("$defs", {}))
    _bodies[schema["title"]] = schema
    described = {"schema": {"$ref": _REFERENCE.format(model=schema["title"])}}
    content = {"application/json": described}
    return {"requestBody": {"required": required, "content": content}}


def bodies() -> dict[str, Any]:
    """Schemas of what routes take, by name."""
    return dict(_bodies)
