"""``/earthline/doctor``: what is the matter with this node, and what to do about it."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter

from earthline.diagnosis.judge import report
from earthline.runtime.probes.inside import look_inside
from earthline.runtime.service import Service


def doctor_router(service: Service) -> APIRouter:
    """One route; it takes up to three seconds, since roots are asked."""
    router = APIRouter(prefix="/earthline/doctor", tags=["doctor"])
    one_at_a_time = asyncio.Lock()

    @router.get("")
    async def doctor() -> dict[str, Any]:
        """Ask roots and host, for some seconds; what is wrong and what to do."""
        async with one_at_a_time:
            return report(await look_inside(service))

    return router
