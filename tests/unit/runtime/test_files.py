"""Files in folders that belong to somebody else, who would have root follow a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from earthline.runtime.base.files import (
    PRIVATE,
    make_folder,
    mode_of,
    open_regular,
    read_if_there,
    remove,
    restrict,
    write_atomic,
)
from earthline.runtime.base.folders import UnsafeFile
from earthline.runtime.home.home import Home, StartFault
from earthline.runtime.host.accounts import Account, acting_as_owner
from earthline.runtime.host.privileges import hand_over

NOBODY = Account("nobody", 65534, 65534)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def owner(path: Path) -> int:
    return path.lstat().st_uid


def link(path: Path, target: Path, uid: int = NOBODY.uid) -> None:
    path.symlink_to(target)
    os.lchown(path, uid, uid)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of another user, whom nobody trusts."""
    path = tmp_path / "home"
    path.mkdir()
    os.chown(path, NOBODY.uid, NOBODY.gid)
    return path


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "precious"
    path.parent.mkdir()
    path.write_text("of root alone")
    path.chmod(0o600)
    return path


def test_lock_file_is_no_way_to_empty_a_file_of_root(home, precious):
    link(home / "earthline.lock", precious)
    with pytest.raises(StartFault, match="symbolic link of another user"):
        Home(home).claim()
    assert precious.read_text() == "of root alone"


def test_lock_file_with_another_name_is_not_written(home, precious):
    (home / "earthline.lock").hardlink_to(precious)
    with pytest.raises(StartFault, match="another name"):
        Home(home).claim()
    assert precious.read_text() == "of root alone"


def test_lock_that_is_a_pipe_does_not_block_the_start(home):
    os.mkfifo(home / "earthline.lock")
    with pytest.raises(StartFault, match="no regular file"):
        Home(home).claim()


def test_written_file_replaces_a_link_and_not_what_it_points_at(home, precious):
    for name in ("zerotier-one.pid", "planet"):
        link(home / name, precious)
        assert write_atomic(home / name, b"new")
        assert not (home / name).is_symlink()
    assert precious.read_text() == "of root alone"


@pytest.mark.parametrize("act", ["write", "read", "remove", "chmod", "mode", "make"])
def test_folder_that_is_a_link_leads_nowhere(home, precious, act):
    link(home / "peers.d", precious.parent)
    path = home / "peers.d" / "precious"
    acts = {
        "write": lambda: write_atomic(path, b"new"),
        "read": lambda: read_if_there(path),
        "remove": lambda: remove(path),
        "chmod": lambda: restrict(path, 0o644),
        "mode": lambda: mode_of(path),
        "make": lambda: make_folder(path.with_name("made")),
    }
    with pytest.raises(UnsafeFile, match=r"peers\.d.*symbolic link of another user"):
        acts[act]()
    assert list(precious.parent.iterdir()) == [precious]
    assert (precious.read_text(), mode(precious)) == ("of root alone", 0o600)


def test_secret_of_root_is_not_read_by_a_link(home, precious):
    link(home / "identity.secret", precious)
    with pytest.raises(UnsafeFile):
        Home(home).load_identity()


def test_modes_are_not_changed_by_a_link(home, precious):
    precious.chmod(0o644)
    link(home / "authtoken.secret", precious)
    (home / "metricstoken.secret").hardlink_to(precious)
    Home(home).fix_modes()
    assert mode(precious) == 0o644


def test_links_of_root_itself_are_followed(tmp_path, home):
    elsewhere = tmp_path / "other-disk"
    elsewhere.mkdir()
    link(tmp_path / "here", elsewhere, uid=0)
    link(elsewhere / "local.conf", Path("settings"), uid=0)
    write_atomic(tmp_path / "here" / "settings", b"{}")
    assert read_if_there(tmp_path / "here" / "local.conf") == b"{}"
    assert read_if_there(tmp_path / "here" / ".." / "home" / "none") is None


def test_links_that_lead_to_themselves_end(home):
    link(home / "round", home / "round", uid=0)
    for path in (home / "round", home / "round" / "file"):
        with pytest.raises(OSError, match="symbolic links"):
            read_if_there(path)


def test_what_root_writes_belongs_to_the_owner_of_the_folder(home):
    write_atomic(home / "moons.d" / "a.moon", b"moon")
    for path in (home / "moons.d", home / "moons.d" / "a.moon"):
        assert owner(path) == NOBODY.uid
    assert (mode(home / "moons.d"), mode(home / "moons.d" / "a.moon")) == (0o700, PRIVATE)


def test_nothing_is_left_open(home, precious):
    link(home / "bad", precious)
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        write_atomic(home / "sub" / "file", os.urandom(4))
        for act in (read_if_there, lambda path: open_regular(path, os.O_RDWR)):
            with pytest.raises(UnsafeFile):
                act(home / "bad")
            with pytest.raises(UnsafeFile):
                act(home / "bad" / "file")
    assert len(list(descriptors.iterdir())) == before


# --- handing a home over --------------------------------------------------------------------------


def test_handed_over_home_takes_nothing_along_that_links_point_at(home, precious):
    (home / "peers.d").mkdir()
    (home / "planet").touch()
    (home / "peers.d" / "a.peer").write_text("peer")
    link(home / "shadow", precious)
    link(home / "etc", precious.parent)
    (home / "same").hardlink_to(precious)
    os.mkfifo(home / "pipe")
    hand_over(home, NOBODY)
    assert owner(home / "peers.d" / "a.peer") == owner(home / "peers.d") == NOBODY.uid
    assert owner(precious) == owner(precious.parent) == owner(home / "pipe") == 0


def test_folder_exchanged_for_a_link_during_the_handing_over_leads_nowhere(
    home, precious, monkeypatch
):
    """Its owner may change the folder at any moment: here, after its names were read."""
    folder = home / "a"
    folder.mkdir()
    (folder / precious.name).write_text("bait")
    (home / "planet").touch()
    walk = os.fwalk

    def exchanging(*words, **more):
        for step in walk(*words, **more):
            if precious.name in step[2]:
                folder.rename(home / "b")
                link(home / "a", precious.parent)
            yield step

    monkeypatch.setattr(os, "fwalk", exchanging)
    hand_over(home, NOBODY)
    assert owner(precious) == 0
    assert owner(home / "b" / precious.name) == NOBODY.uid


def test_folder_of_other_things_is_not_given_away(precious):
    with pytest.raises(StartFault, match="no home folder, but holds precious"):
        hand_over(precious.parent, NOBODY)
    assert owner(precious) == owner(precious.parent) == 0


def test_work_in_a_home_is_done_with_its_owners_rights(home, precious):
    with acting_as_owner(home):
        assert (os.geteuid(), os.getegid()) == (NOBODY.uid, NOBODY.gid)
        with pytest.raises(PermissionError):
            precious.read_text()
    assert (os.geteuid(), os.getegid(), precious.read_text()) == (0, 0, "of root alone")


def test_link_that_leads_nowhere_is_no_missing_file(home):
    (home / "planet").symlink_to("/nowhere/at/all")
    with pytest.raises(UnsafeFile, match="what is not there"):
        read_if_there(home / "planet")


@pytest.mark.parametrize("act", [lambda file: write_atomic(file, b"x"), remove])
def test_fault_of_a_file_names_all_of_its_path(home, act):
    (home / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError) as fault:
        act(home / "folder")
    assert fault.value.filename == str(home / "folder")
    assert fault.value.filename2 is None
