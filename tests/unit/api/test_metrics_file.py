"""``metrics.prom`` is written at its interval, in a loop whose clock jumps to what is due next."""

from __future__ import annotations

import asyncio
import selectors

import pytest

from earthline.api.stock.metrics_file import metrics_kept


class _Jumping(selectors.SelectSelector):
    """Waits for nothing: the clock moves on by what there was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = _Jumping()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


class _File:
    """When the file was emptied and written, in seconds of the loop's clock."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def clear(self) -> None:
        self._note("emptied")

    async def write(self) -> None:
        self._note("written")

    def _note(self, what: str) -> None:
        self.seen.append((what, round(asyncio.get_running_loop().time(), 3)))


class _FullDisk(_File):
    async def write(self) -> None:
        await super().write()
        raise OSError("no space left on device")


def kept_for(file: _File, seconds: float) -> list[tuple[str, float]]:
    async def run() -> None:
        async with metrics_kept(file):
            await asyncio.sleep(seconds)

    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(run())
    return file.seen


def test_file_is_emptied_at_start_written_every_fifteen_seconds_and_at_the_end():
    assert kept_for(_File(), 50) == [
        ("emptied", 0),
        ("written", 15),
        ("written", 30),
        ("written", 45),
        ("written", 50),
    ]


@pytest.mark.filterwarnings("default")
def test_disk_that_takes_nothing_does_not_end_the_service():
    written = [at for what, at in kept_for(_FullDisk(), 50) if what == "written"]
    assert written[:2] == [15, 16.03]
    assert written[-1] == 50
