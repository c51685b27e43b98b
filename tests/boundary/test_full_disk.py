"""A disk that takes no writes keeps nothing from running: just then a machine must be in reach."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from caller import Caller

from earthline.lab import LabError
from earthline.lab.service import Service, wait_until

OTHER = "1122334455000001"
MOON = "1122334455"
FILLING = "filling"
FULL = "No space left on device"


class Disk:
    """A small disk of its own, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fault = ""

    def run(self, *words: str) -> None:
        subprocess.run([*words, str(self.folder)], check=True, capture_output=True)

    def fill(self) -> None:
        """To the last byte."""
        self.fault = FULL
        with (self.folder / FILLING).open("ab", buffering=0) as file:
            for piece in (bytes(65536), bytes(1)):
                with contextlib.suppress(OSError):
                    while file.write(piece):
                        pass

    def lock(self) -> None:
        """Have it read-only."""
        self.fault = "Read-only file system"
        self.run("mount", "-o", "remount,ro")

    def free(self, node: Service) -> None:
        """Have it as it was, for us and for the service, which sees a mount of its own."""
        remount = ["mount", "-o", "remount,rw", str(self.folder)]
        subprocess.run(remount, check=True)
        subprocess.run(["nsenter", "-m", "-t", str(node.process.pid), *remount], check=True)
        (self.folder / FILLING).unlink(missing_ok=True)


@pytest.fixture
def disk(node: Service) -> Iterator[Disk]:
    made = Disk(node.home)
    made.run("mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "earthline-test")
    yield made
    with contextlib.suppress(LabError):
        node.stop()
    made.run("umount")


@pytest.fixture(params=["full", "read-only"])
def member(request, node: Service, disk: Disk) -> tuple[Service, Disk, str]:
    """A node that was member of its own network, and whose disk now takes no writes."""
    node.start()
    node.found_planet()
    network = node.create_network("10.44.0.0/24", private=False)
    node.join(network)
    node.wait_ip(network)
    assert node.stop() == 0
    {"full": disk.fill, "read-only": disk.lock}[request.param]()
    return node, disk, network


def start_again(node: Service, disk: Disk) -> None:
    """And no room after that, either: the start empties a file."""
    node.start()
    if disk.fault == FULL:
        disk.fill()


def test_service_starts_and_goes_on_with_one_warning(member):
    node, disk, network = member
    node.start()
    assert node.wait_ip(network).startswith("10.44.0.")
    assert [item["id"] for item in node.request("GET", "/unstable/controller/network")["data"]]
    warnings = [line for line in node.process.output.splitlines() if "home_not_written" in line]
    assert len(warnings) == 1
    assert disk.fault in warnings[0]
    assert "Traceback" not in node.process.output
    assert node.stop() == 0


def test_joining_is_done_and_written_when_there_is_room(member):
    node, disk, _ = member
    start_again(node, disk)
    node.join(OTHER)
    assert node.network(OTHER)["id"] == OTHER
    file = node.home / "networks.d" / f"{OTHER}.conf"
    assert not file.exists()
    disk.free(node)
    wait_until("it is written", file.exists)
    wait_until("it says so", lambda: "home_written" in node.process.output)
    assert (node.home / "networks.d" / f"{OTHER}.local.conf").exists()
    assert "Traceback" not in node.process.output


def test_settings_that_cannot_be_kept_are_refused_and_not_in_force(member):
    node, disk, _ = member
    start_again(node, disk)
    with pytest.raises(LabError, match=f"507 .*{disk.fault}"):
        node.request("POST", "/config/settings", {"lowBandwidthMode": True})
    assert not node.status()["config"]["settings"].get("lowBandwidthMode")
    assert "Traceback" not in node.process.output


def test_controller_is_written_to_again_once_there_is_room(node, disk):
    node.start()
    network = node.create_network("10.44.0.0/24", private=False)
    assert node.stop() == 0
    disk.fill()
    start_again(node, disk)
    with pytest.raises(LabError, match=r"500 .*full"):
        node.request("POST", f"/controller/network/{network}", {"name": "office"})
    disk.free(node)
    node.request("POST", f"/controller/network/{network}", {"name": "office"})
    assert node.stop() == 0
    node.start()
    assert node.request("GET", f"/controller/network/{network}")["name"] == "office"


def test_node_without_anything_yet_starts_on_a_full_disk(node, disk):
    disk.fill()
    node.start(wait=False)
    wait_until("it runs", lambda: '"answering"' in node.process.output)
    disk.free(node)
    wait_until("its identity is kept", (node.home / "identity.secret").exists)
    wait_until("the token, too", (node.home / "zerotier-one.port").exists)
    assert (node.home / "identity.public").read_text().startswith(node.address)


CHANGES = {
    "POST /network/{nwid}": [(f"/network/{OTHER}", '{"allowDNS": true}', 200)],
    "DELETE /network/{nwid}": [("/network/{earth}", "", 200)],
    "POST /moon/{world}": [(f"/moon/{MOON}", '{"seed": "1122334455"}', 200)],
    "DELETE /moon/{world}": [(f"/moon/{MOON}", "", 200)],
    "POST /config/settings": [("/config/settings", '{"lowBandwidthMode": true}', 507)],
    "POST /bond/rotate/{address}": [(f"/bond/rotate/{MOON}", "", 400)],
    "POST /bond/setmtu/{mtu}/{interface}/{ip}": [("/bond/setmtu/1400/eth0/192.0.2.1", "", 400)],
    "POST /earthline/planet": [
        ("/earthline/planet", '{"endpoints": ["192.0.2.1/9993"]}', 400),
    ],
    "POST /earthline/planet/install": [
        ("/earthline/planet/install", '{"data": "{planet}"}', 200),
    ],
    "POST /earthline/planet/reissue": [
        ("/earthline/planet/reissue", "{}", 200),
        ("/earthline/planet/reissue", '{"endpoints": ["192.0.2.9/9993"]}', 507),
    ],
    "POST /earthline/bridge/{nwid}": [("/earthline/bridge/{network}", "{}", 400)],
    "POST /earthline/bridge/{nwid}/confirm": [("/earthline/bridge/{network}/confirm", "", 400)],
    "DELETE /earthline/bridge/{nwid}": [("/earthline/bridge/{network}", "", 400)],
    "POST /controller/network": [("/controller/network", "{}", 500)],
    "POST /controller/network/{controller}______": [
        ("/controller/network/{address}______", "{}", 500)
    ],
    "POST /controller/network/{network}": [
        ("/controller/network/{network}", '{"name": "office"}', 500)
    ],
    "POST /earthline/controller/network": [("/earthline/controller/network", "{}", 500)],
    "POST /earthline/controller/network/{network}/member/{member}": [
        ("/earthline/controller/network/{network}/member/{address}", '{"name": "me"}', 500)
    ],
    "POST /earthline/ping/{address}": [("/earthline/ping/{address}", "", 400)],
    "DELETE /controller/network/{network}": [("/controller/network/{network}", "", 500)],
    "POST /controller/network/{network}/member/{member}": [
        ("/controller/network/{network}/member/{address}", '{"name": "me"}', 500)
    ],
    "DELETE /controller/network/{network}/member/{member}": [
        ("/controller/network/{network}/member/{address}", "", 500)
    ],
    "POST /earthline/rules/{network}": [("/earthline/rules/{network}", '{"source": ""}', 500)],
}
"""Every route that changes something: what is asked of it, and the status where nothing can be
written. What is done for all that (200) is written later; what is refused is not done.
"""


def test_every_change_is_answered_honestly_and_kept_once_there_is_room(member):
    node, disk, network = member
    start_again(node, disk)
    caller, earth = Caller(node), node.request("GET", "/earthline/planet")
    words = {"network": network, "address": node.address, "earth": earth["earth"]}
    paths = caller.authorised("GET", "/earthline/openapi.json").json["paths"]
    verbs = [(verb.upper(), path) for path, known in paths.items() for verb in known]
    assert {f"{verb} {path}" for verb, path in verbs if verb != "GET"} == set(CHANGES)
    for route, asked in CHANGES.items():
        for path, text, status in asked:
            if disk.fault == FULL:
                disk.fill()  # what was deleted has left room
            body = text.replace("{planet}", earth["data"])
            answer = caller.authorised(route.split()[0], path.format(**words), body)
            assert answer.status == status, (route, answer.text)
            if status >= 500:
                assert answer.json["error"] == status
                assert answer.json["description"].isprintable()
                assert "internal" not in answer.json["description"], route
    said = node.process.output
    assert said.count("home_not_written") == 1
    assert "Traceback" not in said

    disk.free(node)
    wait_until("it is up to date", lambda: "home_written" in node.process.output)
    again = node.request("POST", "/config/settings", {"portMappingEnabled": False})
    assert again == {}
    assert node.stop() == 0
    node.start()
    joined = {found["id"]: found for found in node.request("GET", "/network")}
    assert joined[OTHER]["allowDNS"]
    assert earth["earth"] not in joined
    held = node.request("GET", "/earthline/planet")
    assert held["timestamp"] > earth["timestamp"]
    assert held["roots"] == earth["roots"]
    assert node.request("GET", f"/controller/network/{network}")["name"] == ""
    assert node.request("GET", "/config")["settings"] == {
        "joinEarth": False,
        "portMappingEnabled": False,
    }
    assert "Traceback" not in node.process.output
