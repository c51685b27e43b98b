"""What the stock API does not say: why a peer is reached as it is, and what NAT we are behind."""

from __future__ import annotations

from earthline.api.shapes.node import KnownPath, Nat, PeerExtension, TcpRelay, Tunnel
from earthline.diagnosis.peers import reason_word, words
from earthline.runtime.tcp.relay import RelayState
from earthline.runtime.tcp.tunnel import TunnelState
from earthline.vl1.ground.local import ALL_SOCKETS
from earthline.vl1.status import PathReport, PeerState
from earthline.vl1.surface.nat import NatReport


def peer_explained(peer: PeerState, now: int) -> PeerExtension:
    """``earthline`` of a peer. Times are ms since the epoch, ages ms before ``now``."""
    tried = dict.fromkeys((*peer.endpoints, *(attempt.address for attempt in peer.attempts)))
    explanation, next_step = words(peer.state, peer.reason, [str(place) for place in tried])
    return {
        "state": peer.state.value,
        "reason": reason_word(peer.reason),
        "explanation": explanation,
        "nextStep": next_step,
        "attempts": [
            {"address": str(attempt.address), "at": attempt.at, "times": attempt.times}
            for attempt in peer.attempts
        ],
        "paths": [_path(path, now) for path in peer.paths],
        "receivedBytes": peer.received_bytes,
        "sentBytes": peer.sent_bytes,
    }


def _path(path: PathReport, now: int) -> KnownPath:
    """A path, expired or not; ``age`` is null where nothing ever came by it."""
    return {
        "address": str(path.address),
        "age": max(0, now - path.last_receive) if path.last_receive else None,
        "expired": path.expired,
        "latency": path.latency,
        "mtu": path.mtu,
        "mtuSearched": path.searched,
        "preferred": path.preferred,
        "scope": path.address.scope.name.lower(),
        "tunnelled": path.socket == ALL_SOCKETS,
    }


def nat_object(nat: NatReport) -> Nat:
    """``nat`` of the status."""
    return {
        "filtering": nat.filtering.value,
        "hairpin": nat.hairpin,
        "mapping": nat.mapping.value,
        "portPreserved": nat.preserves_port,
        "reporters": nat.reporters,
        "stride": nat.stride,
        "surfaces": [str(surface) for surface in nat.surfaces],
    }


def tunnel_object(tunnel: TunnelState) -> Tunnel:
    """``tunnel`` of the status: the TCP tunnel that stands in for UDP."""
    relay = tunnel.connected_to
    return {
        "allowed": tunnel.allowed,
        "connectedTo": None if relay is None else str(relay),
        "failure": tunnel.failure,
        "forced": tunnel.forced,
        "since": tunnel.since,
        "tls": tunnel.tls,
    }


def relay_object(relay: RelayState) -> TcpRelay:
    """``tcpRelay`` of the status: what this node is for others."""
    return {
        "clients": relay.clients,
        "failure": relay.failure,
        "listeningOn": [str(address) for address in relay.listening_on],
    }
