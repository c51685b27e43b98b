"""Many nodes at once: identities for them, and what their coming online costs the network.

Each identity takes its finder some 250 ms of work, which is the point of it. A crowd larger than
the published ones share keys, under addresses nobody has proved; roots take such a node for one
that they met before the simulation began, as after a restart with their peers on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from earthline.effects import StateLoaded
from earthline.sim.host import SimHost
from earthline.sim.internet import Flight, Internet, Verdict
from earthline.sim.nat import AddressRestricted, FullCone, PortRestricted, Symmetric
from earthline.sim.simulation import Simulation, throwaway_identities
from earthline.vl1.peers.cache import record_of
from earthline.wire.identity import Identity, SecretIdentity

ROOT_IPS = ("80.1.0.1", "80.2.0.1", "80.3.0.1", "80.4.0.1")
_NATS = (FullCone, AddressRestricted, PortRestricted, Symmetric)
_UNPROVED = 0x10_0000_0000
"""Addresses of unproved identities count up from here."""


def unproved_identities() -> Iterator[SecretIdentity]:
    """Identities that no stranger would accept, any number of them."""
    keys = list(throwaway_identities())
    for number in range(1 << 32):
        known = keys[number % len(keys)]
        public = Identity(_UNPROVED + number, known.public.public_key)
        yield SecretIdentity(public, known.private_key)


@dataclass(slots=True)
class Traffic:
    """Datagrams and their bytes, whoever sent them, whether or not they arrived."""

    messages: int = 0
    octets: int = 0

    @classmethod
    def of(cls, internet: Internet) -> Traffic:
        """What passes from now on."""
        traffic = cls()
        internet.watchers.append(traffic.see)
        return traffic

    def see(self, flight: Flight, _verdict: Verdict) -> None:
        """Count one datagram."""
        self.messages += 1
        self.octets += len(flight.datagram)


def planet_of(sim: Simulation, nodes: int, *, roots: int = 4) -> list[SimHost]:
    """Make a planet and start so many nodes besides its roots, all at once, each behind a NAT.

    Up to the number of published identities they are strangers to the roots.
    """
    proved = list(throwaway_identities())
    strangers = roots + nodes <= len(proved)
    identities = proved if strangers else [*proved[:roots], *_some(nodes)]
    sim.take_identities(identities)
    names = [(f"root-{number}", ip) for number, ip in enumerate(ROOT_IPS[:roots])]
    sim.root(*(part for pair in names for part in pair))
    if not strangers:
        _introduce([sim.hosts[name] for name, _ in names], identities[roots:])
    return [sim.host(f"node-{n}", nat=_NATS[n % len(_NATS)]()) for n in range(nodes)]


def _some(count: int) -> list[SecretIdentity]:
    return [identity for _, identity in zip(range(count), unproved_identities(), strict=False)]


def _introduce(roots: Sequence[SimHost], identities: Sequence[SecretIdentity]) -> None:
    for root in roots:
        for identity in identities:
            record = record_of(identity.public, genuine=True)
            root.tell(StateLoaded("peer", identity.address, record))
