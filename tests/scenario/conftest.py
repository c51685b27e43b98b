"""Whole nodes in virtual time. A failed scenario leaves its seed, a pcap and a flow diagram."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earthline.sim.simulation import Simulation

# Simulations make many objects and few cycles: collecting those seldom saves a quarter of the time.
gc.set_threshold(20_000)

SimulationMaker = Callable[..., Simulation]
_outcomes = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call":
        item.stash[_outcomes] = report.failed
    return report


@pytest.fixture
def simulate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulationMaker]:
    """Makes simulations, and keeps the evidence of those that end badly."""
    made: list[Simulation] = []

    def make(*args: object, **kwargs: object) -> Simulation:
        made.append(Simulation(*args, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    yield make
    if request.node.stash.get(_outcomes, False):
        for number, sim in enumerate(made):
            pcap = tmp_path / f"simulation-{number}.pcap"
            sim.capture.write_pcap(pcap)
            print(f"\nseed {sim.seed}; packets in {pcap}\n{sim.capture.diagram()}")
    for sim in made:
        sim.close()
