"""``/earthline/doctor``: what is the matter with this node, and what to do about it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from earthline.api.http.answers import StockJson
from earthline.api.shapes.describe import gives
from earthline.api.shapes.ours import Diagnosis
from earthline.diagnosis.judge import report
from earthline.runtime.probes.glance import glance
from earthline.runtime.probes.inside import look_inside
from earthline.runtime.probes.twin import TwinWatch
from earthline.runtime.service import Service


def twin_watch(service: Service) -> TwinWatch:
    """The one of a service, for all who diagnose it."""
    return TwinWatch(lambda: service.switch.counters().get("drop_own_source", 0))


def doctor_router(service: Service, twins: TwinWatch) -> APIRouter:
    """Two routes. The whole diagnosis takes up to three seconds, since roots are asked.

    A glance takes milliseconds: it judges what the service knows anyway, and its answer has the
    same shape. ``line`` of either is the worst finding for a person; empty if all is well.
    """
    router = APIRouter(prefix="/earthline/doctor", tags=["doctor"])
    one_at_a_time = asyncio.Lock()

    @router.get("", **gives(Diagnosis))
    async def doctor() -> Response:
        """Ask roots and host, for some seconds; what is wrong and what to do."""
        async with one_at_a_time:
            return StockJson(report(await look_inside(service, twins)))

    @router.get("/glance", **gives(Diagnosis))
    async def at_a_glance() -> Response:
        """What the service knows by itself of what is wrong, without asking anybody."""
        return StockJson(report(await glance(service, twins)))

    return router
