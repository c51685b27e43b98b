"""The I/O driver against a real kernel, in a network namespace that a thread makes for itself."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stations import (
    ALICE,
    BOB,
    IP_RECVTTL,
    KEY,
    LOOPBACK,
    NETWORK,
    WAIT_S,
    Namespace,
    Station,
    frame,
    hello_of,
    ip,
    packet_of,
    wire,
)

from earthline._native import Switch
from earthline.effects import HelloReceived, InstallSession, PacketReceived
from earthline.wire.mac import mac_of
from earthline.wire.packet import Verb, build

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path("/dev/net/tun").exists(),
        reason="needs root and /dev/net/tun",
    ),
]

SO_NO_CHECK = 11


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    namespace = Namespace()
    yield namespace
    namespace.close()


def test_frames_cross_from_tap_to_tap_without_a_punt(namespace: Namespace) -> None:
    def crossed() -> None:
        alice, bob = Station(namespace, ALICE, "ela"), Station(namespace, BOB, "elb")
        alice.meet(bob)
        bob.meet(alice)
        with wire("ela") as near, wire("elb") as far:
            for length in (46, 1000, 2800):
                sent = frame(BOB, ALICE, length)
                near.send(sent)
                assert far.recv(4096) == sent
                answer = frame(ALICE, BOB, length)
                far.send(answer)
                assert near.recv(4096) == answer
        assert bob.switch.counters()["frames_rx"] == 3
        assert bob.driver.take_punts(10) == []

    namespace.run(crossed)


def test_interface_has_the_mac_and_mtu_asked_for_and_goes_with_the_driver(
    namespace: Namespace,
) -> None:
    def checked() -> None:
        station = Station(namespace, ALICE, "ela")
        shown = ip("-o", "link", "show", "ela")
        mac = mac_of(ALICE, NETWORK).to_bytes(6, "big").hex(":")
        assert mac in shown
        assert "mtu 2800" in shown
        assert "UP" in shown.split(">")[0]
        station.driver.close()
        station.driver.close()
        assert "ela" not in ip("-o", "link", "show")

    namespace.run(checked)


def test_what_the_kernel_refuses_raises_with_its_errno(namespace: Namespace) -> None:
    def refused() -> None:
        station = Station(namespace, ALICE, "ela")
        driver = namespace.driver(Switch(BOB, bytes(32)))
        with pytest.raises(OSError, match="busy") as taken:
            driver.add_tap(NETWORK, "ela", 2, 1500)
        assert taken.value.errno == errno.EBUSY
        with pytest.raises(OSError, match="use") as bound:
            driver.add_udp(1, LOOPBACK, station.port, None)
        assert bound.value.errno == errno.EADDRINUSE
        with pytest.raises(FileExistsError):
            station.driver.add_udp(1, LOOPBACK, 0, None)
        with pytest.raises(OSError, match="device"):
            driver.add_udp(2, LOOPBACK, 0, "nothing0")
        with pytest.raises(OSError, match="argument"):
            driver.add_tap(NETWORK, "a-name-that-is-too-long", 2, 1500)
        driver.close()
        with pytest.raises(OSError, match="shutdown"):
            driver.add_udp(3, LOOPBACK, 0, None)

    namespace.run(refused)


def test_punts_wait_behind_a_readable_descriptor(namespace: Namespace) -> None:
    def punted() -> None:
        driver = namespace.driver(Switch(ALICE, bytes(32)))
        port = driver.add_udp(7, LOOPBACK, 0, None)
        hello = hello_of(BOB)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            assert select.select([driver.punt_fd()], [], [], 0)[0] == []
            peer.sendto(hello, ("127.0.0.1", port))
            peer.sendto(hello, ("127.0.0.1", port))
            punts = []
            while len(punts) < 2:
                assert select.select([driver.punt_fd()], [], [], WAIT_S)[0]
                punts += driver.take_punts(1)
            assert select.select([driver.punt_fd()], [], [], 0)[0] == []
            path = (7, LOOPBACK, peer.getsockname()[1])
        for punt in punts:
            assert punt == HelloReceived(path, hello)

    namespace.run(punted)


def test_newcomers_for_whom_there_is_no_room_leave_the_descriptor_silent(
    namespace: Namespace,
) -> None:
    def punted() -> None:
        driver = namespace.driver(Switch(ALICE, bytes(32)))
        port = driver.add_udp(7, LOOPBACK, 0, None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(hello_of(BOB), ("127.0.0.1", port))
            assert select.select([driver.punt_fd()], [], [], WAIT_S)[0]
            assert driver.take_punts(9, newcomers=0) == []
            assert select.select([driver.punt_fd()], [], [], 0)[0] == []
            assert [type(punt) for punt in driver.take_punts(9)] == [HelloReceived]
            peer.sendto(hello_of(BOB), ("127.0.0.1", port))
            assert select.select([driver.punt_fd()], [], [], WAIT_S)[0], "it tells of the next"

    namespace.run(punted)


def test_punts_nobody_takes_are_dropped_and_counted(namespace: Namespace) -> None:
    def flooded() -> None:
        switch = Switch(ALICE, bytes(32))
        driver = namespace.driver(switch)
        port = driver.add_udp(7, LOOPBACK, 0, None)
        switch.apply([InstallSession(BOB, KEY, 3, bytes(64))], 0)
        question = packet_of(BOB, bytes(5))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            while driver.counters()["drop_punt_peers"] == 0:
                peer.sendto(question, ("127.0.0.1", port))
        driver.remove_udp(7)
        waiting = driver.counters()["punts_waiting"]
        assert waiting == 2048
        rounds = list(iter(lambda: driver.take_punts(100_000), []))
        assert sum(len(punts) for punts in rounds) == waiting
        assert driver.counters()["punts_waiting"] == 0

    namespace.run(flooded)


def test_flood_of_strangers_keeps_no_packet_of_a_known_peer_waiting(namespace: Namespace) -> None:
    strangers = 6_000

    def flooded() -> None:
        switch = Switch(ALICE, bytes(32))
        driver = namespace.driver(switch)
        port = driver.add_udp(7, LOOPBACK, 0, None)
        switch.apply([InstallSession(BOB, KEY, 3, bytes(64))], 0)

        def flood() -> None:
            for number in range(strangers // 2):
                source = 0x5000000000 + number
                unknown = build(7, ALICE, source, Verb.WHOIS, b"x")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somewhere:
                    somewhere.bind((f"127.{number >> 8}.{number & 0xFF}.1", 0))
                    for datagram in (hello_of(source), hello_of(BOB), unknown, b"junk" * 9):
                        somewhere.sendto(datagram, ("127.0.0.1", port))

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            flood()
            while not switch.take_activity().sessions:
                # The kernel's buffer may be full of the flood.
                peer.sendto(packet_of(BOB, b"known"), ("127.0.0.1", port))
            before = driver.counters()["udp_rx"]
            flood()
            while driver.counters()["udp_rx"] < before + strangers:
                flood()
            punts = driver.take_punts(100)
            assert b"known" in {punt.payload for punt in punts if isinstance(punt, PacketReceived)}
            assert len(punts) < 40
        counters = driver.counters()
        assert counters["drop_punt_unrepeated"] > 0
        assert counters["punts_waiting"] <= 768

    namespace.run(flooded)


def test_time_to_live_is_for_one_datagram_only(namespace: Namespace) -> None:
    def sent() -> None:
        driver = namespace.driver(Switch(ALICE, bytes(32)))
        driver.add_udp(1, LOOPBACK, 0, None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(WAIT_S)
            peer.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
            for ttl, seen in ((3, 3), (0, 64), (5, 5)):
                assert driver.transmit(1, LOOPBACK, peer.getsockname()[1], b"open", ttl)
                _, [(_, _, value)], _, _ = peer.recvmsg(64, 64)
                assert int.from_bytes(value, "little") == seen

    namespace.run(sent)


def options_of(port: int) -> list[tuple[int, ...]]:
    """Whether the UDP sockets of this process at a port go without checksums; and their room."""
    found = []
    for path in list(Path("/proc/self/fd").iterdir()):
        if not path.is_socket():
            continue
        with socket.socket(fileno=os.dup(int(path.name))) as each:
            if each.type == socket.SOCK_DGRAM and each.getsockname() == ("127.0.0.1", port):
                wanted = (SO_NO_CHECK, socket.SO_RCVBUF, socket.SO_SNDBUF)
                found.append(tuple(each.getsockopt(socket.SOL_SOCKET, name) for name in wanted))
    return found


def test_datagrams_have_a_checksum_and_room_in_the_kernel(namespace: Namespace) -> None:
    def looked_at() -> None:
        driver = namespace.driver(Switch(ALICE, bytes(32)))
        port = driver.add_udp(1, LOOPBACK, 0, None)
        # The kernel adds as much again, for what it notes itself.
        assert options_of(port) == [(0, 2 * 4_194_304, 2 * 4_194_304)]

    namespace.run(looked_at)


def test_legacy_beacon_of_a_known_peer_is_not_answered(namespace: Namespace) -> None:
    def beaconed() -> None:
        alice, bob = Station(namespace, ALICE, "ela"), Station(namespace, BOB, "elb")
        alice.meet(bob)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lan:
            lan.bind(("127.0.0.1", 0))
            beacon = bytes(8) + BOB.to_bytes(5, "big")
            lan.sendto(beacon, ("127.0.0.1", alice.port))
            deadline = time.monotonic() + WAIT_S
            while not alice.switch.counters().get("drop_noise"):
                assert time.monotonic() < deadline
            assert alice.driver.take_punts(10) == []
            assert select.select([lan], [], [], 0) == ([], [], [])

    namespace.run(beaconed)


def test_dont_fragment_is_for_one_datagram_only(namespace: Namespace) -> None:
    def sent() -> None:
        driver = namespace.driver(Switch(ALICE, bytes(32)))
        driver.add_udp(1, LOOPBACK, 0, None)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
        ):
            raw.settimeout(WAIT_S)
            peer.bind(("127.0.0.1", 0))
            port = peer.getsockname()[1]
            for dont_fragment in (True, False):
                if dont_fragment:
                    assert driver.transmit_whole(1, LOOPBACK, port, bytes(1_000))
                else:
                    assert driver.transmit(1, LOOPBACK, port, bytes(1_000), 0)
                assert bool(raw.recv(2_000)[6] & 0x40) is dont_fragment

    namespace.run(sent)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_datagram_that_may_not_be_fragmented_is_refused_above_the_links_mtu(
    namespace: Namespace, family: socket.AddressFamily
) -> None:
    is_v4 = family == socket.AF_INET
    loopback, headers = (LOOPBACK, 28) if is_v4 else (bytes(15) + b"\x01", 48)

    def sent() -> None:
        ip("link", "set", "lo", "mtu", "3000")
        driver = namespace.driver(Switch(ALICE, bytes(32)))
        driver.add_udp(1, loopback, 0, None)
        with socket.socket(family, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1" if is_v4 else "::1", 0))
            peer.settimeout(WAIT_S)
            port = peer.getsockname()[1]
            fits = 3_000 - headers
            assert driver.transmit_whole(1, loopback, port, bytes(fits))
            assert not driver.transmit_whole(1, loopback, port, bytes(fits + 1))
            assert driver.transmit(1, loopback, port, bytes(fits + 1), 0)
            assert [len(peer.recv(4_000)) for _ in range(2)] == [fits, fits + 1]
        assert driver.transmit_whole(2, loopback, port, bytes(fits + 1)), "nothing to be said of it"

    namespace.run(sent)


def test_socket_minus_one_sends_by_every_socket_of_the_family(namespace: Namespace) -> None:
    def sent() -> None:
        driver = namespace.driver(Switch(ALICE, bytes(32)))
        ports = {driver.add_udp(number, LOOPBACK, 0, None) for number in (1, 2)}
        driver.add_udp(3, bytes(15) + b"\x01", 0, None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(WAIT_S)
            port = peer.getsockname()[1]
            assert driver.transmit(-1, LOOPBACK, port, b"here", 0)
            assert {peer.recvfrom(64)[1][1] for _ in ports} == ports
        driver.remove_udp(1)
        driver.remove_udp(2)
        assert not driver.transmit(-1, LOOPBACK, port, b"here", 0)
        assert not driver.transmit(1, LOOPBACK, port, b"here", 0)
        assert driver.counters()["drop_socket"] == 1

    namespace.run(sent)


def test_interface_that_somebody_deletes_can_be_made_again(namespace: Namespace) -> None:
    def deleted() -> None:
        alice, bob = Station(namespace, ALICE, "ela"), Station(namespace, BOB, "elb")
        alice.meet(bob)
        bob.meet(alice)
        ip("link", "delete", "elb")
        assert not bob.driver.write_frame(NETWORK, frame(BOB, ALICE, 46))
        bob.driver.remove_tap(NETWORK)
        assert bob.driver.add_tap(NETWORK, "elb", mac_of(BOB, NETWORK), 2800) == "elb"
        with wire("ela") as near, wire("elb") as far:
            sent = frame(BOB, ALICE, 100)
            near.send(sent)
            assert far.recv(4096) == sent

    namespace.run(deleted)


def test_output_of_a_call_from_python_is_carried_out(namespace: Namespace) -> None:
    def applied() -> None:
        alice, bob = Station(namespace, ALICE, "ela"), Station(namespace, BOB, "elb")
        alice.meet(bob)
        bob.meet(alice)
        sent = frame(BOB, ALICE, 2000)
        with wire("elb") as far:
            output = alice.switch.ingest_frames([(NETWORK, sent)], 1_700_000_000_000)
            assert len(output.datagrams) == 2
            alice.driver.apply(output)
            assert far.recv(4096) == sent

    namespace.run(applied)
