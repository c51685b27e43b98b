"""Repeated work ends when it is told to, whatever wakes it at the same moment."""

from __future__ import annotations

import asyncio

import pytest

from earthline.runtime.base.watch import Watch


@pytest.mark.parametrize("turns", range(6))
async def test_watch_that_is_woken_and_cancelled_at_once_ends(turns):
    async def act() -> None:
        pass

    watch = Watch("test", 1000, act)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    watch.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=20)
    assert task.cancelled()


async def test_watch_acts_when_it_is_woken_and_goes_on_after_a_fault(monkeypatch):
    monkeypatch.setattr("earthline.runtime.base.watch.RETRY_S", 0)
    acted: asyncio.Queue[None] = asyncio.Queue()

    async def act() -> None:
        acted.put_nowait(None)
        raise ValueError("a fault")

    watch = Watch("test", 1000, act)
    task = asyncio.create_task(watch.run())
    watch.wake()
    await acted.get()
    await acted.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
