"""`earthline-one`: the stock daemon's options (05, 4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from earthline.cli.stock import one


def parse(*words):
    return one.parse_arguments(["/usr/sbin/earthline-one", *words])


@pytest.mark.parametrize(
    ("words", "port"),
    [
        ((), 9993),
        (("-p9000",), 9000),
        (("-p", "9000"), 9000),
        (("-p0",), 0),
        (("-pabc",), 0),
        (("-p",), 0),
    ],
)
def test_port(words, port):
    assert parse(*words).port == port


def test_everything_together():
    arguments = parse("-d", "-U", "-p", "9000", "/tmp/home", "--no-earth")
    assert arguments.home == Path("/tmp/home")
    assert (arguments.fork, arguments.skip_root_check, arguments.join_earth) == (True, True, False)


def test_home_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("ZEROTIER_HOME", "/tmp/elsewhere")
    assert parse().home == Path("/tmp/elsewhere")
    assert parse("/tmp/home").home == Path("/tmp/home")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["-h"], 0, "Usage"),
        (["-x"], 0, "Usage"),
        (["one", "two"], 0, "Usage"),
        (["-v"], 0, "1.14.1"),
        (["-p65536"], 1, "Usage"),
    ],
)
def test_nothing_to_run(words, status, said):
    with pytest.raises(one.Finish) as outcome:
        parse(*words)
    assert outcome.value.status == status
    assert said in outcome.value.out
