"""What a network does to the host: addresses, routes, a way out, names; and all of it undone."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import mdns
import pytest
from lan import Lan
from segments import addresses, demand_ping, make_network, pool, routes

from earthline.lab import Host, LabError
from earthline.lab.service import Service, script, wait_until
from earthline.lab.watch import Ping

CUT_S = 2.0
"""How soon nobody hears of a deauthorised member any more."""


@contextlib.contextmanager
def network_of(lan: Lan, body: dict[str, object]) -> Iterator[str]:
    """A network that Alice and Bob are on while it is used."""
    network = make_network(lan.root, body)
    members = (lan.alice, lan.bob)
    for service in members:
        service.join(network)
    for service in members:
        lan.root.authorize(network, service.address)
    for service in members:
        wait_until("the network is up", lambda s=service: s.network(network)["status"] == "OK")
    try:
        yield network
    finally:
        for service in members:
            service.leave(network)


@contextlib.contextmanager
def who_is_there(host: Host) -> Iterator[int]:
    """A TCP server that tells each caller the address it is seen with; its port."""
    with host.inside():
        listener = socket.create_server((host.address, 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, (ip, _) = listener.accept()
                with connection:
                    connection.sendall(ip.encode())

    with listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def seen_as(host: Host, ip: str, port: int) -> str:
    """The address that a server of the internet sees when a host calls."""
    with host.inside():
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with connection:
        connection.settimeout(2)
        try:
            connection.connect((ip, port))
            return connection.recv(64).decode()
        except OSError:
            return ""


@pytest.fixture
def web(lan: Lan) -> Host:
    """A host of the internet that is on no network of ours."""
    return lan.alice.host.lab.host(f"web{lan.alice.host.lab.number()}")


EXIT = """
table ip exit {
    chain out {
        type nat hook postrouting priority srcnat
        oifname "eth0" masquerade
    }
}
"""


def make_exit(service: Service) -> None:
    """Have a member pass on what comes to it, under its own address."""
    service.host.namespace.sysctl("net/ipv4/ip_forward", "1")
    service.host.run(["nft", "-f", "-"], text=EXIT)


def test_default_route_leads_out_by_the_exit_member_and_spares_the_service(
    lan: Lan, web: Host
) -> None:
    lan.ip(lan.alice)
    bob_ip = "10.70.0.2"
    routed = pool(
        "10.70.0.0/24",
        "10.70.0.10",
        "10.70.0.99",
        routes=[{"target": "10.70.0.0/24"}, {"target": "0.0.0.0/0", "via": bob_ip}],
    )
    with network_of(lan, routed) as network, who_is_there(web) as port:
        member = f"/controller/network/{network}/member/{lan.bob.address}"
        lan.root.request("POST", member, {"ipAssignments": [bob_ip]})
        wait_until("the exit has its address", lambda: lan.bob.ip(network) == bob_ip)
        make_exit(lan.bob)
        demand_ping(lan.alice.host, bob_ip)
        home = seen_as(lan.alice.host, web.address, port)
        office = seen_as(lan.bob.host, web.address, port)
        assert len({home, office, ""}) == 3
        before = routes(lan.alice.host)
        lan.alice.command("set", network, "allowDefault=1")
        wait_until(
            "Alice goes out by Bob", lambda: seen_as(lan.alice.host, web.address, port) == office
        )
        # Her service goes on over the cable, or nothing of this would go on at all.
        lan.alice.host.run(["ping", "-c10", "-i0.3", "-W2", web.address])
        wait_until("direct", lambda: lan.alice.direct_path(lan.bob.address))
        assert lan.alice.status()["online"]
        lan.alice.command("set", network, "allowDefault=0")
        wait_until("the halves are gone", lambda: routes(lan.alice.host) == before)
        assert seen_as(lan.alice.host, web.address, port) == home


OFFERED = {"10.71.0.5/24", "44.1.2.3/24"}


def test_switches_are_honoured_at_once_and_say_what_they_hold_back(lan: Lan) -> None:
    """Private and global addresses, a whitelist, and the reasons that the tables give."""
    body = pool(
        "10.71.0.0/24",
        "10.71.0.10",
        "10.71.0.99",
        routes=[{"target": "10.71.0.0/24"}, {"target": "44.1.2.0/24"}],
    )
    with network_of(lan, body) as network:
        member = f"/controller/network/{network}/member/{lan.alice.address}"
        given = [text.partition("/")[0] for text in sorted(OFFERED)]
        lan.root.request("POST", member, {"ipAssignments": given, "noAutoAssignIps": True})
        device = lan.alice.device(network)

        def demand(expected: set[str], *settings: str) -> None:
            if settings:
                lan.alice.command("set", network, *settings)
            wait_until(
                f"{device} has {expected} and no other, {settings}",
                lambda: addresses(lan.alice.host, device) == expected,
            )

        demand({"10.71.0.5/24"})
        assert "44.1.2.3/24 is not applied: allowGlobal is off" in lan.alice.command("networks")
        demand(OFFERED, "allowGlobal=1")
        assert "not applied" not in lan.alice.command("networks")
        demand({"44.1.2.3/24"}, "allowManaged=44.0.0.0/8")
        demand(OFFERED, "allowManaged=1")
        demand(set(), "allowManaged=0")
        demand({"10.71.0.5/24"}, "allowManaged=on", "allowGlobal=off")


def test_earth_that_nobody_asked_for_cannot_route_the_hosts_own_lan_to_itself(lan: Lan) -> None:
    lan.ip(lan.alice)
    earth, before = lan.planet.earth, routes(lan.alice.host)
    usual = {"target": "28.0.0.0/7"}
    part_of_the_lan = {"target": "192.168.1.128/25", "via": lan.ip(lan.root)}

    def offer(*offered: dict[str, str]) -> None:
        lan.root.request("POST", f"/controller/network/{earth}", {"routes": list(offered)})

    offer(usual, part_of_the_lan)
    try:
        refused = "route 192.168.1.128/25 is not applied: allowManaged does not list it"
        wait_until("it is refused", lambda: refused in lan.alice.command("networks"))
        assert routes(lan.alice.host) == before
        lan.alice.command("set", earth, "allowManaged=28.0.0.0/7,192.168.0.0/16")
        wait_until("the user may want it", lambda: routes(lan.alice.host) > before)
    finally:
        offer(usual)
    wait_until("it is gone", lambda: routes(lan.alice.host) == before)


def test_leaving_takes_addresses_and_routes_along(lan: Lan) -> None:
    before = routes(lan.alice.host)
    body = pool(
        "10.72.0.0/24",
        "10.72.0.10",
        "10.72.0.99",
        routes=[{"target": "10.72.0.0/24"}, {"target": "10.73.0.0/16", "via": "10.72.0.1"}],
    )
    with network_of(lan, body) as network:
        route = ("10.73.0.0/16", "10.72.0.1", lan.alice.device(network))
        wait_until("the route is set", lambda: route in routes(lan.alice.host))
    wait_until("all is gone", lambda: routes(lan.alice.host) == before)


NAMED = {"dns": {"domain": "lab.example", "servers": ["10.74.0.53"]}}

RESOLVECTL = """#!/bin/sh
echo "$@" >> "${0%/*}/calls"
[ ! -e "${0%/*}/broken" ] || { echo "Failed to set DNS: the link is managed" >&2; exit 1; }
"""


@pytest.fixture
def resolved(lan: Lan) -> Iterator[Path]:
    """Alice's service restarted with a stand-in for systemd-resolved's client in its way."""
    folder = lan.alice.host.directory / "resolved"
    folder.mkdir(exist_ok=True)
    program = folder / "resolvectl"
    program.write_text(RESOLVECTL)
    program.chmod(0o755)
    lan.alice.stop()
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}:{path}"
    try:
        lan.alice.start()
    finally:
        os.environ["PATH"] = path
    yield folder
    lan.alice.stop()
    lan.alice.start()


def notes(service: Service, network: str) -> str:
    return "\n".join(service.network(network)["earthline"]["notes"])


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_names_go_to_the_resolver_for_their_domain_only_if_allowed(
    lan: Lan, resolved: Path
) -> None:
    body = pool("10.74.0.0/24", "10.74.0.60", "10.74.0.99", **NAMED)
    with network_of(lan, body) as network:
        device = lan.alice.device(network)
        assert "allowDNS is off" in notes(lan.alice, network)
        assert not (resolved / "calls").exists()
        lan.alice.command("set", network, "allowDNS=1")
        wait_until("set", lambda: lan.alice.network(network)["earthline"]["namesSet"])
        expected = [f"dns {device} 10.74.0.53", f"domain {device} lab.example"]
        assert calls(resolved) == [*expected, f"default-route {device} no"]
        lan.alice.command("set", network, "allowDNS=0")
        wait_until("unset", lambda: calls(resolved)[-1] == f"revert {device}")
        (resolved / "broken").touch()
        lan.alice.command("set", network, "allowDNS=1")
        reason = "the link is managed"
        wait_until("the reason is told", lambda: reason in notes(lan.alice, network))
        assert reason in lan.alice.command("networks")


def ipv6_of(service: Service, network: str, prefix: str) -> str:
    return wait_until(
        f"{service.host.name} has an address in {prefix}",
        lambda: next(
            (
                text.partition("/")[0]
                for text in service.network(network)["assignedAddresses"]
                if text.startswith(prefix)
            ),
            None,
        ),
    )


@pytest.mark.parametrize(("mode", "prefix"), [("rfc4193", "fd"), ("6plane", "fc")])
def test_members_ping_by_the_ipv6_addresses_their_identities_give(
    lan: Lan, mode: str, prefix: str
) -> None:
    with network_of(lan, {"private": False, "v6AssignMode": {mode: True}}) as network:
        alice, bob = (ipv6_of(service, network, prefix) for service in (lan.alice, lan.bob))
        assert ip_address(alice) != ip_address(bob)
        demand_ping(lan.alice.host, bob)
        demand_ping(lan.bob.host, alice)


ETH_P_ARP = 0x0806


def announce(service: Service, device: str, mac: str, ip: str) -> None:
    """What failover daemons send for an address that moved here: an ARP request for it, from it."""
    own, address = bytes.fromhex(mac.replace(":", "")), ip_address(ip).packed
    head = b"\xff" * 6 + own + ETH_P_ARP.to_bytes(2, "big") + b"\0\1\x08\0\x06\x04\0\1"
    with service.host.inside():
        cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with cable:
        cable.bind((device, ETH_P_ARP))
        cable.send(head + own + address + b"\xff" * 6 + address)


def test_everybody_follows_a_virtual_address_that_moves(lan: Lan) -> None:
    """Without sending to it first: a neighbour that notices a silence would find it anyway."""
    virtual = "10.74.0.200"
    with network_of(lan, pool("10.74.0.0/24", "10.74.0.10", "10.74.0.99")) as network:
        lan.root.join(network)
        lan.root.wait_ip(network)
        device = {service: service.device(network) for service in (lan.root, lan.alice, lan.bob)}
        mac = {service: str(service.network(network)["mac"]) for service in (lan.alice, lan.bob)}

        def hold(service: Service, change: str) -> None:
            service.host.run(["ip", "address", change, f"{virtual}/32", "dev", device[service]])

        def known_at() -> str:
            show = ["ip", "neighbour", "show", virtual, "dev", device[lan.root]]
            return lan.root.host.run(show)

        hold(lan.alice, "add")
        demand_ping(lan.root.host, virtual)
        assert mac[lan.alice] in known_at()
        hold(lan.alice, "del")
        hold(lan.bob, "add")

        def followed() -> bool:
            announce(lan.bob, device[lan.bob], mac[lan.bob], virtual)
            return mac[lan.bob] in known_at()

        wait_until("the root knows where it is", followed)
        hold(lan.bob, "del")
        lan.root.leave(network)


def test_multicast_dns_query_is_answered(lan: Lan) -> None:
    with network_of(lan, pool("10.75.0.0/24", "10.75.0.10", "10.75.0.99")) as network:
        alice, bob = (service.wait_ip(network) for service in (lan.alice, lan.bob))
        with mdns.responder(lan.bob.host, bob, "bob.local"):
            assert mdns.resolve(lan.alice.host, alice, "bob.local") == bob


def test_deauthorised_member_is_cut_off_while_its_traffic_flows(lan: Lan) -> None:
    body = pool("10.76.0.0/24", "10.76.0.10", "10.76.0.99", private=True)
    with network_of(lan, body) as network:
        bob = lan.bob.wait_ip(network)
        demand_ping(lan.alice.host, bob)
        flowing = Ping(lan.alice.host, bob)
        wait_until("it flows", lambda: len(flowing.replies) > 5)
        lan.root.command("member", "deauthorize", network, lan.bob.address)
        cut_at = time.clock_gettime(time.CLOCK_REALTIME)
        wait_until("it is cut", lambda: flowing.silent(1.5), timeout_s=10)
        assert flowing.replies[-1].at <= cut_at + CUT_S
        flowing.stop()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "1111111111111111", "allowDNS=1"], "is not joined"),
        (["set", "EARTH", "allowAll=1"], "write NAME=VALUE"),
        (["set", "EARTH", "allowDNS=maybe"], "on or off"),
        (["set", "EARTH", "allowManaged=10.0.0.0/8,x"], "not a list of IP networks"),
        (["bridge", "up", "EARTH", "--interface", "eth0"], "not an active bridge"),
        (["bridge", "down", "EARTH"], "is not bridged"),
        (["bridge", "confirm", "EARTH"], "is not bridged"),
        (["network", "rules", "EARTH", "/nonexistent"], "cannot read"),
        (["member", "bridge", "EARTH", "1234567890", "perhaps"], "use on or off"),
        (["member", "tag", "EARTH", "1234567890", "1", "x"], "not a tag value"),
    ],
)
def test_bad_order_is_answered_in_one_line(lan: Lan, words: list[str], said: str) -> None:
    lan.ip(lan.root)
    earth = lan.planet.earth
    with pytest.raises(LabError, match=said) as told:
        lan.root.command(*(earth if word == "EARTH" else word for word in words))
    assert script("earthline") in str(told.value)
    assert len(str(told.value).splitlines()) == 1


def test_rules_tags_and_capabilities_are_set_by_command(lan: Lan) -> None:
    network = lan.root.create_network("10.77.0.0/24", private=False)
    file = lan.root.host.directory / "rules.json"
    file.write_text(
        '{"rules": [{"type": "MATCH_ETHERTYPE", "etherType": 34525}, {"type": "ACTION_DROP"},'
        '{"type": "ACTION_ACCEPT"}], "tags": [{"id": 3}],'
        '"capabilities": [{"id": 5, "rules": [{"type": "ACTION_ACCEPT"}]}]}'
    )
    said = lan.root.command("network", "rules", network, str(file))
    assert said == f"{network} has 3 rules, 1 capabilities, 1 tags\n"
    member = lan.alice.address
    assert "3=16" in lan.root.command("member", "tag", network, member, "3", "0x10")
    assert "no tags" in lan.root.command("member", "tag", network, member, "3", "off")
    assert "capabilities 5" in lan.root.command("member", "capability", network, member, "5", "on")
    assert "no capab" in lan.root.command("member", "capability", network, member, "5", "off")
    file.write_text('{"rules": "all"}')
    with pytest.raises(LabError, match="an array of rules"):
        lan.root.command("network", "rules", network, str(file))
