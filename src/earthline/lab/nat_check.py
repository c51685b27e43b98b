"""Measure what a router's NAT really does to UDP, in the words of RFC 4787.

Every socket is opened in its own namespace by this process. That a packet was filtered is proved by
a later one that was not: on these links nothing overtakes.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum

from earthline.lab.nat import NatKind
from earthline.lab.topology import Host, Lab, Router

Endpoint = tuple[str, int]
_PORT, _OTHER_PORT = 5001, 5002
_PATIENCE_S = 5.0


class Dependence(StrEnum):
    """What a NAT's answer depends on."""

    NONE = "no translation"
    INDEPENDENT = "endpoint-independent"
    ADDRESS = "address-dependent"
    ADDRESS_AND_PORT = "address and port-dependent"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What was measured."""

    mapping: Dependence
    filtering: Dependence
    hairpin: bool


EXPECTED = {
    NatKind.OPEN: Behaviour(Dependence.NONE, Dependence.INDEPENDENT, hairpin=True),
    NatKind.FULL_CONE: Behaviour(Dependence.INDEPENDENT, Dependence.INDEPENDENT, hairpin=False),
    NatKind.ADDRESS_RESTRICTED: Behaviour(
        Dependence.INDEPENDENT, Dependence.ADDRESS, hairpin=False
    ),
    NatKind.PORT_RESTRICTED: Behaviour(
        Dependence.INDEPENDENT, Dependence.ADDRESS_AND_PORT, hairpin=False
    ),
    NatKind.SYMMETRIC: Behaviour(
        Dependence.ADDRESS_AND_PORT, Dependence.ADDRESS_AND_PORT, hairpin=False
    ),
    NatKind.SYMMETRIC_SEQUENTIAL: Behaviour(
        Dependence.ADDRESS_AND_PORT, Dependence.ADDRESS_AND_PORT, hairpin=False
    ),
}


class Probe:
    """Measures one router of a lab."""

    def __init__(self, lab: Lab, router: Router) -> None:
        self._near = router.host(f"{router.name}-a")
        self._neighbour = router.host(f"{router.name}-b")
        first, second = lab.host(f"{router.name}-first"), lab.host(f"{router.name}-second")
        self._observers = (
            udp_socket(first, _PORT),
            udp_socket(first, _OTHER_PORT),
            udp_socket(second, _PORT),
        )

    def measure(self) -> Behaviour:
        mapping = self._mapping()
        return Behaviour(mapping, self._filtering(), self._hairpin())

    def close(self) -> None:
        for observer in self._observers:
            observer.close()

    def _mapping(self) -> Dependence:
        with udp_socket(self._near, 40_001) as inside:
            seen = [_observe(inside, observer) for observer in self._observers]
        if seen[0] == (self._near.address, 40_001):
            return Dependence.NONE
        if seen[0] == seen[1] == seen[2]:
            return Dependence.INDEPENDENT
        return Dependence.ADDRESS if seen[0] == seen[1] else Dependence.ADDRESS_AND_PORT

    def _filtering(self) -> Dependence:
        known, same_address, stranger = self._observers
        with udp_socket(self._near, 40_002) as inside:
            public = _observe(inside, known)
            stranger.sendto(b"stranger", public)
            same_address.sendto(b"address", public)
            known.sendto(b"known", public)
            passed = _read_until(inside, b"known")
        if b"stranger" in passed:
            return Dependence.INDEPENDENT
        return Dependence.ADDRESS if b"address" in passed else Dependence.ADDRESS_AND_PORT

    def _hairpin(self) -> bool:
        known = self._observers[0]
        with udp_socket(self._near, 40_003) as inside, udp_socket(self._neighbour, 40_004) as other:
            public = _observe(inside, known)
            other.sendto(b"hairpin", public)
            # The router has handled the neighbour's packet once it has passed a later one of it.
            _observe(other, known)
            known.sendto(b"known", public)
            return b"hairpin" in _read_until(inside, b"known")


def udp_socket(host: Host, port: int) -> socket.socket:
    """A UDP socket of this process inside a host."""
    with host.inside():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((host.address, port))
    opened.settimeout(_PATIENCE_S)
    return opened


def _observe(inside: socket.socket, observer: socket.socket) -> Endpoint:
    """Where the observer sees the inside socket's packet come from."""
    inside.sendto(b"observe", observer.getsockname())
    endpoint: Endpoint = observer.recvfrom(64)[1]
    return endpoint


def _read_until(inside: socket.socket, last: bytes) -> list[bytes]:
    """What arrives, up to and without the packet that must."""
    passed: list[bytes] = []
    while (data := inside.recv(64)) != last:
        passed.append(data)
    return passed


def measure(lab: Lab, kind: NatKind) -> Behaviour:
    """Add a router of a kind to the lab and measure it."""
    lan = "88.0.0.0/24" if kind is NatKind.OPEN else "192.168.1.0/24"
    probe = Probe(lab, lab.router(kind.value, kind, lan))
    try:
        return probe.measure()
    finally:
        probe.close()
