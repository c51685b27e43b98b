"""`earthline service install` looks before it changes anything.

By a `systemctl` that only writes down what it is asked: a machine with systemd is not at hand.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from earthline.cli.common import output, where
from earthline.cli.machine import install_checks, system, systemd
from earthline.runtime.home import running
from earthline.runtime.home.running import Instance
from earthline.runtime.host import accounts
from earthline.runtime.sockets.port_holder import Holder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs services")

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "{log}"
case "$*" in
    "--quiet is-active zerotier-one.service") [ -e "{folder}/stock-runs" ] ;;
    "--quiet is-enabled zerotier-one.service") [ -e "{folder}/stock-at-boot" ] ;;
    "restart earthline.service") [ ! -e "{folder}/broken" ] ||
        {{ echo "Job for earthline.service failed." >&2; echo "See journalctl." >&2; exit 1; }} ;;
esac
"""
JOURNALCTL = """#!/bin/sh
echo "earthline-one: fatal error: the port is taken"
"""
LOOKS = ("--quiet is-active", "--quiet is-enabled")


class Machine:
    """One where systemd is said to run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "node"
        self.log = folder / "calls"
        self.instances: list[Instance] = []
        self.ended: list[Instance] = []
        self.holder: Holder | None = None

    def has(self, name: str) -> None:
        (self.folder / name).touch()

    @property
    def changes(self) -> list[str]:
        """What systemctl was asked, but for looking."""
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        return [call for call in calls if not call.startswith(LOOKS)]


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    made = Machine(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
        file = programs / name
        file.write_text(text.format(log=made.log, folder=tmp_path) if "{" in text else text)
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for variable in where.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(systemd, "RUNS", tmp_path)
    monkeypatch.setattr(where, "UNIT_FILE", tmp_path / "earthline.service")
    monkeypatch.setattr(system, "POLKIT_FILE", tmp_path / "none" / "rule")
    monkeypatch.setattr(running, "instances", lambda: made.instances)
    monkeypatch.setattr(running, "starting", lambda: False)
    monkeypatch.setattr(install_checks, "holder_of", lambda _port: made.holder)
    monkeypatch.setattr(install_checks, "first_closed", lambda _account, _needed: "")
    monkeypatch.setattr(system, "end_instance", made.ended.append)
    monkeypatch.setattr(system, "_prepare", lambda _home: None)
    made.session = output._Session()
    made.session.given = made.home
    monkeypatch.setattr(system, "Session", made.session)
    return made


@pytest.fixture
def refused(machine, capsys) -> Callable[..., str]:
    """Installs, which is to change nothing: what was said."""

    def install(**options: bool) -> str:
        with pytest.raises(typer.Exit):
            system.install(**options)
        assert machine.changes == []
        assert machine.ended == []
        assert not where.UNIT_FILE.exists()
        return capsys.readouterr().err

    return install


STARTED = ["daemon-reload", "enable earthline.service", "restart earthline.service"]


def test_where_nothing_is_in_the_way_the_service_starts(machine, capsys):
    system.install()
    assert machine.changes == STARTED
    assert f'-U "{machine.home}"' in where.UNIT_FILE.read_text()
    assert f"runs on {machine.home}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "state"),
    [
        (["stock-runs"], "runs"),
        (["stock-at-boot"], "starts at boot"),
        (["stock-runs", "stock-at-boot"], "runs and starts at boot"),
    ],
)
def test_stock_service_is_stopped_only_by_word(machine, refused, capsys, files, state):
    for name in files:
        machine.has(name)
    said = refused()
    assert f"zerotier-one.service {state}, and" in said
    assert "--replace-zerotier" in said
    system.install(replace_zerotier=True)
    assert machine.changes == ["disable --now zerotier-one.service", *STARTED]
    assert "stopped zerotier-one.service" in capsys.readouterr().out


@pytest.mark.parametrize("home", ["node", "elsewhere"])
def test_service_in_a_terminal_is_named_and_stopped_only_by_word(machine, refused, home):
    found = Instance(machine.folder / home, 4_000_000, 1)
    machine.instances.append(found)
    said = refused()
    assert f"{found.home} (pid 4000000), started by hand" in said
    assert f"--stop-running --home {found.home}" in said
    system.install(stop_running=True)
    assert machine.ended == [found]
    assert machine.changes == STARTED


def test_service_that_is_just_starting_is_waited_for(machine, refused, monkeypatch):
    def starting() -> bool:
        machine.instances.append(Instance(machine.home, 4_000_000, 1))
        return len(machine.instances) < 2

    monkeypatch.setattr(running, "starting", starting)
    assert "(pid 4000000)" in refused()


def test_service_on_another_home_and_port_may_stay(machine):
    other = machine.folder / "other"
    other.mkdir()
    (other / "zerotier-one.port").write_text("9994")
    machine.instances.append(Instance(other, 4_000_000, 1))
    system.install()
    assert machine.changes == STARTED


def test_home_of_the_running_service_is_taken(machine, monkeypatch):
    machine.session.given = None
    monkeypatch.setattr(where, "WAIT_S", 0.0)
    machine.instances.append(Instance(machine.folder / "elsewhere", 4_000_000, 1))
    system.install(stop_running=True)
    assert where.unit_home() == machine.folder / "elsewhere"


def test_who_else_has_the_port_is_named(machine, refused):
    machine.holder = Holder("UDP", os.getpid())
    assert f"(pid {os.getpid()}, UDP)" in refused(stop_running=True, replace_zerotier=True)


def test_unusable_settings_are_told_before_anything_is_done(machine, refused):
    machine.home.mkdir()
    (machine.home / "local.conf").write_text("{")
    assert "invalid JSON" in refused()


def test_everything_in_the_way_is_said_at_once(machine, refused):
    machine.has("stock-runs")
    machine.instances.append(Instance(machine.home, 4_000_000, 1))
    assert len(refused().splitlines()) == 2


def test_service_that_does_not_start_gives_its_reason_and_is_not_tried_for_ever(machine, capsys):
    machine.has("broken")
    with pytest.raises(SystemExit):
        system.install()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("earthline-one: fatal error: the port is taken")
    assert machine.changes == [*STARTED, "disable --now earthline.service"]


def test_removing_names_the_home_of_the_unit(machine, capsys):
    system.install()
    machine.session.given = Path("/somewhere/else")
    system.remove()
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{machine.home} is unchanged")
    assert not where.UNIT_FILE.exists()
    assert machine.changes[-2:] == ["disable --now earthline.service", "daemon-reload"]


# --- what the service's user can reach ------------------------------------------------------------


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """A program that all can run, below a folder that all can enter, by such a Python."""
    monkeypatch.setattr(install_checks, "stock_account", lambda _home: None)
    monkeypatch.setattr(sys, "executable", "/usr/bin/env")
    for module in ("os", "earthline", "_native"):
        monkeypatch.setattr(
            f"earthline.cli.machine.install_checks.{module}.__file__", "/usr/bin/env"
        )
    file = tmp_path / "venv" / "bin" / "earthline-one"
    file.parent.mkdir(parents=True)
    file.touch()
    file.chmod(0o755)
    for folder in file.parents:
        if stat.S_IMODE(folder.stat().st_mode) == 0o700:
            folder.chmod(0o755)
    return file


def test_program_that_all_can_run_is_well(program, tmp_path):
    assert install_checks._closed_to_user(program, tmp_path / "home") is None


def test_closed_folder_on_the_way_is_named(program, tmp_path):
    (tmp_path / "venv").chmod(0o700)
    assert install_checks._closed_to_user(program, tmp_path / "home") == str(tmp_path / "venv")


def test_program_that_cannot_be_executed_is_named(program, tmp_path):
    program.chmod(0o644)
    assert install_checks._closed_to_user(program, tmp_path / "home") == str(program)


def test_closed_folder_above_the_home_is_named(program, tmp_path):
    above = tmp_path / "private"
    above.mkdir(0o700)
    assert install_checks._closed_to_user(program, above / "home") == str(above)


def test_python_below_a_closed_folder_is_named(program, tmp_path, monkeypatch):
    python = tmp_path / "python" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    (tmp_path / "python").chmod(0o700)
    link = program.with_name("python3")
    link.symlink_to(python)
    monkeypatch.setattr(sys, "executable", str(link))
    found = install_checks._closed_to_user(program, tmp_path / "home")
    assert found in {str(link), str(tmp_path / "python")}


def test_line_says_where_to_install(program, tmp_path):
    (tmp_path / "venv").chmod(0o700)
    beside = install_checks.Beside((), stock_runs=False, stock_at_boot=False)
    (line,) = install_checks.obstacles(
        tmp_path / "home", program, beside, stop_running=False, replace_zerotier=False
    )
    assert f"user {accounts.USER}, which cannot read {tmp_path / 'venv'}" in line
    assert "/opt/earthline" in line
