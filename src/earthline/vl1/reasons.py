"""Why a peer is reached the way it is, in words for its user (02, 7; 05, 7.8)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from earthline.vl1.ground.local import ALL_SOCKETS, Local
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Route
from earthline.vl1.peers.topology import PEER_LIFETIME_MS, Topology
from earthline.vl1.peers.worlds import Role
from earthline.vl1.surface.nat import NatReport

TRYING_MS = 30_000
"""A direct path that was not found after this time needs a better reason than patience."""


class State(Enum):
    """How a peer is reached."""

    DIRECT = "direct"
    TUNNELLED = "tunnelled"
    """Through a TCP tunnel instead of UDP."""
    RELAYED = "relayed"
    UNREACHABLE = "unreachable"


class Reason(Enum):
    """Why it is not better than that."""

    NONE = ""
    """It could not be better."""
    TRYING = "trying"
    BOTH_SYMMETRIC = "both NATs are symmetric"
    OUR_NAT = "this node's NAT is symmetric"
    ITS_NAT = "the peer's NAT is symmetric"
    UDP_BLOCKED = "no answer over UDP"
    SILENT = "it stopped answering"
    NO_FAMILY = "no common address family"
    NO_TRAFFIC = "no traffic needs a direct path"
    UNKNOWN_PLACE = "its address is not known"
    NO_ROOT = "no root reachable"


class Explained(NamedTuple):
    """The state of a peer and the reason for it."""

    state: State
    reason: Reason


def explain(
    peer: Peer,
    route: Route | None,
    now: int,
    *,
    topology: Topology,
    local: Local,
    nat: Callable[[], NatReport],
) -> Explained:
    """Judge one peer as of now; ``nat`` is asked only of a peer that has been relayed for long."""
    if route is not None and route.direct and _heard(peer, route, now):
        tunnelled = route.path.socket == ALL_SOCKETS
        if tunnelled:
            return Explained(State.TUNNELLED, Reason.UDP_BLOCKED)
        return Explained(State.DIRECT, Reason.NONE)
    if topology.worlds.role(peer.address) is not Role.LEAF:
        return Explained(State.UNREACHABLE, _why_silent(peer, local))
    if route is None or not _root_answers(topology, now):
        return Explained(State.UNREACHABLE, Reason.NO_ROOT)
    if peer.unanswering(now):
        return Explained(State.UNREACHABLE, Reason.SILENT)
    return Explained(State.RELAYED, _why_relayed(peer, local, nat, now))


def _heard(peer: Peer, route: Route, now: int) -> bool:
    """Whether the slot in use is more than a memory."""
    slot = peer.slot_of(route.path.key)
    return slot is not None and not slot.expired(now) and not peer.unanswering(now)


def _root_answers(topology: Topology, now: int) -> bool:
    if topology.worlds.acting_as_upstream:
        return True
    roots = (topology.peer(address) for address in topology.upstreams)
    return any(_serves(root, now) for root in roots if root is not None and root.last_receive)


def _serves(root: Peer, now: int) -> bool:
    """Whether it was heard lately, and has not fallen silent since, be it the only one."""
    heard = now - root.last_receive < PEER_LIFETIME_MS
    return heard and not root.silent_at and not root.unanswering(now)


def _why_silent(peer: Peer, local: Local) -> Reason:
    if not _common_family(peer, local):
        return Reason.NO_FAMILY
    return Reason.SILENT if peer.last_receive else Reason.UDP_BLOCKED


def _why_relayed(peer: Peer, local: Local, nat: Callable[[], NatReport], now: int) -> Reason:
    if not peer.relayed_since:
        return Reason.NO_TRAFFIC
    if local.tunnel:
        return Reason.UDP_BLOCKED
    if peer.places and not _common_family(peer, local):
        return Reason.NO_FAMILY
    if now - peer.relayed_since < TRYING_MS:
        return Reason.TRYING
    if nat().mapping.symmetric:
        return Reason.BOTH_SYMMETRIC if peer.hard_nat else Reason.OUR_NAT
    if peer.hard_nat:
        return Reason.ITS_NAT
    # By now there would be a path if a single answer had come: patience is no reason any more.
    return Reason.UDP_BLOCKED if peer.places and peer.attempts else Reason.UNKNOWN_PLACE


def _common_family(peer: Peer, local: Local) -> bool:
    ours = local.families
    known = {*peer.places, *peer.attempts}
    return not known or any(place.is_ipv4 in ours for place in known)
