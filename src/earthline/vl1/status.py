"""The engine's state as plain values, for the API (05, 7.4 and 7.8; 02, 11.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from earthline.vl1.ground.local import Local
from earthline.vl1.paths.mtu import PathSizes
from earthline.vl1.peers.peer import Attempt, Peer, Version
from earthline.vl1.peers.physical import PhysicalNetworks
from earthline.vl1.peers.topology import Topology
from earthline.vl1.peers.worlds import Role
from earthline.vl1.reasons import Explained, Reason, State
from earthline.vl1.surface.surface import Surface
from earthline.vl1.verbs.checkup import Checkup
from earthline.wall import Wall
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.world import World


class Places(NamedTuple):
    """Where we are, as far as we know."""

    listening: tuple[InetAddress, ...]
    mapped: tuple[InetAddress, ...]
    surfaces: tuple[InetAddress, ...]
    """Our addresses as others report them."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Ourselves."""

    address: int
    identity: Identity
    online: bool
    acting_as_upstream: bool
    planet: World | None
    moons: tuple[World, ...]
    wanted_moons: tuple[tuple[int, int], ...]
    """(world ID, seed) of moons not received yet."""
    upstreams: tuple[int, ...]
    best_upstream: int | None
    listening: tuple[InetAddress, ...]
    mapped: tuple[InetAddress, ...]
    surfaces: tuple[InetAddress, ...]


@dataclass(frozen=True, slots=True)
class PathReport:
    """One path slot of a peer. Times are Unix time in ms, 0 is never."""

    socket: int
    address: InetAddress
    last_send: int
    last_receive: int
    latency: int
    """Milliseconds; -1 while unknown."""
    preferred: bool
    expired: bool
    trusted_path_id: int
    mtu: int
    """Bytes of the largest datagram that frames are sent in by it, without relays behind it."""
    searched: bool
    """Whether that is what a search has found, be it the default."""
    default_mtu: int
    """The same where nothing was searched for: the default, or what the operator says."""
    proved_at: int
    """When it last brought an answer to something of ours."""
    largest: int
    """Bytes of the largest datagram that came back by it when we asked; 0: never asked."""


class Ways(NamedTuple):
    """Who knows what of paths."""

    physical: PhysicalNetworks
    sizes: PathSizes
    checkup: Checkup


@dataclass(frozen=True, slots=True)
class PeerState:
    """One peer."""

    address: int
    identity: Identity
    role: Role
    protocol: int
    """0 while unknown."""
    version: Version | None
    latency: int
    """Milliseconds; -1 while unknown."""
    state: State
    reason: Reason
    """Why it is not direct."""
    attempts: tuple[Attempt, ...]
    """Where it was looked for lately, other than at its paths; the oldest first."""
    last_receive: int
    """Unix time in ms, as is that of attempts; 0 is never."""
    last_send: int
    received_bytes: int
    """Bytes of packets with frames that came from it since it is known, and that went to it."""
    sent_bytes: int
    clock_offset: int | None
    """Its wall clock less ours in ms; None while unknown."""
    endpoints: tuple[InetAddress, ...]
    """Upstreams: where the planet or a moon says it is."""
    paths: tuple[PathReport, ...]


def node_status(
    local: Local, topology: Topology, surface: Surface, now: int, *, online: bool
) -> NodeStatus:
    """Ourselves as of now."""
    worlds = topology.worlds
    best = topology.best_upstream(now)
    places = places_of(local, surface)
    return NodeStatus(
        address=local.address,
        identity=local.identity.public,
        online=online,
        acting_as_upstream=worlds.acting_as_upstream,
        planet=worlds.planet,
        moons=tuple(moon for _, moon in sorted(worlds.moons.items())),
        wanted_moons=tuple(sorted(worlds.wanted.items())),
        upstreams=topology.upstreams,
        best_upstream=None if best is None else best.address,
        listening=places.listening,
        mapped=places.mapped,
        surfaces=places.surfaces,
    )


def places_of(local: Local, surface: Surface) -> Places:
    """Where we are, as far as we know."""
    return Places(tuple(local.sockets.values()), local.mapped, surface.addresses())


def peer_states(
    local: Local,
    topology: Topology,
    ways: Ways,
    judge: Callable[[Peer], Explained],
    now: int,
) -> tuple[PeerState, ...]:
    """Every peer in memory, ascending by address; ``judge`` says why it is reached as it is."""
    peers = [peer for _, peer in sorted(topology.peers.items())]
    return tuple(
        _peer_state(
            peer, topology, judge(peer), _path_reports(peer, ways, local.wall, now), local.wall
        )
        for peer in peers
    )


def _peer_state(
    peer: Peer,
    topology: Topology,
    explained: Explained,
    paths: tuple[PathReport, ...],
    wall: Wall,
) -> PeerState:
    ahead = peer.clock_offset
    return PeerState(
        address=peer.address,
        identity=peer.identity,
        role=topology.worlds.role(peer.address),
        protocol=peer.protocol,
        version=peer.version if peer.version.known else None,
        latency=peer.latency,
        state=explained.state,
        reason=explained.reason,
        attempts=tuple(replace(tried, at=wall.at(tried.at)) for tried in peer.attempts.values()),
        last_receive=wall.at(peer.last_receive),
        last_send=wall.at(peer.last_sent),
        received_bytes=peer.received_bytes,
        sent_bytes=peer.sent_bytes,
        clock_offset=None if ahead is None else ahead - wall.offset_ms,
        endpoints=topology.worlds.endpoints(peer.address),
        paths=paths,
    )


def _path_reports(peer: Peer, ways: Ways, wall: Wall, now: int) -> tuple[PathReport, ...]:
    preferred = peer.best(now)
    return tuple(
        PathReport(
            socket=slot.path.socket,
            address=slot.path.address,
            last_send=wall.at(slot.path.last_out),
            last_receive=wall.at(slot.path.last_in),
            latency=slot.path.reported_latency,
            preferred=slot is preferred,
            expired=slot.expired(now),
            trusted_path_id=ways.physical.trusted_path_id(slot.path.address),
            mtu=ways.sizes.of(peer.address, slot.path),
            searched=ways.sizes.searched(peer.address, slot.path),
            default_mtu=ways.physical.mtu(slot.path.address),
            proved_at=wall.at(peer.proved.get(slot.path.key, 0)),
            largest=ways.checkup.largest(slot.path.key),
        )
        for slot in peer.slots
    )
