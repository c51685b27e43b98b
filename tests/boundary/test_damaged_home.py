"""Whatever a file of the home folder has become: named in one line, refused or left aside, kept."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nursery import Nursery

from earthline.lab import Lab
from earthline.lab.service import Service, wait_until
from earthline.root.planet import SigningKey, define_moon, world_file
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.world import Root

pytestmark = pytest.mark.timeout(600)
PATIENCE_S = 200
"""The loading of the program included."""
NETWORK = "1122334455000001"
PEER = "aabbccddee"
NOBODY = 65534
GARBAGE = b"\xff\xfe\0garbage\xff=\n" * 5
DAMAGES = ("empty", "garbage", "truncated", "folder", "unreadable", "foreign link", "lost link")

REFUSED = {
    "identity.secret": (),
    "authtoken.secret": ("empty", "truncated"),
    "metricstoken.secret": ("empty", "truncated"),
    "planet": (),
    "local.conf": ("empty",),
    "trustedpaths": ("empty",),
    "controller.d/controller.sqlite3": ("empty",),
    "earthline.lock": ("empty", "garbage", "truncated"),
}
"""What is not started without, and the damages that are none to it."""

LEFT_ASIDE = {
    "devicemap": ("empty",),
    f"networks.d/{NETWORK}.local.conf": ("empty",),
    "networks.d/{earth}.conf": ("empty",),
    "moons.d/{moon}.moon": (),
    f"peers.d/{PEER}.peer": (),
    "bridges.json": (),
}
"""What the log names, and goes on without; and the damages of which there is nothing to say."""

WRITTEN_ANEW = ("identity.public", "zerotier-one.port", "zerotier-one.pid", "metrics.prom")


@dataclass
class Place:
    """One home folder that is damaged again and again, and a whole one beside it."""

    service: Service
    nursery: Nursery
    whole: Path
    names: dict[str, str]
    runs: int = 0

    def file(self, name: str) -> Path:
        return self.service.home / name.format(**self.names)

    def renew(self) -> None:
        self.nursery.end_all()
        shutil.rmtree(self.service.home)
        shutil.copytree(self.whole, self.service.home)

    def damage(self, name: str, how: str) -> bytes | None:
        """Its content from now on; None if it has none to be kept."""
        file = self.file(name)
        held = file.read_bytes() if file.is_file() else b""
        file.unlink(missing_ok=True)
        left = {"empty": b"", "garbage": GARBAGE, "truncated": held[: len(held) // 3]}
        match how:
            case "folder":
                file.mkdir()
                (file / "something").write_bytes(held)
            case "unreadable":
                file.write_bytes(held)
                file.chmod(0)
            case "foreign link":
                elsewhere = self.service.host.directory / "elsewhere"
                elsewhere.write_bytes(held)
                file.symlink_to(elsewhere)
                os.lchown(file, 12345, 12345)
            case "lost link":
                file.symlink_to("/nowhere/at/all")
            case _:
                file.write_bytes(left[how])
        return left.get(how)

    def start(self, how: str) -> tuple[int, Path]:
        """Pid and log. Who may read everything is root: what is unreadable takes somebody else."""
        uid = NOBODY if how == "unreadable" else 0
        for path in [self.service.home, *self.service.home.rglob("*")] if uid else ():
            if path.is_dir() or path.stat().st_mode & 0o777:
                os.chown(path, uid, uid)
        self.runs += 1
        log = self.service.host.directory / f"{self.runs}.log"
        return self.nursery.start(self.service.argv, log, uid), log

    def wait_ended(self, pid: int) -> int:
        ended: list[int] = []

        def has_ended() -> bool:
            status = self.nursery.ended(pid)
            ended.extend([] if status is None else [status])
            return bool(ended)

        wait_until("it ends", has_ended, timeout_s=PATIENCE_S)
        return ended[0]

    def wait_answering(self, pid: int, log: Path) -> None:
        def answers() -> bool:
            said = log.read_text() if log.exists() else ""
            assert self.nursery.ended(pid) is None, said
            return '"answering"' in said

        wait_until("it answers", answers, timeout_s=PATIENCE_S)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A root on its own planet, with something in every file."""
    with Lab() as lab:
        service = Service(lab.host("root"))
        for folder in (lab.directory, service.host.directory):
            folder.chmod(0o777)
        service.configure(portMappingEnabled=False)
        nursery = Nursery(service.host)
        made = Place(service, nursery, service.host.directory / "whole", {})
        pid, log = made.start("")
        made.wait_answering(pid, log)
        planet = service.request("POST", "/earthline/planet", {"endpoints": ["192.0.2.1/9993"]})
        service.wait_ip(planet["earth"])
        service.request("POST", f"/network/{NETWORK}", {"allowDefault": True})
        os.kill(pid, signal.SIGTERM)
        assert made.wait_ended(pid) == 0
        home = service.home
        made.names = {"earth": planet["earth"], "moon": make_moon(home)}
        (home / "devicemap").write_text(f"{NETWORK}=office0\n")
        (home / "trustedpaths").write_text("4d=192.168.40.0/24\n")
        (home / "bridges.json").write_text('{"boot": "another", "bridges": []}\n')
        (home / "peers.d").mkdir(exist_ok=True)
        (home / "peers.d" / f"{PEER}.peer").write_bytes(b"\x02" + bytes.fromhex(PEER) + bytes(90))
        shutil.copytree(home, made.whole)
        yield made
        nursery.close()


def make_moon(home: Path) -> str:
    """Put a moon of the node's own into its home; the ID."""
    identity = Identity.parse((home / "identity.public").read_text())
    moon = define_moon(identity, SigningKey.generate(os.urandom))
    root = Root(identity, (InetAddress.parse("192.0.2.1/9993"),))
    name = world_file(moon)
    (home / "moons.d").mkdir()
    (home / "moons.d" / name).write_bytes(moon.with_roots([root]).issue(1_700_000_000_000).emit())
    return name.removesuffix(".moon")


def without_faults(log: Path) -> str:
    said = log.read_text()
    assert "Traceback" not in said
    assert '"exception"' not in said
    return said


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_a_node_is_nothing_without_is_refused_by_name_and_kept(place, name, how):
    place.renew()
    held = place.damage(name, how)
    pid, log = place.start(how)
    if how in REFUSED[name]:
        place.wait_answering(pid, log)
        os.kill(pid, signal.SIGTERM)
        assert place.wait_ended(pid) == 0
        without_faults(log)
        return
    assert place.wait_ended(pid) == 1
    last = without_faults(log).splitlines()[-1]
    assert last.startswith(f"earthline-one: fatal error: {place.file(name)}: ")
    assert held is None or place.file(name).read_bytes() == held


@pytest.mark.parametrize("how", DAMAGES)
def test_what_a_node_can_do_without_is_left_aside_with_a_note(place, how):
    place.renew()
    held = {name: place.damage(name, how) for name in LEFT_ASIDE}
    for name in WRITTEN_ANEW:
        place.damage(name, how)
    pid, log = place.start(how)
    place.wait_answering(pid, log)
    assert NETWORK in {found["id"] for found in place.service.request("GET", "/network")}
    said = without_faults(log)
    for name, harmless in LEFT_ASIDE.items():
        if how not in harmless:
            file = place.file(name)
            assert str(file) in said or f'"{file.stem[-10:]}"' in said or file.stem in said, name
    kept = held.pop("bridges.json")
    if kept is not None:
        assert place.file("bridges.json.damaged").read_bytes() == kept
    held.pop("networks.d/{earth}.conf")  # which the controller gives again
    assert all(data is None or place.file(name).read_bytes() == data for name, data in held.items())

    place.service.request("POST", f"/network/{NETWORK}", {"allowDNS": True})
    os.kill(pid, signal.SIGTERM)
    assert place.wait_ended(pid) == 0
    without_faults(log)
    permissions = f"networks.d/{NETWORK}.local.conf"
    assert "allowDNS=1" in place.file(permissions).read_text()
    if how not in {"empty", "foreign link", "unreadable"}:
        aside = place.file(f"{permissions}.damaged")
        assert held[permissions] is None or aside.read_bytes() == held[permissions]
        assert os.path.lexists(aside)


@pytest.mark.parametrize("how", DAMAGES)
def test_key_of_a_planet_that_cannot_be_used_is_named_when_it_is_needed(place, how):
    place.renew()
    held = place.damage("planet.signing.json", how)
    pid, log = place.start(how)
    place.wait_answering(pid, log)
    said = answer_of(place, "POST", "/earthline/planet/reissue")
    assert str(place.file("planet.signing.json")) in said["description"]
    assert said["error"] in {400, 500}
    os.kill(pid, signal.SIGTERM)
    assert place.wait_ended(pid) == 0
    without_faults(log)
    assert held is None or place.file("planet.signing.json").read_bytes() == held


def answer_of(place: Place, method: str, path: str) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", place.service.port, timeout=20)
    connection.sock = place.service._connect()
    token = (place.service.home / "authtoken.secret").read_text()
    connection.request(method, path, "{}", {"X-ZT1-Auth": token})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_files_where_folders_should_be_are_named_and_kept(place):
    place.renew()
    folders = ("networks.d", "moons.d", "peers.d")
    for name in folders:
        shutil.rmtree(place.file(name))
        place.file(name).write_bytes(GARBAGE)
    pid, log = place.start("file")
    place.wait_answering(pid, log)
    assert place.service.request("POST", f"/network/{NETWORK}", {})["id"] == NETWORK
    os.kill(pid, signal.SIGTERM)
    assert place.wait_ended(pid) == 0
    said = without_faults(log)
    for name in folders:
        assert str(place.file(name)) in said
        assert place.file(name).read_bytes() == GARBAGE


def test_file_in_the_place_of_the_controllers_folder_is_refused(place):
    place.renew()
    shutil.rmtree(place.file("controller.d"))
    place.file("controller.d").write_bytes(GARBAGE)
    pid, log = place.start("file")
    assert place.wait_ended(pid) == 1
    assert without_faults(log).splitlines()[-1].endswith("/controller.d: this is no folder")
    assert place.file("controller.d").read_bytes() == GARBAGE
