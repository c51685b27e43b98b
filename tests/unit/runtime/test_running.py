"""Notes of running services: whose count, and whose do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earthline.runtime.base.process import network_of, start_of
from earthline.runtime.home import running


@pytest.fixture(autouse=True)
def run(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "run"
    (place / str(os.geteuid())).mkdir(parents=True)
    monkeypatch.setattr(running, "RUN", place)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("SYSTEMD_EXEC_PID", raising=False)
    return place / str(os.geteuid())


@pytest.fixture
def home(tmp_path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


def change(folder: Path, **fields: object) -> None:
    (file,) = folder.glob("*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_service_is_found_as_long_as_it_runs(run, home):
    with running.noted(home):
        (found,) = running.instances()
        assert (found.home, found.pid, found.home_is_lost) == (home, os.getpid(), False)
        assert running.instance_on(home) == found
    assert running.instances() == []
    assert list(run.iterdir()) == []


def test_note_of_a_process_whose_pid_another_one_has_now_is_stale(run, home):
    with running.noted(home):
        change(run, start=start_of(os.getpid()) - 1)
        assert running.instances() == []


def test_note_of_another_network_namespace_is_not_ours(run, home):
    with running.noted(home):
        change(run, network=network_of() + 1)
        assert running.instances() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_note_that_another_user_left_counts_for_nothing(run, home):
    with running.noted(home):
        (file,) = run.iterdir()
        os.chown(file, 65534, 65534)
        assert running.instances() == []


def test_note_of_a_dead_process_is_swept_away_by_the_next_service(run, home):
    child = subprocess.Popen([sys.executable, "-IS", "-c", "input()"], stdin=subprocess.PIPE)
    note = {"home": "/gone", "pid": child.pid, "start": start_of(child.pid), "unit": None}
    dead = run / f"{child.pid}.json"
    dead.write_text(json.dumps({**note, "network": network_of(), "folder": 1}))
    assert [each.home for each in running.instances()] == [Path("/gone")]
    child.kill()
    child.communicate()
    assert running.instances() == []
    with running.noted(home):
        assert not dead.exists()


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"home": "/x"}', '{"pid": "many"}'])
def test_anything_else_in_the_folder_is_passed_over(run, home, text):
    (run / "1.json").write_text(text)
    with running.noted(home):
        assert [each.home for each in running.instances()] == [home]


def test_deleted_home_is_known_even_when_there_is_a_new_folder(home):
    with running.noted(home):
        (found,) = running.instances()
        home.rename(home.with_name("elsewhere"))
        assert found.home_is_lost
        home.mkdir()
        assert found.home_is_lost


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_home_that_is_hidden_from_us_is_not_taken_for_deleted(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    found = running.Instance(closed / "home", os.getpid(), 1)
    assert found.home_is_lost
    os.seteuid(65534)
    try:
        assert not found.home_is_lost
    finally:
        os.seteuid(0)


def test_service_runs_without_any_place_for_a_note(run, home):
    run.rmdir()
    with running.noted(home):
        assert running.instances() == []


def test_systemd_gives_the_place(run, home, monkeypatch):
    unit = run.with_name("unit")
    unit.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(unit))
    with running.noted(home):
        assert [file.parent for file in run.parent.glob("*/*.json")] == [unit]
        assert running.instance_on(home) is not None


def test_shell_of_a_unit_is_not_taken_for_the_unit(home, monkeypatch):
    monkeypatch.setattr(running, "unit_of", {os.getpid(): "getty.service"}.get)
    monkeypatch.setenv("SYSTEMD_EXEC_PID", "1")
    with running.noted(home):
        assert [each.unit for each in running.instances()] == [None]
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid()))
    with running.noted(home):
        assert [each.unit for each in running.instances()] == ["getty.service"]


def test_unit_that_a_note_only_claims_is_not_believed(run, home):
    with running.noted(home):
        change(run, unit="ssh.service")
        assert [each.unit for each in running.instances()] == [None]


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["earthline", "up"], True),
        (["earthline", "--home", "/x", "up"], True),
        (["earthline-one", "-U", "/x"], True),
        (["zerotier-one", "-U", "/x"], True),
        (["earthline-one", "-q", "info"], False),
        (["earthline", "status"], False),
        (["something-else", "up"], False),
    ],
)
def test_program_that_has_just_been_started_is_seen(tmp_path, words, runs):
    """By its command line, as a console script has it."""
    script = tmp_path / words[0]
    script.write_text("input()")
    argv = [sys.executable, str(script), *words[1:]]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as child:
        until = time.monotonic() + 10
        while runs and not running.starting() and time.monotonic() < until:
            time.sleep(0.01)
        assert running.starting() == runs
        child.communicate(b"\n")
