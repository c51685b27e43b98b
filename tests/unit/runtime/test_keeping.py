"""Files that wait for room, and those that wait for nothing."""

from __future__ import annotations

import errno
import os

import pytest

from earthline.runtime.base import keeping as keeping_module
from earthline.runtime.base.files import write_atomic
from earthline.runtime.base.keeping import Keeping


@pytest.fixture
def keeping(tmp_path) -> Keeping:
    return Keeping(tmp_path)


@pytest.fixture
def full(monkeypatch):
    def refuse(path, *_more, **_named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(keeping_module, "write_atomic", refuse)
    return lambda: monkeypatch.setattr(keeping_module, "write_atomic", write_atomic)


def test_folder_of_the_files_name_is_kept_beside_it(keeping, tmp_path):
    (tmp_path / "pid" / "inside").mkdir(parents=True)
    keeping.write(tmp_path / "pid", b"1")
    assert (tmp_path / "pid").read_bytes() == b"1"
    assert (tmp_path / "pid.damaged" / "inside").is_dir()
    assert keeping.waiting == 0


def test_what_no_room_will_help_is_given_up(keeping, tmp_path):
    (tmp_path / "moons.d").write_bytes(b"a file")
    keeping.write(tmp_path / "moons.d" / "moon", b"1")
    assert keeping.waiting == 0
    assert (tmp_path / "moons.d").read_bytes() == b"a file"


def test_what_is_written_at_once_makes_an_older_wish_void(keeping, tmp_path, full):
    file = tmp_path / "local.conf"
    keeping.write(file, b"old")
    assert keeping.waiting == 1
    with pytest.raises(OSError, match=str(file)):
        keeping.write_now(file, b"refused")
    assert keeping.waiting == 1
    full()
    keeping.write_now(file, b"new")
    keeping.again()
    assert file.read_bytes() == b"new"
    assert keeping.waiting == 0


def test_latest_wish_is_written_once_there_is_room(keeping, tmp_path, full):
    for text in (b"first", b"second"):
        keeping.write(tmp_path / "file", text)
    assert list(tmp_path.iterdir()) == []
    full()
    keeping.again()
    assert (tmp_path / "file").read_bytes() == b"second"
