"""Hosts without UDP: by a TCP relay of ours, in TLS or not, and back to UDP when that works."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import Any

import pytest

from earthline.lab import Lab, LabError, NatKind
from earthline.lab.service import FoundPlanet, Service, wait_until
from earthline.lab.topology import Router
from earthline.lab.transfer import flow, random_file, send_file

pytestmark = pytest.mark.timeout(240)

SLOW_S = 90
"""A node gives UDP its time before it turns to a relay."""

NOTHING_OUT = """
table inet wall {
    chain out {
        type filter hook forward priority 0
        iifname "lan" meta l4proto udp drop
    }
}
"""


def answers(source: Service, target: str) -> bool:
    with contextlib.suppress(LabError):
        return bool(source.host.run(["ping", "-c1", "-W1", target]))
    return False


@dataclass(frozen=True)
class Walled:
    """A root that is a relay, too, a member behind a router that can block UDP, and another."""

    planet: FoundPlanet
    root: Service
    router: Router
    member: Service
    other: Service

    @property
    def relay(self) -> str:
        return f"{self.root.host.address}/443"

    def start(self, **settings: Any) -> None:
        self.member.configure(**settings)
        self.member.start(self.planet.data)

    def wait_tunnel(self, *, tls: bool) -> None:
        def tunnelled() -> bool:
            return bool(self.member.status()["tcpFallbackActive"])

        wait_until("the tunnel is up", tunnelled, timeout_s=SLOW_S)
        tunnel = self.member.status()["earthline"]["tunnel"]
        assert (tunnel["connectedTo"], tunnel["tls"]) == (self.relay, tls)
        self.member.wait_online(SLOW_S)

    def ping_both_ways(self) -> None:
        """First one answer: who is looked for elsewhere now has to be found."""
        here, there = self.member.wait_ip(self.planet.earth), self.other.wait_ip(self.planet.earth)
        wait_until("it answers", lambda: answers(self.member, there))
        self.member.host.run(["ping", "-c3", "-i0.2", "-W5", there])
        self.other.host.run(["ping", "-c3", "-i0.2", "-W5", here])


@pytest.fixture
def walled(lab: Lab) -> Walled:
    root = Service(lab.host("root"))
    root.configure(tcpRelay={"listen": ["0.0.0.0/443"]})
    root.start()
    planet = root.found_planet()
    router = lab.router("walled", NatKind.PORT_RESTRICTED, "192.168.1.0/24", udp_blocked=True)
    home = lab.router("home", NatKind.PORT_RESTRICTED, "10.20.0.0/24")
    other = Service(home.host("other"))
    other.start(planet.data)
    return Walled(planet, root, router, Service(router.host("member")), other)


def test_member_without_udp_finds_the_relay_of_its_root_by_itself(walled: Walled) -> None:
    walled.start()
    walled.wait_tunnel(tls=True)
    walled.ping_both_ways()
    peers = walled.member.peers()
    assert all(peer["tunneled"] for peer in peers.values())
    root = peers[walled.root.address]["earthline"]
    assert root["state"] == "tunnelled"


def test_member_returns_to_udp_once_it_gets_through(walled: Walled) -> None:
    walled.start()
    walled.wait_tunnel(tls=True)
    walled.ping_both_ways()
    walled.router.translate()

    def by_udp() -> bool:
        return not walled.member.status()["tcpFallbackActive"]

    wait_until("the tunnel is closed", by_udp, timeout_s=SLOW_S)
    walled.ping_both_ways()
    wait_until("it is direct", lambda: walled.member.direct_path(walled.other.address))


def test_member_whose_udp_is_cut_off_while_it_runs_turns_to_the_relay(walled: Walled) -> None:
    walled.router.translate()
    walled.start()
    walled.member.wait_online()
    walled.ping_both_ways()
    assert not walled.member.status()["tcpFallbackActive"]
    walled.router.translate(udp_blocked=True)
    walled.wait_tunnel(tls=True)
    walled.ping_both_ways()


def test_member_that_hears_by_udp_and_is_not_heard_turns_to_the_relay(walled: Walled) -> None:
    walled.router.translate()
    walled.start()
    walled.member.wait_online()
    walled.member.wait_ip(walled.planet.earth)
    walled.router.run(["nft", "-f", "-"], text=NOTHING_OUT)
    walled.wait_tunnel(tls=True)
    walled.ping_both_ways()


def test_forced_relay_named_in_the_settings_is_used_without_any_udp(walled: Walled) -> None:
    walled.router.translate()
    walled.start(forceTcpRelay=True, tcpFallbackRelay=walled.relay)
    walled.wait_tunnel(tls=True)
    walled.ping_both_ways()
    status = walled.member.status()
    assert status["config"]["settings"]["listeningOn"] == []
    assert walled.member.counter("udp_tx") == 0


def test_no_tunnel_is_made_where_the_settings_forbid_it(walled: Walled) -> None:
    walled.start(allowTcpFallbackRelay=False)
    before = walled.root.counter("tcp_relay_connections")
    waited = Service(walled.router.host("allowed"))
    waited.start(walled.planet.data)
    waited.wait_online(SLOW_S)
    assert not walled.member.status()["tcpFallbackActive"]
    assert not walled.member.status()["online"]
    assert walled.root.counter("tcp_relay_connections") == before + 1


def test_file_by_the_tunnel_is_whole_and_its_frames_stay_out_of_python(walled: Walled) -> None:
    walled.start()
    walled.wait_tunnel(tls=True)
    walled.ping_both_ways()
    there = walled.other.wait_ip(walled.planet.earth)
    path = random_file(walled.member.host.directory / "file", 4 << 20)
    assert send_file(walled.member.host, walled.other.host, there, path).intact
    before, seconds = walled.member.counter("punts"), 5
    assert flow(walled.member.host, walled.other.host, there, seconds) > 1 << 20
    assert walled.member.counter("punts") - before < 50 * seconds


def test_relay_under_garbage_keeps_serving(walled: Walled) -> None:
    walled.start()
    walled.wait_tunnel(tls=True)
    noise = [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05garbage" * 50, b"\x17\x03\x03\x00"]
    noise += [b"\x17\x03\x03\x00\x04\x01\x0e\x00\x01" + b"\x17\x03\x03\xff\xff" + bytes(99_000)]
    held = []
    for number in range(100):
        with walled.other.host.inside():
            stream = socket.socket()
        held.append(stream)
        stream.settimeout(10)
        try:
            stream.connect((walled.root.host.address, 443))
            stream.sendall(noise[number % len(noise)])
        except ConnectionError:
            pass
    walled.ping_both_ways()
    for stream in held:
        stream.close()
    assert walled.root.counter("drop_tcp_relay_protocol") > 0


def test_root_becomes_a_relay_by_one_command_and_is_none_after_another(lab: Lab) -> None:
    root = Service(lab.host("root"))
    root.start()
    root.found_planet()
    assert "0.0.0.0/443 for 0 clients" in root.command("tcp-relay", "on")
    assert root.status()["earthline"]["tcpRelay"]["listeningOn"] == ["0.0.0.0/443"]
    root.stop()
    root.start()
    assert "0.0.0.0/443 for 0 clients" in root.command("tcp-relay", "show")
    assert "not relaying" in root.command("tcp-relay", "off")
    with pytest.raises(LabError, match=r"nowhere\.pem: No such file"):
        root.command("tcp-relay", "on", "--certificate", "/nowhere.pem", "--key", "/key.pem")
