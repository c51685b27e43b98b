"""Filters of the way back, while a default route leads over a virtual network."""

from __future__ import annotations

import socket

import pytest

from earthline.runtime.host import reverse_path as reverse_path_module
from earthline.runtime.host.reverse_path import ReversePath

NAMES = {2: "eth0", 3: "eth1"}


class Filters:
    def __init__(self, folder):
        self._folder = folder

    def set(self, **values):
        for name, value in values.items():
            (self._folder / name).mkdir(exist_ok=True)
            (self._folder / name / "rp_filter").write_text(f"{value}\n")

    def __getitem__(self, name):
        return int((self._folder / name / "rp_filter").read_text())


@pytest.fixture
def filters(tmp_path, monkeypatch):
    monkeypatch.setattr(reverse_path_module, "FILTERS", tmp_path)
    monkeypatch.setattr(socket, "if_indextoname", NAMES.__getitem__)
    return Filters(tmp_path)


@pytest.mark.parametrize(
    ("everywhere", "own", "loose"),
    [(0, 1, 2), (1, 0, 2), (1, 1, 2), (2, 1, 1), (0, 0, 0), (0, 2, 2)],
)
def test_strict_filter_of_an_uplink_is_loose_as_long_as_needed(filters, everywhere, own, loose):
    filters.set(all=everywhere, eth0=own, eth1=1)
    reverse_path = ReversePath()
    reverse_path.follow({2: "eth0"})
    assert filters["eth0"] == own
    assert reverse_path.loosen() == ""
    assert filters["eth0"] == loose
    reverse_path.restore()
    reverse_path.restore()
    assert (filters["eth0"], filters["eth1"], filters["all"]) == (own, 1, everywhere)


def test_uplink_that_comes_later_or_is_made_strict_again_is_loose_too(filters):
    filters.set(all=0, eth0=1, eth1=1)
    reverse_path = ReversePath()
    reverse_path.follow({2: "eth0"})
    reverse_path.loosen()
    reverse_path.follow(NAMES)
    assert filters["eth1"] == 2
    filters.set(eth0=1)
    reverse_path.loosen()
    reverse_path.restore()
    assert (filters["eth0"], filters["eth1"]) == (1, 1)


def test_what_somebody_else_has_set_meanwhile_stays(filters):
    filters.set(all=0, eth0=1)
    reverse_path = ReversePath()
    reverse_path.follow({2: "eth0"})
    reverse_path.loosen()
    filters.set(eth0=0)
    reverse_path.restore()
    assert filters["eth0"] == 0


def test_filter_that_cannot_be_set_is_told_with_what_to_do(filters, monkeypatch):
    filters.set(all=1, eth0=1)
    reverse_path = ReversePath()
    reverse_path.follow({2: "eth0"})

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(type(reverse_path_module.FILTERS), "write_text", refuse)
    assert reverse_path.loosen() == (
        "eth0 drops what comes by another way than answers leave, and this service may not change "
        "that (Read-only file system): set net.ipv4.conf.all.rp_filter=2"
    )
