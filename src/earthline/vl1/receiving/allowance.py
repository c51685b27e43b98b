"""How much work each peer may ask for: a bucket of tokens per peer and verb (02, 4.10).

A token stands for some 50 µs of the one thread that serves everybody. Prices are measured: what
takes long because it says much, or asks for much, costs more than one. So each verb costs us some
3 % of a core at most for one peer over time, roots included. What a peer sends altogether was
limited to a tenth of one before it comes here (`ration.rs` of the switch), but by its bytes alone.

No honest peer comes near its limits. What it may send at its busiest stands beside each number; a
stock member that joins 30 networks and looks for 254 hosts at once sends 1,600 gathers.
"""

from __future__ import annotations

from dataclasses import dataclass

from earthline.vl1.ground.gates import drawn
from earthline.vl1.peers.peer import Peer
from earthline.wire.packet import MAX_PACKET, Verb


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many tokens at once, then one per ``refill_ms``."""

    burst: int
    refill_ms: int
    bytes_per_token: int = MAX_PACKET
    """Payload that costs one more token."""

    def price(self, length: int) -> int:
        """Tokens for a packet with a payload of so many bytes."""
        return 1 + length // self.bytes_per_token


ASKED: dict[int, Allowance] = {
    # By each of its sockets, at each of our addresses, once a minute, and again when it roams.
    Verb.HELLO: Allowance(64, 500),
    # A stock member that lacks our certificate says so some ten times for each frame it holds, of
    # which there are 32; a controller, each 5 s for each network that it refuses us.
    Verb.ERROR: Allowance(512, 10),
    # One address a packet. A node whose members all look for one another asks for 1,536 at once,
    # each again after 500 ms; a root that others ask, for 250 a second. 12 addresses: 50 µs.
    Verb.WHOIS: Allowance(4_096, 4, 60),
    # Of roots alone: all clients of a busy server within 30 s.
    Verb.RENDEZVOUS: Allowance(4_096, 2),
    # By each of 256 sockets that look for a way to us; else a few per path and second.
    Verb.ECHO: Allowance(512, 15),
    # All groups on all networks once a minute, new ones one by one: what is behind a bridge with
    # 8,192 on each of four networks at once. 9 groups: 50 µs.
    Verb.MULTICAST_LIKE: Allowance(4_096, 5, 160),
    # As at stock nodes.
    Verb.NETWORK_CREDENTIALS: Allowance(1, 1_000),
    # One for each network that is joined, again each 5 s while there is no answer. Ours to decide
    # on takes the controller much longer than 50 µs.
    Verb.NETWORK_CONFIG_REQUEST: Allowance(256, 50),
    # Large configurations of hundreds of networks that change together, in pieces.
    Verb.NETWORK_CONFIG: Allowance(8_192, 4),
    # One for each address that a host looks for; scanners try thousands. What is answered costs
    # more (`vl2.multicast.gather`).
    Verb.MULTICAST_GATHER: Allowance(4_096, 2),
    # A packet or two each 400 ms at most, of 4 tokens each.
    Verb.PUSH_DIRECT_PATHS: Allowance(256, 60, 256),
}
"""By verb. The others cost nothing that is worth a bucket, or are for the switch alone."""

ANSWERED: dict[int, Allowance] = {
    # 10 members named: 50 µs. Thousands of groups in a large network, from a root.
    Verb.MULTICAST_GATHER: Allowance(4_096, 2, 50),
    # A stock member answers each of our frames to a group that we know too few members of.
    Verb.MULTICAST_FRAME: Allowance(4_096, 2, 50),
}
"""OKs, by the verb that they say they answer, whether or not they answer anything of ours."""

OTHER_ANSWERS = Allowance(8_192, 1)
"""Of each other verb: a controller's answers to hundreds of networks come in thousands of pieces.
They take 6 to 20 µs."""

_OK = 0x100
"""Beside a verb, for the OKs to it."""


def affords(peer: Peer, verb: int, length: int, now: int) -> bool:
    """Whether a packet of the peer, with so long a payload, is within its allowance."""
    allowance = ASKED.get(verb)
    return allowance is None or _spend(peer, verb, allowance, allowance.price(length), now)


def affords_more(peer: Peer, verb: int, tokens: int, now: int) -> bool:
    """Whether what the peer asked for with a packet may cost so much more."""
    return _spend(peer, verb, ASKED[verb], tokens, now)


def affords_answer(peer: Peer, in_re_verb: int, length: int, now: int) -> bool:
    """Whether an OK of the peer is within its allowance; ``in_re_verb``: 0 if none of ours."""
    allowance = ANSWERED.get(in_re_verb, OTHER_ANSWERS)
    return _spend(peer, _OK | in_re_verb, allowance, allowance.price(length), now)


def _spend(peer: Peer, bucket: int, allowance: Allowance, tokens: int, now: int) -> bool:
    before = peer.full_at.get(bucket, now)
    full_at = drawn(before, allowance.burst, allowance.refill_ms, now, tokens)
    if full_at is not None:
        peer.full_at[bucket] = full_at
    return full_at is not None
