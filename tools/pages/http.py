"""The page of the HTTP API, made from its OpenAPI schema."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

from fastapi import FastAPI

from earthline.api.app import create_app
from earthline.runtime.node.event_kinds import KINDS
from earthline.runtime.node.events import KEPT

from .reading import Undocumented, table

HEAD = """# HTTP API

Made by `tools/references.py` from the schema, which a running service gives at
`/earthline/openapi.json`: change the words at the routes.

On TCP port 9993, or `primaryPort`; the token is that of `authtoken.secret`, in the header
`X-ZT1-Auth`, as `Authorization: Bearer TOKEN` or as `?auth=TOKEN`. `/health` and `/app` need none,
`/metrics` takes the metrics token, too. PUT is POST, HEAD is GET; what is no route is 404. IDs are
hex digits: 16 of a network, 10 of a node or a moon. Routes below `/earthline` are Earthline's own,
the others those of a stock service (04, 7; 05, 7).
"""

EVENTS = f"""
## Kinds of events

The `data` of each is a JSON object with `event`, the time `at` (ms) and the fields below. The
newest {KEPT} of each kind are kept, and given again to who names the last `id` it has seen; first
comes `stream.missed` if some in between are not kept any more. `stream.ended` comes last and says
`why`: the listener did not keep up, too many others came, or the service ends. After 15 s without
an event a comment is sent.

"""


def page() -> str:
    """The whole page."""
    schema = _schema()
    by_tag: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", [path.strip("/").split("/")[0]])[0]
            row = _row(f"{method.upper()} {path}", operation, schema)
            by_tag.setdefault(tag, []).append(row)
    parts = [HEAD]
    for tag, rows in by_tag.items():
        parts.append(f"\n## {tag.capitalize()}\n\n")
        parts.append(table(("request", "body", "answer"), rows))
    parts.append(EVENTS)
    parts.append(table(("event", "says"), [(f"`{kind}`", KINDS[kind]) for kind in KINDS]))
    return "".join(parts)


def _schema() -> dict[str, Any]:
    """The routes take what they need of a service only when they are called."""
    layer: Any = create_app(MagicMock(), MagicMock())
    while not isinstance(layer, FastAPI):
        layer = next(held for name, held in vars(layer).items() if name.endswith("app"))
    return layer.openapi()


def _row(request: str, operation: dict[str, Any], schema: dict[str, Any]) -> tuple[str, ...]:
    if "description" not in operation:
        raise Undocumented(f"{request}: its function has no docstring")
    return f"`{request}`", _body(operation, schema), operation["description"]


def _body(operation: dict[str, Any], schema: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    for described in content.values():
        shape = described["schema"]
        properties = _resolved(shape, schema).get("properties", {})
        required = _resolved(shape, schema).get("required", [])
        names = [f"`{name}`{'' if name in required else '?'}" for name in properties]
        return ", ".join(names) or "JSON object"
    return ""


def _resolved(shape: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference: str = shape.get("$ref", "")
    named: dict[str, Any] = schema["components"]["schemas"].get(reference.rpartition("/")[2], shape)
    return named if reference else shape
