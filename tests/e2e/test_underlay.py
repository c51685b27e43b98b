"""Which ways the node's own datagrams take, whatever else the host has: cables, tunnels, routes."""

from __future__ import annotations

import json
from ipaddress import IPv4Interface

import pytest
from segments import demand_ping, make_network, pool, printer_on, routes

from earthline.lab import Host, Lab
from earthline.lab.namespace import Namespace
from earthline.lab.nat import wall
from earthline.lab.service import Service, script, wait_until


def joined(root: Service, members: list[Service], body: dict[str, object]) -> str:
    """A public network with these members; each has its address."""
    network = make_network(root, body)
    for service in members:
        service.join(network)
    for service in members:
        service.wait_ip(network)
    return network


def started(service: Service, planet: bytes | None = None, **settings: object) -> Service:
    service.configure(joinEarth=False, **settings)
    service.start(planet)
    return service


def paths(service: Service) -> set[str]:
    """The IPs of all paths to all peers."""
    found = (path["address"] for peer in service.peers().values() for path in peer["paths"])
    return {str(address).partition("/")[0] for address in found}


def listens_on(service: Service, beginning: str) -> bool:
    """Whether a socket is bound to an address that begins so."""
    bound = service.status()["config"]["settings"]["listeningOn"]
    return any(text.startswith(beginning) for text in bound)


# --- a tunnel on the network (02, 7.10) -----------------------------------------------------------


def lay_vxlan(service: Service, network: str, remote: str, address: str) -> None:
    device, local = service.device(network), service.ip(network)
    link = f"link add vxlan0 type vxlan id 42 local {local} remote {remote} dstport 4789"
    service.host.run(["ip", *link.split(), "dev", device])
    service.host.run(["ip", "address", "add", f"{address}/24", "dev", "vxlan0"])
    service.host.run(["ip", "link", "set", "vxlan0", "up"])


def test_tunnel_on_the_network_is_no_way_for_what_carries_the_network(lab: Lab) -> None:
    root = started(Service(lab.host("root")))
    planet = root.found_planet().data
    alice = started(Service(lab.host("alice")), planet)
    bob = started(Service(lab.host("bob")), planet)
    network = joined(root, [alice, bob], pool("10.7.0.0/24", "10.7.0.10", "10.7.0.99"))
    ips = [alice.ip(network), bob.ip(network)]
    demand_ping(alice.host, str(ips[1]))
    wait_until("direct", lambda: alice.direct_path(bob.address))
    lay_vxlan(alice, network, str(ips[1]), "10.99.0.1")
    lay_vxlan(bob, network, str(ips[0]), "10.99.0.2")
    demand_ping(alice.host, "10.99.0.2")
    for service in (alice, bob):
        wait_until("sockets are bound there", lambda s=service: listens_on(s, "10.99.0."))
    assert not any(ip.startswith("10.99.") for ip in paths(alice) | paths(bob))
    lab.core.nft(wall(alice.host.address, bob.host.address))
    # Each counts its path as alive for up to 19 s (02, 6.1): how soon they part is not the point.
    demand_ping(alice.host, str(ips[1]), timeout_s=60)
    wait_until("relayed", lambda: not alice.direct_path(bob.address))
    demand_ping(alice.host, "10.99.0.2")
    for _ in range(5):
        alice.host.run(["ping", "-c2", "-i0.3", "-W5", str(ips[1])])
        assert not any(ip.startswith("10.99.") for ip in paths(alice) | paths(bob))


# --- a network that covers the LAN (02, 6.2) ------------------------------------------------------


@pytest.fixture
def switch(lab: Lab) -> list[Host]:
    """Three hosts on one cable of 10.16.0.0/17, without any router."""
    lan = lab.make_namespace("switch")
    lan.ip("link", "add", "lan", "type", "bridge")
    lan.ip("link", "set", "lan", "up")
    return [on_the_switch(lab, lan, name, n) for name, n in (("root", 5), ("alice", 6), ("bob", 7))]


def on_the_switch(lab: Lab, lan: Namespace, name: str, number: int) -> Host:
    host = Host(lab, name, IPv4Interface(f"10.16.0.{number}/17"))
    host.connect(lan, f"port{number}")
    lan.ip("link", "set", f"port{number}", "master", "lan")
    host.namespace.ip("address", "add", str(host.interface), "dev", "eth0")
    return host


def test_network_that_covers_the_lan_goes_on_over_its_cable_after_a_restart(
    switch: list[Host],
) -> None:
    root = started(Service(switch[0]))
    planet = root.found_planet().data
    alice, bob = (started(Service(host), planet) for host in switch[1:])
    network = joined(root, [alice, bob], pool("10.0.0.0/8", "10.200.0.10", "10.200.0.99"))
    bob_ip = str(bob.ip(network))
    demand_ping(alice.host, bob_ip)
    wait_until("direct", lambda: alice.direct_path(bob.address))
    alice.stop()
    alice.start()
    wait_until("direct to the root", lambda: alice.direct_path(root.address))
    demand_ping(alice.host, bob_ip)
    wait_until("direct", lambda: alice.direct_path(bob.address))
    assert paths(alice) == {"10.16.0.5", "10.16.0.7"}


# --- an interface that leads nowhere (02, 7.8) ----------------------------------------------------


def test_interface_without_a_router_is_not_asked_for_the_internet(lab: Lab) -> None:
    root = started(Service(lab.host("root")))
    planet = root.found_planet().data
    host = lab.host("alice")
    printer_on(host, "eth1", "10.112.128.20/24", name="near")
    host.run(["ip", "address", "add", "10.112.128.10/24", "dev", "eth1"])
    alice = started(Service(host), planet)
    bob = started(Service(lab.host("bob")), planet)
    network = joined(root, [alice, bob], pool("10.7.0.0/24", "10.7.0.10", "10.7.0.99"))
    demand_ping(host, str(bob.ip(network)))
    wait_until("direct", lambda: alice.direct_path(bob.address))
    assert listens_on(alice, "10.112.128.10/")
    shown = json.loads(host.run(["ip", "-j", "-4", "neigh", "show", "dev", "eth1"]))
    assert [entry["dst"] for entry in shown if not entry["dst"].startswith("10.112.128.")] == []


# --- a filter of the way back, and a default route over the network (05, 8.5) ---------------------


def filter_of(host: Host) -> int:
    return int(host.run(["cat", "/proc/sys/net/ipv4/conf/eth0/rp_filter"]))


READ_ONLY = 'mount -o bind,ro /proc/sys /proc/sys && exec "$0" "$@"'
"""For ``sh -c``: what follows finds the kernel's settings as a locked-in service does."""


def has_halves(host: Host) -> bool:
    return {"0.0.0.0/1", "128.0.0.0/1"} <= {target for target, _, _ in routes(host)}


def with_default_route(root: Service, members: list[Service]) -> str:
    body = pool("10.7.0.0/24", "10.7.0.10", "10.7.0.99")
    body["routes"] = [{"target": "10.7.0.0/24"}, {"target": "0.0.0.0/0", "via": "10.7.0.9"}]
    return joined(root, members, body)


def test_strict_filter_is_loose_while_the_default_route_leads_over_the_network(lab: Lab) -> None:
    root = started(Service(lab.host("root")))
    planet = root.found_planet().data
    host = lab.host("alice")
    host.namespace.sysctl("net/ipv4/conf/all/rp_filter", "1")
    host.namespace.sysctl("net/ipv4/conf/eth0/rp_filter", "0")
    alice = started(Service(host), planet)
    bob = started(Service(lab.host("bob")), planet)
    network = with_default_route(root, [alice, bob])
    alice.command("set", network, "allowDefault=1")
    wait_until("the default route is here", lambda: has_halves(host))
    assert filter_of(host) == 2
    demand_ping(host, str(bob.ip(network)))
    wait_until("direct", lambda: alice.direct_path(bob.address))
    alice.command("set", network, "allowDefault=0")
    wait_until("it is gone", lambda: not has_halves(host))
    wait_until("the filter is as it was", lambda: filter_of(host) == 0)
    alice.command("set", network, "allowDefault=1")
    wait_until("loose again", lambda: filter_of(host) == 2)
    alice.stop()
    assert filter_of(host) == 0


def test_default_route_is_refused_where_the_filter_may_not_be_changed(lab: Lab) -> None:
    root = started(Service(lab.host("root")))
    planet = root.found_planet().data
    host = lab.host("alice")
    host.namespace.sysctl("net/ipv4/conf/eth0/rp_filter", "1")
    program = ["unshare", "--mount", "sh", "-c", READ_ONLY, script("earthline-one")]
    alice = started(Service(host, program=program), planet)
    network = with_default_route(root, [alice])
    alice.command("set", network, "allowDefault=1")

    def notes() -> str:
        return "\n".join(alice.network(network)["earthline"]["notes"])

    wait_until("it says why", lambda: "set net.ipv4.conf.all.rp_filter=2" in notes())
    assert not has_halves(host)
    assert len(notes().splitlines()) == 1
    assert alice.status()["online"]
    host.namespace.sysctl("net/ipv4/conf/all/rp_filter", "2")
    wait_until("that was the remedy", lambda: has_halves(host))
    assert notes() == ""
