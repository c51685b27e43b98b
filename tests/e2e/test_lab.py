"""A lab leaves nothing behind, however it ends, and touches nothing that is not its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from earthline.lab import Lab, LabError, sweep_dead
from earthline.lab.namespace import Namespace, RunName, namespaces
from earthline.lab.service import wait_until

LIVING_LAB = """
import signal
from earthline.lab import Lab
with Lab() as lab:
    lab.host("a").start(["sleep", "1000"])
    print(lab.run, lab.directory, flush=True)
    signal.pause()
"""


def left_of(run: RunName) -> list[str]:
    return [name for name, owner in namespaces().items() if owner == run]


def interfaces() -> str:
    shown = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True)
    return "\n".join(line.partition("qdisc")[0] for line in shown.stdout.splitlines())


def fail_inside(lab: Lab) -> None:
    with lab:
        lab.host("a").start(["sleep", "1000"])
        lab.host("b").run(["false"])


def test_failure_inside_a_lab_removes_everything() -> None:
    lab = Lab()
    with pytest.raises(LabError, match="exit 1"):
        fail_inside(lab)
    assert left_of(lab.run) == []
    assert not lab.directory.exists()


def test_lab_configures_nothing_in_the_main_namespace() -> None:
    before = interfaces()
    with Lab() as lab:
        lab.host("a")
        assert interfaces() == before


def test_hosts_have_no_way_out_of_the_machine() -> None:
    with Lab() as lab, pytest.raises(LabError):
        lab.host("a").run(["ping", "-c1", "-W1", "9.9.9.9"])


@pytest.mark.parametrize("ending", ["terminate", "kill"])
def test_killed_lab_is_removed_by_its_guard(ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LIVING_LAB], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        name, directory = child.stdout.readline().split()
        run = RunName.parse(name)
        assert run is not None
        assert len(left_of(run)) == 2
        getattr(child, ending)()
    wait_until("no namespace is left", lambda: not left_of(run), timeout_s=10)
    wait_until("no file is left", lambda: not Path(directory).exists(), timeout_s=10)


def test_sweep_takes_dead_runs_and_spares_living_ones() -> None:
    dead = Namespace(f"{RunName(pid=1, start=1, lab=1)}.x")
    with Lab() as lab:
        dead.create()
        assert sweep_dead() == [dead.name]
        assert left_of(lab.run) != []


@pytest.mark.parametrize(
    "name", ["earthline", "earthline.1.2", "earthline.a.b.c.d", "other.1.2.3.x"]
)
def test_namespace_of_somebody_else_is_none_of_ours(name: str) -> None:
    assert RunName.parse(name) is None
