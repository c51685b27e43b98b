"""Which home a command speaks about, and what is said of one that does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from earthline.cli.common import where
from earthline.cli.common.where import DEFAULT_HOME, Undecided, find_home, why_no_answer
from earthline.runtime.home.running import Instance

UNIT = """\
[Service]
ExecStart="/opt/earthline/bin/earthline-one" -U "/srv/node"
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Nothing runs, nothing is installed, nothing is said."""
    for name in where.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(where, "UNIT_FILE", tmp_path / "earthline.service")
    monkeypatch.setattr(where, "STOCK_HOME", tmp_path / "stock")
    monkeypatch.setattr(where, "WAIT_S", 0.0)
    run(monkeypatch)
    return tmp_path


def run(monkeypatch, *homes: str) -> None:
    found = [Instance(Path(home), 100 + at, 1) for at, home in enumerate(homes)]
    monkeypatch.setattr(where.running, "instances", lambda: found)
    monkeypatch.setattr(
        where.running,
        "instance_on",
        lambda home: next((each for each in found if each.home == home), None),
    )
    monkeypatch.setattr(where.running, "starting", lambda: False)


def test_default_is_our_own_folder_and_never_that_of_stock():
    assert find_home() == DEFAULT_HOME == Path("/var/lib/earthline")


def test_environment_goes_first_and_ours_before_that_of_stock(monkeypatch):
    run(monkeypatch, "/a")
    monkeypatch.setenv("ZEROTIER_HOME", "/stock")
    assert find_home() == Path("/stock")
    monkeypatch.setenv("EARTHLINE_HOME", "/ours")
    assert find_home() == Path("/ours")


def test_what_runs_is_meant(monkeypatch):
    run(monkeypatch, "/a")
    assert find_home() == Path("/a")


def test_default_is_meant_where_it_runs_among_others(monkeypatch):
    run(monkeypatch, "/a", str(DEFAULT_HOME))
    assert find_home() == DEFAULT_HOME


def test_of_several_others_none_is_guessed(monkeypatch):
    run(monkeypatch, "/a", "/b")
    with pytest.raises(Undecided, match=r"/a \(pid 100\), /b \(pid 101\)"):
        find_home()


def test_home_of_the_installed_unit_is_meant_while_nothing_runs():
    where.UNIT_FILE.write_text(UNIT)
    assert find_home() == Path("/srv/node")
    assert "systemctl start earthline" in why_no_answer(Path("/srv/node"))


def test_default_home_is_not_advised_while_another_one_runs(monkeypatch):
    run(monkeypatch, "/a")
    said = why_no_answer(DEFAULT_HOME)
    assert "/a (pid 100)" in said
    assert "start" not in said


def test_start_names_the_home_only_where_it_is_not_the_default():
    assert why_no_answer(DEFAULT_HOME).endswith("start it with `earthline up`")
    assert why_no_answer(Path("/x")).endswith("start it with `earthline up --home /x`")


def test_deleted_home_is_told_truly(monkeypatch, machine):
    run(monkeypatch, str(machine / "gone"))
    assert "was deleted" in why_no_answer(machine / "gone")


def test_stock_service_beside_is_named(machine, monkeypatch):
    where.STOCK_HOME.mkdir()
    (where.STOCK_HOME / "zerotier-one.pid").write_text("812")
    monkeypatch.setattr(where, "name_of", {812: "zerotier-one"}.get)
    assert "ZeroTier One, pid 812" in why_no_answer(DEFAULT_HOME)


@pytest.mark.parametrize("young", [True, False])
def test_young_service_that_is_busy_with_its_identity_is_waited_for(monkeypatch, tmp_path, young):
    found = Instance(tmp_path, 100, tmp_path.stat().st_ino)
    monkeypatch.setattr(where.running, "instance_on", lambda _: found)
    monkeypatch.setattr(where.running, "is_young", lambda pid: young and pid == 100)
    monkeypatch.setattr(where, "WAIT_S", -1.0)  # It has passed.
    monkeypatch.setattr(where, "_PAUSE_S", 0.0)
    asked = list(zip(range(3), where.tries(tmp_path), strict=False))
    assert len(asked) == (3 if young else 1)
