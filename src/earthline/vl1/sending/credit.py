"""How much we send to where nobody has shown to be: not to be anybody's amplifier.

An authentic packet proves whose it is, not where from: its sender may have written any source on
it, and what we answer goes there. So by a path that a peer has not answered us by, no more is sent
than three times what came of it by that path, as QUIC does (RFC 9000, 8.1). Proof is an OK to a
packet of ours, from the very place that this was sent to: who was there alone can know its ID. By
which of our sockets is all the same, and a relay uses now this one, now that. It is one peer's
proof. A place is shared by all who are reached by a relay, and anybody may write the address of
another peer, or of a root, on what it sends.

    came in ──▶ +3 bytes each ──▶ [credit of (peer, place)] ──▶ -1 byte each ──▶ answers
                                            │ empty
                                            ▼
                             `Challenges`: kept until the peer answers a few bytes
"""

from __future__ import annotations

from earthline.effects import Path
from earthline.vl1.peers.path import EXPIRY_MS
from earthline.vl1.peers.peer import Peer

FACTOR = 3
"""Bytes sent for each byte that came: what QUIC allows too (RFC 9000, 8.1)."""
PROVEN_MS = EXPIRY_MS
"""An address may be given to somebody else: an answer proves as long as it keeps a slot."""
MAX_CREDIT = 32_768
"""Bytes. Three times the largest packet, with all its pieces."""
MAX_ACCOUNTS = 16
"""Unproven places per peer with credit. A forgotten one has none."""

PLACES_BURST = 16_384
PLACES_RATE = 512
"""Bytes, and bytes a second, that go to where a peer says that it is: see `pays_for_places`."""


def proven(peer: Peer, path: Path, now: int) -> bool:
    """Whether the peer has answered us from where the path leads, not too long ago."""
    at = peer.proved.get(path)
    if at is not None and now - at < PROVEN_MS:
        return True
    place = path[1:]
    return any(way[1:] == place and now - at < PROVEN_MS for way, at in peer.proved.items())


def came_in(peer: Peer, path: Path, size: int, now: int) -> None:
    """An authentic packet of so many bytes has come."""
    if proven(peer, path, now):
        return
    # The account used last comes last.
    place = path[1:]
    credit = peer.credit.pop(place, 0) + FACTOR * size
    if len(peer.credit) >= MAX_ACCOUNTS:
        del peer.credit[next(iter(peer.credit))]
    peer.credit[place] = min(credit, MAX_CREDIT)


def pays(peer: Peer, path: Path, size: int, now: int, *, leave: int = 0) -> bool:
    """Whether so many bytes may go to the peer by the path; if so they are paid for.

    ``leave``: bytes of credit that are not for this.
    """
    if proven(peer, path, now):
        return True
    left = peer.credit.get(path[1:], 0) - size
    if left < leave:
        return False
    peer.credit[path[1:]] = left
    return True


def pays_for_places(peer: Peer, size: int, now: int) -> bool:
    """Whether so many bytes may go where the peer says that it may be found.

    Who was proven may still name somebody else's place. All the addresses an honest node has, by
    all our sockets, again and again while traffic is relayed, cost less than this.
    """
    full_at = max(peer.places_full_at, now) - (-size * 1_000 // PLACES_RATE)
    if full_at - now > PLACES_BURST * 1_000 // PLACES_RATE:
        return False
    peer.places_full_at = full_at
    return True
