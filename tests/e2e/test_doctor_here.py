"""The doctor about this host's part, and the root's: each fault made, and its cause named."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from earthline.lab import Lab, LabError, NatKind
from earthline.lab.nat import PLAIN_MASQUERADE
from earthline.lab.service import Service, script, wait_until
from earthline.lab.topology import Host

DROP = """
table ip firewall {{
    chain packets {{
        type filter hook input priority filter; policy accept;
        {what} drop
    }}
}}
"""
KEEP_FLUSHING = "while true; do ip addr flush dev {}; sleep 0.1; done"
BUSY = """
import socket, time
held = socket.create_server(("0.0.0.0", 443))
print("held", flush=True)
time.sleep(600)
"""


@dataclass(frozen=True)
class World:
    """A root that is controller, and two members in the open."""

    lab: Lab
    root: Service
    alice: Service
    bob: Service
    planet: bytes


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        root, alice, bob = (Service(lab.host(name)) for name in ("root", "alice", "bob"))
        root.start()
        planet = root.found_planet().data
        for node in (alice, bob):
            node.start(planet, wait=False)
        for node in (alice, bob):
            node.wait_ready()
            node.wait_online()
        yield World(lab, root, alice, bob, planet)


def diagnosed(service: Service) -> dict[str, Any]:
    """What a running service finds out."""
    report: dict[str, Any] = service.request("GET", "/earthline/doctor")
    return report


def diagnosed_from_outside(service: Service) -> dict[str, Any]:
    """What the command line finds out where no service runs."""
    argv = [script("earthline"), "--home", str(service.home), "doctor", "--json"]
    inside = service.host.namespace.enter_argv(argv)
    done = subprocess.run(inside, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def named(report: dict[str, Any], name: str) -> dict[str, Any]:
    assert name in {found["id"] for found in report["findings"]}, report
    return next(found for found in report["findings"] if found["id"] == name)


def bad(report: dict[str, Any]) -> list[str]:
    return [f["id"] for f in report["findings"] if f["severity"] in {"fault", "warning"}]


@contextmanager
def firewall(host: Host, what: str) -> Iterator[None]:
    host.namespace.nft(DROP.format(what=what))
    try:
        yield
    finally:
        host.namespace.nft("")


@contextmanager
def joined(world: World, node: Service, **config: Any) -> Iterator[str]:
    """A public network of the root as configured, that a node is on."""
    made = world.root.request(
        "POST", f"/controller/network/{world.root.address}______", {"private": False, **config}
    )
    network = str(made["id"])
    node.join(network)
    try:
        wait_until("the network works", lambda: node.network(network).get("status") == "OK")
        yield network
    finally:
        node.leave(network)


def subnet(text: str, *more: dict[str, Any]) -> dict[str, Any]:
    """Routes and the pool of a network with one subnet."""
    begin = text.rpartition(".")[0]
    return {
        "routes": [{"target": text, "via": None}, *more],
        "ipAssignmentPools": [{"ipRangeStart": f"{begin}.10", "ipRangeEnd": f"{begin}.99"}],
        "v4AssignMode": {"zt": True},
    }


# --- roots ----------------------------------------------------------------------------------------


def test_closed_firewall_of_the_root_is_named_on_the_member(world: World) -> None:
    with firewall(world.root.host, "meta l4proto udp"):
        report = diagnosed(world.alice)
    found = named(report, "udp_blocked")
    assert report["cause"] == "udp_blocked"
    assert f"{world.root.host.address}/9993" in found["seen"]
    assert (
        "the root's own firewall or cloud security group does not let UDP 9993 in"
        in (found["seen"])
    )
    assert found["do"].startswith("First allow incoming UDP 9993 on the root")
    assert any("UDP no answer, TCP port closed" in fact for fact in found["evidence"])


def test_cloud_group_that_drops_everything_is_thought_of_as_well(world: World) -> None:
    with firewall(world.root.host, "meta l4proto { udp, tcp }"):
        found = named(diagnosed(world.alice), "roots_unreachable")
    assert f"{world.root.host.address}/9993" in found["seen"]
    assert "cloud security group does not let UDP 9993 in" in found["seen"]


def test_root_that_hangs_is_told_from_one_behind_a_firewall(world: World) -> None:
    world.root.process.signal(signal.SIGSTOP)
    try:
        report = diagnosed(world.alice)
    finally:
        world.root.process.signal(signal.SIGCONT)
    found = named(report, "roots_mute")
    assert report["cause"] == "roots_mute"
    assert (
        f"the host at {world.root.host.address}/9993 answers UDP on another port" in (found["seen"])
    )


def test_root_that_is_down_is_the_only_finding(world: World) -> None:
    """Its own doctor blames no firewall, though it cannot ask itself; nor do its members."""
    with joined(world, world.alice, **subnet("10.70.0.0/24")):
        world.root.kill()
        try:
            report, own = diagnosed(world.alice), diagnosed_from_outside(world.root)
        finally:
            world.root.start()
        world.alice.wait_online()
    assert bad(report) == ["roots_down"]
    assert bad(own) == ["service_not_running"]


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("127.0.0.1/9993", "root_endpoint_unusable"),
        ("81.0.99.9/9993", "root_address_foreign"),
        ("{own}/9999", "root_port_closed"),
    ],
)
def test_root_with_a_planet_nobody_can_use_is_told_so(
    world: World, endpoint: str, expected: str
) -> None:
    own = f"{world.root.host.address}/9993"
    place = endpoint.format(own=world.root.host.address)
    world.root.request("POST", "/earthline/planet/reissue", {"endpoints": [place]})
    try:
        report = diagnosed(world.root)
    finally:
        world.root.request("POST", "/earthline/planet/reissue", {"endpoints": [own]})
    assert report["cause"] == expected
    assert place in named(report, expected)["seen"]
    assert named(diagnosed(world.root), "root_endpoint_used")["severity"] == "ok"


# --- networks on this host ------------------------------------------------------------------------


def missing(service: Service) -> dict[str, Any] | None:
    """What a glance says of an address that is not there."""
    report = service.request("GET", "/earthline/doctor/glance")
    found = (f for f in report["findings"] if f["id"] == "address_missing")
    return next(found, None)


def test_address_that_somebody_takes_away_is_missing(world: World) -> None:
    with joined(world, world.alice, **subnet("10.71.0.0/24")) as network:
        ip = world.alice.wait_ip(network)
        device = world.alice.device(network)
        flusher = world.alice.host.start(["sh", "-c", KEEP_FLUSHING.format(device)], name="flusher")
        try:
            found = wait_until("it is missing", lambda: missing(world.alice))
        finally:
            flusher.terminate()
    assert ip in found["seen"]
    assert device in found["seen"]
    assert f"wanted: {ip}/24" in found["evidence"]


def test_network_without_any_address_says_whose_turn_it_is(world: World) -> None:
    with joined(world, world.alice) as network:
        found = named(diagnosed(world.alice), "network_without_address")
    assert network in found["seen"]
    assert world.root.address in found["seen"]
    assert f"earthline member ip {network}" in found["do"]


def test_overlaps_name_both_ends(world: World) -> None:
    namespace = world.alice.host.namespace
    namespace.ip("link", "add", "lan7", "type", "veth", "peer", "name", "printer")
    namespace.ip("link", "set", "printer", "up")
    namespace.ip("addr", "add", "10.72.0.1/24", "dev", "lan7")
    namespace.ip("link", "set", "lan7", "up")
    try:
        with (
            joined(world, world.alice, **subnet("10.72.0.0/24")) as one,
            joined(world, world.alice, **subnet("10.72.0.0/24")) as two,
        ):
            report = diagnosed(world.alice)
    finally:
        namespace.ip("link", "del", "lan7")
    lan = named(report, "network_overlaps_lan")
    assert "the local network on lan7 uses 10.72.0.0/24" in lan["seen"]
    assert set(named(report, "networks_overlap")["subjects"]) == {one, two}


def test_rules_that_forget_arp_are_named(world: World) -> None:
    rules = [
        {"type": "MATCH_ETHERTYPE", "etherType": 0x0800},
        {"type": "ACTION_ACCEPT"},
        {"type": "ACTION_DROP"},
    ]
    with joined(world, world.alice, rules=rules, **subnet("10.73.0.0/24")) as network:
        world.alice.wait_ip(network)
        found = named(diagnosed(world.alice), "arp_dropped")
        wait_until("a request was dropped", lambda: dropped(world.alice, network))
        counted = named(diagnosed(world.alice), "rules_drop")
        (drop,) = dropped(world.alice, network)
    assert "rule 2 (`drop`) drops it" in found["seen"]
    assert network in found["seen"]
    assert (drop["by"], drop["rule"], drop["text"]) == ("rule", 2, "drop")
    assert f"Rule 2 of network {network} (`drop`) dropped" in counted["seen"]
    assert "sent by this host" in counted["seen"]


def dropped(service: Service, network: str) -> list[dict[str, Any]]:
    """What its rules dropped on a member; once it is anything, it has asked for somebody."""
    with contextlib.suppress(LabError):
        service.host.run(["ping", "-c1", "-W1", "10.73.0.200"])
    found: list[dict[str, Any]] = service.network(network)["earthline"]["ruleDrops"]
    return found


def strict_filter(service: Service) -> dict[str, Any] | None:
    """What a diagnosis says right after the filter was made strict."""
    service.host.namespace.sysctl("net/ipv4/conf/eth0/rp_filter", "1")
    found = (f for f in diagnosed(service)["findings"] if f["id"] == "rp_filter_strict")
    return next(found, None)


def test_default_route_to_nobody_is_a_fault(world: World) -> None:
    out = {"target": "0.0.0.0/0", "via": "10.74.0.1"}
    with joined(world, world.alice, **subnet("10.74.0.0/24", out)) as network:
        world.alice.wait_ip(network)
        world.alice.request("POST", f"/network/{network}", {"allowDefault": True})
        wait_until(
            "the default route is set",
            lambda: "10.74.0.1" in world.alice.host.namespace.ip("route"),
        )
        namespace = world.alice.host.namespace
        gone = named(diagnosed(world.alice), "exit_unreachable")
        try:
            # The service makes it loose again whenever it looks at its sockets.
            strict = wait_until("a strict filter is named", lambda: strict_filter(world.alice))
        finally:
            namespace.sysctl("net/ipv4/conf/eth0/rp_filter", "0")
    assert "to 10.74.0.1, and no member answers for that address" in gone["seen"]
    assert f"earthline set {network} allowDefault=off" in gone["do"]
    assert "rp_filter=1 on eth0" in strict["seen"]
    assert network in strict["subjects"]


def test_tunnel_over_the_network_is_named(world: World) -> None:
    with joined(world, world.alice, **subnet("10.75.0.0/24")) as network:
        ip, device = world.alice.wait_ip(network), world.alice.device(network)
        namespace = world.alice.host.namespace
        vxlan = ("type", "vxlan", "id", "42", "local", ip, "remote", "10.75.0.200")
        namespace.ip("link", "add", "vx0", *vxlan, "dstport", "4789", "dev", device)
        namespace.ip("addr", "add", "10.99.0.1/24", "dev", "vx0")
        namespace.ip("link", "set", "vx0", "up")
        try:
            report = diagnosed(world.alice)
        finally:
            namespace.ip("link", "del", "vx0")
    found = [
        f for f in report["findings"] if f["id"] in {"tunnel_in_tunnel", "tunnel_over_network"}
    ]
    assert [f["subjects"] for f in found] == [["vx0", network]], report
    assert f"vx0 sends through {device}" in found[0]["seen"]


# --- the NAT --------------------------------------------------------------------------------------


def test_masquerade_without_a_filter_is_not_called_symmetric(world: World) -> None:
    """There, a packet from outside that comes first takes the port that ours would have got."""
    nodes = []
    for name, lan in (("left", "10.20.0.0/24"), ("right", "192.168.1.0/24")):
        router = world.lab.router(f"{name}-router", NatKind.PORT_RESTRICTED, lan)
        router.namespace.nft(PLAIN_MASQUERADE)
        nodes.append(Service(router.host(name)))
    left, right = nodes
    network = world.root.create_network("10.78.0.0/24", private=False)
    for node in nodes:
        node.start(world.planet)
        node.wait_online()
        node.join(network)
    target = right.wait_ip(network)
    left.wait_ip(network)
    left.host.start(["ping", "-q", "-i0.5", target], name="pinging")
    undecided = {None, "trying", "no_traffic"}

    def decided() -> bool:
        peer = left.peers().get(right.address, {}).get("earthline", {})
        return peer.get("state") == "direct" or peer.get("reason") not in undecided

    wait_until("the path is direct, or there is a reason why not", decided, timeout_s=90)
    for node in nodes:
        mapping = node.status()["earthline"]["nat"]["mapping"]
        assert mapping in {"unknown", "endpoint-independent"}
        assert "nat_symmetric" not in bad(diagnosed(node))


# --- one identity on two hosts --------------------------------------------------------------------


def test_both_hosts_of_a_copied_identity_are_told_where_the_other_is(world: World) -> None:
    """Without that anybody asks: by the status, the diagnosis and the log."""
    world.bob.stop()  # a node looks for its twin half a minute after its start, then each five
    world.bob.start()
    world.bob.wait_online()
    twin = Service(world.lab.host("twin"))
    shutil.copytree(world.bob.home, twin.home, dirs_exist_ok=True)
    twin.start()
    hosts = (world.bob, twin)
    try:
        twin.wait_online()
        for node, other in (hosts, hosts[::-1]):
            there = f"{other.host.address}/"
            wait_until(
                "the glance tells of it",
                lambda node=node: (
                    node.request("GET", "/earthline/doctor/glance")["cause"] == "identity_cloned"
                ),
                timeout_s=120,
            )
            assert "Two hosts use this node's identity" in node.command("status")
            found = named(diagnosed(node), "identity_cloned")
            assert there in found["seen"].partition("other one at")[2]
            assert f"{node.host.address}/" in found["seen"].partition("other one at")[0]
            assert str(node.home) in found["do"]
            assert any(
                "identity_cloned" in line and there in line
                for line in node.process.output.splitlines()
            )
    finally:
        twin.stop()


# --- the relay ------------------------------------------------------------------------------------


def test_relay_that_cannot_listen_is_a_fault(world: World) -> None:
    holder = world.bob.host.start([sys.executable, "-c", BUSY], name="holder")
    wait_until("the port is held", lambda: "held" in holder.output)
    try:
        world.bob.request("POST", "/config/settings", {"tcpRelay": {"listen": ["0.0.0.0/443"]}})
        found = named(diagnosed(world.bob), "tcp_relay_failed")
    finally:
        holder.terminate()
        world.bob.request("POST", "/config/settings", {"tcpRelay": None})
    assert "0.0.0.0/443" in found["seen"]
    assert "in use" in found["seen"]
