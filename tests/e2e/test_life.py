"""Starting, stopping and failing to start."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from earthline.lab import Lab
from earthline.lab.service import FoundPlanet, Service, script


@pytest.fixture
def node(lab: Lab) -> Service:
    return Service(lab.host("root"))


def started_on_its_earth(node: Service) -> FoundPlanet:
    """Start a root that is a member of its own Earth: a service with a TAP."""
    node.start()
    planet = node.found_planet()
    node.wait_ip(planet.earth)
    return planet


def links(node: Service) -> set[str]:
    shown = json.loads(node.host.run(["ip", "-j", "link"]))
    return {link["ifname"] for link in shown}


def test_sigterm_leaves_no_tap_no_route_and_no_pid_file(node: Service) -> None:
    routes = node.host.run(["ip", "route"])
    planet = started_on_its_earth(node)
    assert node.device(planet.earth) in links(node)
    assert (node.home / "zerotier-one.pid").read_text() == str(node.process.pid)
    assert node.stop() == 0
    assert links(node) == {"lo", "eth0"}
    assert node.host.run(["ip", "route"]) == routes
    assert not (node.home / "zerotier-one.pid").exists()


def test_second_instance_on_one_home_refuses_and_the_first_goes_on(node: Service) -> None:
    node.start()
    pid = (node.home / "zerotier-one.pid").read_text()
    second = node.host.start(
        [script("earthline-one"), "-U", "-p9994", str(node.home)], name="second"
    )
    assert second.wait(20) == 1
    assert len(second.output.splitlines()) == 1
    assert (node.home / "zerotier-one.pid").read_text() == pid
    assert (node.home / "zerotier-one.port").read_text() == "9993"
    assert node.status()["address"]


def test_killed_service_starts_again_as_the_same_member(node: Service) -> None:
    planet = started_on_its_earth(node)
    address, ip = node.address, node.ip(planet.earth)
    node.kill()
    node.start()
    assert node.address == address
    assert node.wait_ip(planet.earth) == ip
    assert node.status()["planetWorldId"] == int(planet.world_id, 16)


def test_hangup_and_user_signals_do_not_end_the_service(node: Service) -> None:
    node.start()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
        node.process.signal(number)
    assert node.status()["address"]


WRONG = {
    "planet": b"this is no world",
    "identity.secret": b"0123456789:0:not-a-key",
    "local.conf": b'{"settings": ',
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_file_stops_the_start_with_one_line_and_is_not_overwritten(
    node: Service, name: str
) -> None:
    path: Path = node.home / name
    path.write_bytes(WRONG[name])
    node.start(wait=False)
    assert node.process.wait(20) == 1
    (line,) = node.process.output.splitlines()
    assert str(path) in line
    assert path.read_bytes() == WRONG[name]
    assert links(node) == {"lo", "eth0"}
