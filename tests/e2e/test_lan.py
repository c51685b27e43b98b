"""The main job: two hosts behind two NATs, a root and a controller of one's own, one Ethernet."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from lan import Lan

from earthline.lab import LabError
from earthline.lab.service import wait_until
from earthline.lab.transfer import flow, random_file, send_file


def test_hosts_behind_two_nats_join_earth_by_themselves_and_ping(lan: Lan) -> None:
    alice, bob = lan.ip(lan.alice), lan.ip(lan.bob)
    assert alice != bob
    for ip in (alice, bob):
        assert ip_address(ip) in ip_network("28.0.0.0/7")
    lan.alice.host.run(["ping", "-c3", "-i0.2", "-W5", bob])
    lan.bob.host.run(["ping", "-c3", "-i0.2", "-W5", alice])


def test_traffic_between_nats_ends_up_on_a_direct_path(lan: Lan) -> None:
    bob = lan.ip(lan.bob)
    lan.alice.host.run(["ping", "-c2", "-i0.2", "-W5", bob])
    wait_until("alice is direct", lambda: lan.alice.direct_path(lan.bob.address))
    wait_until("bob is direct", lambda: lan.bob.direct_path(lan.alice.address))


def test_file_crosses_the_lan_intact_in_both_directions(lan: Lan) -> None:
    for source, target in ((lan.alice, lan.bob), (lan.bob, lan.alice)):
        path = random_file(source.host.directory / "file", 20 << 20)
        assert send_file(source.host, target.host, lan.ip(target), path).intact


def test_established_flow_stays_out_of_python(lan: Lan) -> None:
    bob = lan.ip(lan.bob)
    lan.alice.host.run(["ping", "-c2", "-i0.2", "-W5", bob])
    wait_until("alice is direct", lambda: lan.alice.direct_path(lan.bob.address))
    before = [service.counter("punts") for service in (lan.alice, lan.bob)]
    seconds = 10
    assert flow(lan.alice.host, lan.bob.host, bob, seconds) > 1 << 20
    after = [service.counter("punts") for service in (lan.alice, lan.bob)]
    assert min(before) > 0
    for first, last in zip(before, after, strict=True):
        assert last - first < 50 * seconds


def test_neighbour_table_holds_the_mac_that_the_network_gave(lan: Lan) -> None:
    bob = lan.ip(lan.bob)
    lan.alice.host.run(["ping", "-c1", "-W5", bob])
    mac = lan.bob.network(lan.planet.earth)["mac"]
    assert mac in lan.alice.host.run(["ip", "neighbour", "show", bob])


def test_multicast_ping_is_answered_by_the_other_host(lan: Lan) -> None:
    lan.ip(lan.alice), lan.ip(lan.bob)
    device = lan.alice.device(lan.planet.earth)
    mac = lan.bob.network(lan.planet.earth)["mac"]
    answers = lan.alice.host.run(["ping", "-6", "-n", "-c5", "-i0.5", "-W5", f"ff02::1%{device}"])
    assert link_local_of(mac) in answers


def link_local_of(mac: str) -> str:
    """The address that a kernel makes of a MAC (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    host = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(ip_address(b"\xfe\x80" + bytes(6) + host))


def test_unplugged_host_is_on_the_lan_again_when_plugged(lan: Lan) -> None:
    alice, bob = lan.ip(lan.alice), lan.ip(lan.bob)
    lan.alice.host.run(["ping", "-c1", "-W5", bob])
    lan.bob.host.unplug()
    with pytest.raises(LabError):
        lan.alice.host.run(["ping", "-c1", "-W1", bob])
    lan.bob.host.plug()
    lan.alice.host.run(["ping", "-c1", "-W10", bob])
    lan.bob.host.run(["ping", "-c1", "-W10", alice])
