"""Somebody else owns our address, says a root: when that is to be believed (02, 1.6).

It means to give up our identity, and with it every network that we control. So a root has to say it
in answer to a HELLO of ours, and to show whose address it is. That it is, the slow hash tells: to
make a second identity for one address takes some 2^40 tries of it. A root that says no more than
that it is so, as stock nodes do, is reported and not obeyed.
"""

from __future__ import annotations

from earthline.effects import PacketReceived
from earthline.vl1.ground.gates import Interval
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.proofs import Proofs
from earthline.vl1.ground.replies import ExpectedReplies
from earthline.vl1.peers.topology import Topology
from earthline.wire.address import format_address
from earthline.wire.identity import IDENTITY_LENGTH, Identity
from earthline.wire.messages.error import Error
from earthline.wire.packet import Verb
from earthline.wire.reader import Reader

CLAIM_MS = 60_000
"""A root that refuses us does so at each HELLO: it is heard once in this time."""


class Collision:
    """Follows up what roots say."""

    def __init__(
        self, local: Local, topology: Topology, replies: ExpectedReplies, proofs: Proofs
    ) -> None:
        self._local = local
        self._topology = topology
        self._replies = replies
        self._proofs = proofs
        self._heard: Interval[int, int] = Interval(CLAIM_MS)
        """By root."""
        self._claims: dict[Identity, int] = {}
        """Others' identities with our address that are looked into, and the root to name them."""

    def claimed(self, packet: PacketReceived, error: Error, now: int) -> None:
        """An ERROR that says so."""
        if not self._topology.is_upstream(packet.source):
            self._local.count("collision_not_from_root")
            return
        in_re = error.in_re_packet_id
        hello = error.in_re_verb == Verb.HELLO
        if not hello or not self._replies.matches(in_re, Verb.HELLO, packet.source):
            self._local.count("collision_unasked")
            return
        if not self._heard.passes(packet.source, packet.source, now):
            return
        other = _holder(error.payload)
        shown = other is not None and other.address == self._local.address
        reporter = format_address(packet.source)
        if other is not None and shown and other != self._local.identity.public:
            self._claims[other] = packet.source
            self._proofs.at_once(other, now)
        else:
            self._local.report("address_claimed", reporter=reporter)

    def proved(self, identity: Identity, *, valid: bool) -> None:
        """Whether the identity that a root named does have our address."""
        reporter = self._claims.pop(identity, None)
        if reporter is None:
            return
        event = "identity_collision" if valid else "address_claimed_falsely"
        self._local.report(event, reporter=format_address(reporter))


def _holder(payload: bytes) -> Identity | None:
    """Who holds the address; a stock node does not say."""
    return Identity.read(Reader(payload)) if len(payload) >= IDENTITY_LENGTH else None
