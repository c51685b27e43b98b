"""``/config``: the settings file (05, 7.6)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from earthline.api.answers import JSON_OBJECT, read_json
from earthline.runtime.service import Service


def config_router(service: Service) -> APIRouter:
    """Routes below ``/config``."""
    router = APIRouter()

    @router.get("/config")
    async def show() -> dict[str, Any]:
        """`local.conf` as it was read, without passwords."""
        return service.settings.shown

    @router.post("/config/settings", openapi_extra=JSON_OBJECT)
    async def change(request: Request) -> dict[str, Any]:
        """Replace or add keys of `settings`, and rewrite the file; always an empty object."""
        body = await read_json(request)
        if isinstance(body, dict):
            service.change_settings(body)
        return {}

    return router
