"""The home folder: names, modes, the lock, and faults that stop the start (05, 2)."""

from __future__ import annotations

import os
import stat

import pytest

from earthline.runtime.base.files import write_atomic
from earthline.runtime.home.home import Home, StartFault
from earthline.wire.identity import SecretIdentity

# A recorded identity.
SECRET = (
    "5391a36d1a:0:649bbffe8ad3de6dff851a60337f9db759305a34d1e61d7c54f77b07c14a156"
    "a4d36c7a2fad005a7ae3b21173279ef3922edf44f7c167637162340a208c892f5:5ac15f385f"
    "9fbaaadc80ede8fa1284d0c6c98988783d60ad60885016891c1fd0a9a248bb15d812dd8b2e3d"
    "c1518dd7435057e39d9bf77658f556cfc2e55b7c15"
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
