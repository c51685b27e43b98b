"""``earthline doctor`` names the true cause, whatever is made to go wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earthline.lab import Lab, NatKind
from earthline.lab.planet import make_planet
from earthline.lab.service import Service, script, wait_until
from earthline.lab.topology import Router

FIREWALL = """
table ip firewall {{
    chain packets {{
        type filter hook {hook} priority filter; policy accept;
        meta l4proto udp {what} drop
    }}
}}
"""


@dataclass(frozen=True)
class World:
    """Two roots, three members of their planet, one node without, and one that never ran."""

    roots: tuple[Service, Service]
    open: Service
    office: Router
    behind: tuple[Service, Service]
    """Each behind a symmetric NAT, the first in the office; it pings the second."""
    private: str
    """A network that nobody is authorised for."""
    lonely: Service
    stopped: Service


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        one, two = (Service(lab.host(name)) for name in ("one", "two"))
        planet = make_planet(one, two)
        office = lab.router("office", NatKind.SYMMETRIC, "10.20.0.0/24")
        home = lab.router("home", NatKind.SYMMETRIC, "192.168.1.0/24")
        hosts = (lab.host("open"), office.host("left"), home.host("right"))
        public, left, right = (Service(host) for host in hosts)
        lonely, stopped = (Service(lab.host(name)) for name in ("lonely", "stopped"))
        (stopped.home / "planet").write_bytes(planet)
        for service in (one, two, left, right, public):
            service.start(planet, wait=False)
        lonely.start(wait=False)
        for service in (one, two, left, right, public):
            service.wait_ready()
            service.wait_online()
        ping_over(one.create_network("10.78.0.0/24", private=False), left, right)
        private = one.create_network("10.77.0.0/24", private=True)
        yield World((one, two), public, office, (left, right), private, lonely, stopped)


def ping_over(network: str, source: Service, target: Service) -> None:
    """Have traffic flow for as long as the lab lives."""
    for node in (source, target):
        node.join(network)
    source.wait_ip(network)
    source.host.start(["ping", "-q", "-i0.5", target.wait_ip(network)], name="pinging")


def diagnosed(service: Service, home: Path | None = None) -> tuple[int, dict[str, Any]]:
    """The exit status, and the report."""
    argv = [script("earthline"), "--home", str(home or service.home), "doctor", "--json"]
    inside = service.host.namespace.enter_argv(argv)
    done = subprocess.run(inside, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def finding(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next((f for f in report["findings"] if f["id"] == name), {})


def blamed(service: Service) -> dict[str, Any]:
    """What a faulty node's doctor names as the cause."""
    status, report = diagnosed(service)
    assert status == 1, report
    return finding(report, report["cause"])


@contextmanager
def filtered(service: Service, hook: str, what: str = "") -> Iterator[None]:
    """UDP of a host dropped in one direction by its own firewall: all, or some."""
    service.host.namespace.nft(FIREWALL.format(hook=hook, what=what))
    try:
        yield
    finally:
        service.host.namespace.nft("")


@contextmanager
def dead(*services: Service) -> Iterator[None]:
    for service in services:
        service.kill()
    try:
        yield
    finally:
        for service in services:
            service.start(wait=False)
        for service in services:
            service.wait_ready()


def test_healthy_node_in_the_open_is_well(world: World) -> None:
    status, report = diagnosed(world.open)
    assert (status, report["cause"]) == (0, "all_well"), report
    said = {f["id"] for f in report["findings"] if f["severity"] == "ok"}
    assert {"interfaces_used", "ports_bound", "root_answers", "nat_none", "datagrams_pass"} <= said
    assert "clock_agrees" in said
    assert [f["subjects"] for f in report["findings"] if f["id"] == "root_answers"] == [
        [root.address] for root in sorted(world.roots, key=lambda root: root.address)
    ]


def glance(service: Service) -> dict[str, Any]:
    report: dict[str, Any] = service.request("GET", "/earthline/doctor/glance")
    return report


def test_glance_at_a_healthy_node_finds_nothing(world: World) -> None:
    for node in (*world.roots, world.open):
        assert (glance(node)["cause"], glance(node)["line"]) == ("all_well", "")
    assert glance(world.lonely)["cause"] == "no_planet"


def test_udp_dropped_by_the_router_is_blocked_on_the_way(world: World) -> None:
    world.office.translate(udp_blocked=True)
    try:
        found = blamed(world.behind[0])
    finally:
        world.office.translate()
    assert found["id"] == "udp_blocked"
    assert "TCP reaches" in found["seen"]
    assert "do leave this host" in found["seen"]


@pytest.mark.parametrize("hook", ["input", "output"])
def test_firewall_of_the_host_itself_is_told_from_one_on_the_way(world: World, hook: str) -> None:
    with filtered(world.open, hook):
        found = blamed(world.open)
    assert found["id"] == "udp_blocked_here"
    assert ("do not leave this host" in found["seen"]) is (hook == "output")


def test_datagrams_that_are_too_large_for_the_way_are_noticed(world: World) -> None:
    with filtered(world.open, "output", "meta length > 1300"):
        status, report = diagnosed(world.open)
    assert (status, report["cause"]) == (0, "large_datagrams_lost")
    lost = finding(report, "large_datagrams_lost")
    assert "1432 bytes" in lost["seen"]
    assert "up to 1232" in lost["seen"]


def test_unplugged_host_has_no_interface(world: World) -> None:
    world.open.host.unplug()
    try:
        found = blamed(world.open)
    finally:
        world.open.host.plug()
    assert found["id"] == "no_interface"
    assert "no carrier" in found["seen"]


def test_host_without_a_default_route_is_told_so(world: World) -> None:
    namespace = world.open.host.namespace
    (route,) = [line for line in namespace.ip("route").splitlines() if line.startswith("default")]
    namespace.ip("route", "del", "default")
    try:
        found = blamed(world.open)
    finally:
        namespace.ip("route", "add", *route.split())
    assert found["id"] == "no_route"


def test_gateway_that_is_off_is_the_cause(world: World) -> None:
    host = world.open.host
    (route,) = [
        line for line in host.namespace.ip("route").splitlines() if line.startswith("default")
    ]
    nobody = str(host.interface.ip + 7)
    host.namespace.ip("route", "replace", "default", "via", nobody)
    try:
        found = blamed(world.open)
    finally:
        host.namespace.ip("route", "replace", *route.split())
    assert found["id"] == "gateway_silent"
    assert nobody in found["seen"]


def test_router_that_cannot_reach_the_roots_is_named(world: World) -> None:
    node, router = world.behind[0], world.office
    # Linux limits such errors twice; under steady traffic none is left of one a second then.
    router.namespace.sysctl("net/ipv4/icmp_ratelimit", "0")
    for root in world.roots:
        router.namespace.ip("route", "add", "unreachable", root.host.address)
    try:
        found = blamed(node)
    finally:
        for root in world.roots:
            router.namespace.ip("route", "del", "unreachable", root.host.address)
    assert found["id"] == "roots_unreachable"
    assert router.gateway in found["seen"]


def test_member_that_was_not_authorised_is_sent_to_the_controller(world: World) -> None:
    node = world.behind[0]
    node.join(world.private)
    try:
        wait_until(
            "access is denied",
            lambda: node.network(world.private).get("status") == "ACCESS_DENIED",
        )
        found = blamed(node)
    finally:
        node.leave(world.private)
    assert found["id"] == "not_authorised"
    assert found["subjects"] == [world.private]
    assert f"earthline member authorize {world.private} {node.address}" in found["do"]


def test_both_symmetric_nats_are_named_by_the_relayed_peer(world: World) -> None:
    left, right = world.behind

    def told() -> dict[str, Any]:
        return left.peers().get(right.address, {}).get("earthline", {})

    wait_until(
        "the reason is found", lambda: told().get("reason") == "both_symmetric", timeout_s=60
    )
    assert told()["state"] == "relayed"
    assert told()["explanation"].startswith("Relayed through a root: both NATs")
    assert told()["attempts"]
    assert "both NATs are symmetric" in left.command("peers")
    _, report = diagnosed(left)
    assert report["cause"] == "nat_symmetric"
    assert right.address in finding(report, "peer_both_symmetric")["subjects"]


def test_node_without_planet_is_told_to_get_one(world: World) -> None:
    world.lonely.wait_ready()
    assert blamed(world.lonely)["id"] == "no_planet"


def test_stopped_service_is_the_cause_and_the_host_is_looked_at(world: World) -> None:
    status, report = diagnosed(world.stopped)
    assert (status, report["cause"], report["running"]) == (1, "service_not_running", False)
    assert finding(report, "interfaces_used")
    assert len([f for f in report["findings"] if f["id"] == "root_not_asked"]) == 2


def test_service_that_may_not_be_asked_is_looked_at_from_outside(
    world: World, tmp_path: Path
) -> None:
    """All that somebody without root's rights can read of the home."""
    for name in ("planet", "zerotier-one.port"):
        (tmp_path / name).write_bytes((world.open.home / name).read_bytes())
    status, report = diagnosed(world.open, tmp_path)
    assert (status, report["cause"], report["running"]) == (0, "all_well", True)
    assert "try again as root" in finding(report, "not_seen")["seen"]
    assert finding(report, "root_not_asked")


def test_dead_roots_are_named_one_by_one(world: World) -> None:
    one, two = (root.address for root in world.roots)
    with dead(world.roots[1]):
        status, report = diagnosed(world.open)
        assert (status, report["cause"]) == (0, "root_down")
        assert finding(report, "root_down")["subjects"] == [two]
        assert finding(report, "root_answers")["subjects"] == [one]
        with dead(world.roots[0]):
            found = blamed(world.open)
    assert found["id"] == "roots_down"
    assert sorted(found["subjects"]) == sorted((one, two))


def test_root_blames_nobody_for_its_dead_sister(world: World) -> None:
    one, two = world.roots
    with dead(two):
        status, report = diagnosed(one)
    assert (status, report["cause"]) == (0, "root_down")
    assert finding(report, "root_down")["subjects"] == [two.address]
