"""The NATs of the lab are what their names say, measured by UDP sockets on both sides."""

from __future__ import annotations

import pytest

from earthline.lab import Lab, LabError, NatKind
from earthline.lab.nat_check import EXPECTED, Probe, measure, udp_socket


@pytest.mark.parametrize("kind", NatKind)
def test_nat_maps_and_filters_as_its_kind_promises(lab: Lab, kind: NatKind) -> None:
    assert measure(lab, kind) == EXPECTED[kind]


def test_full_cone_turns_packets_of_neighbours_when_it_has_a_hairpin(lab: Lab) -> None:
    probe = Probe(lab, lab.router("home", NatKind.FULL_CONE, hairpin=True))
    assert probe.measure().hairpin
    probe.close()


def test_sequential_nat_counts_its_ports_up(lab: Lab) -> None:
    near = lab.router("home", NatKind.SYMMETRIC_SEQUENTIAL).host("near")
    ports = []
    with udp_socket(near, 9993) as inside:
        for name in ("one", "two", "three"):
            with udp_socket(lab.host(name), 9993) as observer:
                inside.sendto(b"observe", observer.getsockname())
                ports.append(observer.recvfrom(16)[1][1])
    assert ports == [ports[0], ports[0] + 1, ports[0] + 2]


@pytest.mark.parametrize("kind", [NatKind.FULL_CONE, NatKind.PORT_RESTRICTED])
def test_stray_packet_does_not_take_the_port_of_an_inside_host(lab: Lab, kind: NatKind) -> None:
    """Hole punching: the far side's first packet reaches the NAT before the near side has sent."""
    router = lab.router("home", kind)
    near, far = router.host("near"), lab.host("far")
    with udp_socket(near, 9993) as inside, udp_socket(far, 9993) as outside:
        outside.sendto(b"stray", (router.public_address, 9993))
        inside.sendto(b"punch", (far.address, 9993))
        assert outside.recvfrom(16) == (b"punch", (router.public_address, 9993))
        outside.sendto(b"reply", (router.public_address, 9993))
        assert inside.recv(16) == b"reply"


def test_blocked_udp_passes_in_neither_direction_while_tcp_does(lab: Lab) -> None:
    router = lab.router("office", NatKind.PORT_RESTRICTED, udp_blocked=True)
    near, far = router.host("near"), lab.host("far")
    near.run(["ping", "-c1", "-W2", far.address])
    with udp_socket(near, 4000) as inside, udp_socket(far, 4000) as outside:
        inside.sendto(b"blocked", (far.address, 4000))
        router.translate(udp_blocked=False)
        inside.sendto(b"passed", (far.address, 4000))
        assert outside.recv(16) == b"passed"


def test_unplugged_host_reaches_nobody_and_is_back_when_plugged(lab: Lab) -> None:
    near, far = lab.router("home", NatKind.SYMMETRIC).host("near"), lab.host("far")
    near.unplug()
    with pytest.raises(LabError):
        near.run(["ping", "-c1", "-W1", far.address])
    near.plug()
    near.run(["ping", "-c1", "-W5", far.address])
