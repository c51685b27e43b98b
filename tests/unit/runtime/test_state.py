"""State objects on disk (05, 2.1)."""

from __future__ import annotations

import errno
import os

import pytest

from earthline.effects import StateLoaded, Store
from earthline.runtime.base import keeping
from earthline.runtime.base.keeping import Keeping
from earthline.runtime.home import state
from earthline.runtime.home.state import PEER_MAX_AGE_MS, StateFiles


@pytest.mark.parametrize(
    ("kind", "key", "name"),
    [
        ("planet", 0, "planet"),
        ("moon", 0x0A1B2C3D4E, "moons.d/0000000a1b2c3d4e.moon"),
        ("network", 0xB48062DE76000001, "networks.d/b48062de76000001.conf"),
        ("peer", 0xA1B2C3D4E, "peers.d/0a1b2c3d4e.peer"),
    ],
)
def test_object_is_written_and_deleted(tmp_path, kind, key, name):
    files = StateFiles(Keeping(tmp_path))
    files.store(Store(kind, key, b"data"))
    assert (tmp_path / name).read_bytes() == b"data"
    files.store(Store(kind, key, None))
    assert not (tmp_path / name).exists()
    files.store(Store(kind, key, None))


def test_leaving_a_network_deletes_its_permissions(tmp_path):
    files = StateFiles(Keeping(tmp_path))
    files.store(Store("network", 1, b"\n"))
    (tmp_path / "networks.d" / f"{1:016x}.local.conf").write_text("allowManaged=1\n")
    files.store(Store("network", 1, None))
    assert list((tmp_path / "networks.d").iterdir()) == []


def test_networks_joined_by_an_empty_file_are_loaded(tmp_path):
    folder = tmp_path / "networks.d"
    folder.mkdir()
    (folder / "B48062DE76000001.conf").write_bytes(b"")
    (folder / "b48062de76000001.local.conf").write_bytes(b"allowManaged=1\n")
    (folder / "notes.conf").write_bytes(b"")
    loaded = list(StateFiles(Keeping(tmp_path)).load("network"))
    assert loaded == [StateLoaded("network", 0xB48062DE76000001, b"")]


def test_nothing_stored_is_nothing_loaded(tmp_path):
    assert list(StateFiles(Keeping(tmp_path)).load("moon")) == []
    assert list(StateFiles(Keeping(tmp_path)).load_peers(0)) == []


def test_peer_that_is_stored_again_is_as_good_as_new(tmp_path):
    files = StateFiles(Keeping(tmp_path))
    for address in (1, 2):
        files.store(Store("peer", address, b"x"))
        os.utime(files.path_of("peer", address), ns=(0, 0))
    files.store(Store("peer", 2, b"x"))
    assert [event.key for event in files.load_peers(PEER_MAX_AGE_MS + 1)] == [2]


def test_peers_of_more_than_thirty_days_are_deleted(tmp_path):
    files = StateFiles(Keeping(tmp_path))
    now = 10 * PEER_MAX_AGE_MS
    for address, age in ((1, 0), (2, PEER_MAX_AGE_MS - 1), (3, PEER_MAX_AGE_MS + 1)):
        files.store(Store("peer", address, b"x"))
        at = (now - age) * 1_000_000
        os.utime(files.path_of("peer", address), ns=(at, at))
    assert [event.key for event in files.load_peers(now)] == [2, 1]
    assert not files.path_of("peer", 3).exists()


def test_oldest_peers_are_deleted_if_there_are_more_than_the_node_keeps(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "MAX_RECORDS", 3)
    files = StateFiles(Keeping(tmp_path))
    for address in (4, 2, 5, 1, 3):
        files.store(Store("peer", address, b"x"))
        os.utime(files.path_of("peer", address), ns=(address * 1_000_000, address * 1_000_000))
    assert [event.key for event in files.load_peers(10)] == [3, 4, 5]
    assert len(list((tmp_path / "peers.d").iterdir())) == 3


@pytest.mark.parametrize(("kind", "folder"), [("peer", "peers.d"), ("network", "networks.d")])
def test_what_others_could_read_is_nobodys_business_once_it_is_stored(tmp_path, kind, folder):
    """As in a home that another program kept; whether or not the content is new."""
    files = StateFiles(Keeping(tmp_path))
    for data in (b"same", b"other"):
        path = files.path_of(kind, 5)
        files.store(Store(kind, 5, b"same"))
        path.chmod(0o644)
        files.store(Store(kind, 5, data))
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


def test_peers_that_come_and_go_leave_nothing_waiting_for_a_read_only_disk(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    there, kept = Store("peer", 1, b"old"), Keeping(tmp_path)
    files = StateFiles(kept)
    files.store(there)
    monkeypatch.setattr(keeping, "write_atomic", refuse)
    monkeypatch.setattr(keeping, "remove", refuse)
    for number in range(2, 100):
        files.store(Store("peer", number, b"new"))
        assert kept.waiting == 1
        files.store(Store("peer", number, None))
    assert kept.waiting == 0
    files.store(Store("peer", 1, None))
    assert kept.waiting == 1
