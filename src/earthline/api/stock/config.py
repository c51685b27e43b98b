"""``/config``: the settings file (05, 7.6)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from earthline.api.http.answers import JSON_OBJECT, StockJson, read_json
from earthline.api.shapes.describe import Nothing, gives
from earthline.runtime.service import Service


def config_router(service: Service) -> APIRouter:
    """Routes below ``/config``."""
    router = APIRouter()

    @router.get("/config", **gives(dict[str, Any]))
    async def show() -> Response:
        """`local.conf` as it was read, without passwords."""
        return StockJson(service.settings.shown)

    @router.post("/config/settings", openapi_extra=JSON_OBJECT, **gives(Nothing))
    async def change(request: Request) -> Response:
        """Replace or add keys of `settings`, and rewrite the file; always an empty object."""
        body = await read_json(request)
        if isinstance(body, dict):
            service.change_settings(body)
        return StockJson({})

    return router
