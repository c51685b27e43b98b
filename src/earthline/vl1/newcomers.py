"""Newcomers: they proved to hold their key, and wait for the proof of their address (02, 3.6).

Nothing is known of them to the rest of the engine until then: what else they send waits as that of
any stranger does (4.6). Their HELLOs are answered once they are let in, the last one of each path,
so that a newcomer with several sockets is reached by all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from earthline._native import SessionKey
from earthline.effects import HelloReceived, Path
from earthline.vl1.greetings import Greeting
from earthline.vl1.local import Local
from earthline.vl1.peer import Peer
from earthline.vl1.proofs import Proofs
from earthline.vl1.topology import Topology
from earthline.wire.identity import Identity

MAX_PATHS = 4
"""HELLOs of a newcomer kept to be answered."""

Admitted: TypeAlias = Callable[[Peer, HelloReceived, int], None]


@dataclass(slots=True)
class Newcomer:
    """Who waits, and its authentic HELLOs."""

    key: bytes = field(repr=False)
    prefix: int
    hellos: dict[Path, HelloReceived]
    session: SessionKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.session = SessionKey(self.key)


class Newcomers:
    """As many as `Proofs` lets wait. ``admitted`` is called for each HELLO to be answered."""

    def __init__(
        self, local: Local, topology: Topology, proofs: Proofs, admitted: Admitted
    ) -> None:
        self._local = local
        self._topology = topology
        self._proofs = proofs
        self._admitted = admitted
        self._waiting: dict[Identity, Newcomer] = {}

    def holds(self, identity: Identity) -> bool:
        """Whether this very identity waits: an address alone may be anybody's."""
        return identity in self._waiting

    def take(self, greeting: Greeting, key: bytes, now: int) -> None:
        """Have the address of an authentic HELLO's sender proved."""
        newcomer = Newcomer(key, greeting.prefix, {greeting.event.path: greeting.event})
        self._waiting[greeting.identity] = newcomer
        gone = self._proofs.in_turn(greeting.identity, greeting.prefix, now)
        if gone is not None:
            self._waiting.pop(gone, None)

    def repeated(self, identity: Identity, event: HelloReceived) -> None:
        """Another HELLO of one that waits: kept to be answered, if it is authentic."""
        newcomer = self._waiting[identity]
        if newcomer.session.open(event.packet) is None:
            self._local.count("hello_bad_mac")
            return
        self._local.count("hello_repeated")
        if event.path in newcomer.hellos or len(newcomer.hellos) < MAX_PATHS:
            newcomer.hellos[event.path] = event

    def proved(self, identity: Identity, now: int, *, valid: bool) -> None:
        """Let a newcomer in, or forget it."""
        newcomer = self._waiting.pop(identity, None)
        if newcomer is None:
            return
        if not valid:
            self._local.count("hello_invalid_identity")
            return
        peer = self._topology.add(identity, now, newcomer.key, prefix=newcomer.prefix, genuine=True)
        if peer is None or peer.identity != identity:
            self._local.count("hello_late")
            return
        for event in newcomer.hellos.values():
            self._admitted(peer, event, now)
