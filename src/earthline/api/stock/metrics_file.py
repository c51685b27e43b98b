"""``metrics.prom``: emptied at start, written a few times a minute and at exit (05, 2.1)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from earthline.api.stock.metrics import Metrics
from earthline.runtime.base.watch import Watch

log = structlog.get_logger()

INTERVAL_S = 15.0
"""What collects such files does so every 15 s at most; and each time is one for the disk."""


@contextlib.asynccontextmanager
async def metrics_kept(metrics: Metrics) -> AsyncIterator[None]:
    """Have the file written as long as this lasts, and when it ends."""
    metrics.clear()
    writing = asyncio.create_task(Watch("metrics", INTERVAL_S, metrics.write).run())
    try:
        yield
    finally:
        writing.cancel()
        try:
            await metrics.write()
        except OSError as error:
            log.warning("metrics_not_written", fault=str(error))
