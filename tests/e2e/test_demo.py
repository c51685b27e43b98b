"""The demonstration does what it says, or says what it did not do."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from earthline.lab.demo import app
from earthline.lab.namespace import namespaces
from earthline.lab.service import script, wait_until

DEMO = [script("earthline"), "demo"]


def of_process(pid: int) -> list[str]:
    return [name for name, run in namespaces().items() if run.pid == pid]


def test_demo_ends_well_and_leaves_nothing() -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, text=True) as demo:
        output = demo.communicate(timeout=100)[0]
    assert output.splitlines()[-1].startswith("demo: ok")
    assert demo.returncode == 0
    assert of_process(demo.pid) == []


def test_interrupted_demo_says_so_and_leaves_nothing() -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, text=True) as demo:
        wait_until("the demo has begun", lambda: len(of_process(demo.pid)) > 3)
        demo.send_signal(signal.SIGINT)
        output = demo.communicate(timeout=60)[0]
    assert output.splitlines()[-1].startswith("demo: failed: interrupted")
    assert demo.returncode == 1
    assert of_process(demo.pid) == []


def test_demo_without_privileges_names_the_command_to_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="1"):
        app([])
    (line,) = "".join(capsys.readouterr()).splitlines()
    assert line.startswith("demo: failed: network namespaces need root privileges; use: sudo /")
