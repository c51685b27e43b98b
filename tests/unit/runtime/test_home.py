"""The home folder: names, modes, the lock, and faults that stop the start (05, 2)."""

from __future__ import annotations

import os
import stat

import pytest

from earthline.runtime.files import write_atomic
from earthline.runtime.home import Home, StartFault
from earthline.wire.identity import SecretIdentity

# A recorded stock identity.
SECRET = (
    "8e4df28b72:0:ac3d46abe0c21f3cfe7a6c8d6a85cfcffcb82fbd55af6a4d6350657c68200843"
    "fa2e16f9418bbd9702cae365f2af5fb4c420908b803a681d4daef6114d78a2d7:"
    "bd8dd6e4ce7022d2f812797a80c6ee8ad180dc4ebf301dec8b06d1be08832bdd"
    "d29a2f1cfa7b2c504474c75bdc8898ba476ef92e8e2d0509f8441985171ff16e"
)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_second_instance_is_refused_by_the_first_ones_pid(home):
    home.claim()
    home.write_pid()
    before = sorted(path.name for path in home.path.iterdir())
    second = Home(home.path)
    with pytest.raises(StartFault, match=f"pid {os.getpid()} already uses"):
        second.claim()
    second.release()
    assert sorted(path.name for path in home.path.iterdir()) == before
    assert home.pid_file.read_text() == str(os.getpid())


def test_home_is_free_again_after_release(home):
    home.claim()
    home.write_pid()
    home.release()
    assert not home.pid_file.exists()
    Home(home.path).claim()


def test_identity_survives_with_its_modes(home):
    home.path.mkdir()
    identity = SecretIdentity.parse(SECRET)
    home.store_identity(identity)
    assert home.load_identity() == identity
    assert mode(home.path / "identity.secret") == 0o600
    assert (home.path / "identity.public").read_text() == str(identity.public)


def test_trailing_newline_in_the_identity_is_accepted(home):
    home.path.mkdir()
    (home.path / "identity.secret").write_text(SECRET + "\n")
    assert home.load_identity().text == SECRET


@pytest.mark.parametrize("text", ["", "nonsense", SECRET[:-1], "0" + SECRET[1:], "\udcff"])
def test_unusable_identity_stops_the_start_and_stays(home, text):
    home.path.mkdir()
    path = home.path / "identity.secret"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StartFault) as fault:
        home.load_identity()
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x7f" + bytes(400), bytes(600), b"\xff" * 570])
def test_unusable_planet_stops_the_start_and_stays(home, data):
    home.path.mkdir()
    home.planet_file.write_bytes(data)
    with pytest.raises(StartFault, match="planet"):
        home.load_planet()
    assert home.planet_file.read_bytes() == data


def test_token_is_made_once_and_trimmed(home):
    home.path.mkdir()
    token = home.token("authtoken")
    assert len(token) == 24
    assert mode(home.path / "authtoken.secret") == 0o600
    (home.path / "authtoken.secret").write_text(f" {token}\r\n")
    assert home.token("authtoken") == token


def test_secrets_are_locked_down(home):
    home.path.mkdir()
    path = home.path / "authtoken.secret"
    path.write_text("x")
    path.chmod(0o644)
    home.fix_modes()
    assert mode(path) == 0o600


def test_file_is_written_only_when_it_changes(tmp_path):
    path = tmp_path / "sub" / "file"
    assert write_atomic(path, b"one")
    inode = path.stat().st_ino
    assert not write_atomic(path, b"one")
    assert path.stat().st_ino == inode
    assert write_atomic(path, b"two")
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
