"""Events: what the host hands to `Node.receive`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from earthline.wire.inet import InetAddress

Path: TypeAlias = tuple[int, bytes, int]
"""(socket number, remote IP of 4 or 16 bytes, remote port)"""


# --- what the switch punted ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """A suite-0 HELLO, whole and unauthenticated."""

    path: Path
    packet: bytes


@dataclass(frozen=True, slots=True)
class UnknownSource:
    """A packet from an address without a session, whole and sealed."""

    path: Path
    source: int
    packet: bytes


@dataclass(frozen=True, slots=True)
class PacketReceived:
    """An authenticated, decrypted, decompressed packet for an engine."""

    path: Path
    source: int
    packet_id: int
    hops: int
    suite: int
    verb: int
    payload: bytes
    size: int = 0
    """Bytes that came, compressed and sealed as they were; 0: other events of it say so."""


@dataclass(frozen=True, slots=True)
class GateRefused:
    """A frame packet whose sender is not admitted to the network."""

    packet: PacketReceived
    network: int


@dataclass(frozen=True, slots=True)
class RulesRefused:
    """A frame packet that the rules refuse, its sender known by no credentials."""

    packet: PacketReceived
    network: int


@dataclass(frozen=True, slots=True)
class FramePunted:
    """A frame from the TAP that no entry covers.

    ``reason``: ``member`` (not ready), ``route`` (no session or route), ``multicast`` (no
    recipients installed, or stale), ``neighbour`` (a solicitation that may be answered locally),
    ``bridge`` (for a bridge out of reach), ``replicate`` (of a member, for a group without
    recipients installed).
    """

    network: int
    frame: bytes
    reason: str
    node: int = 0
    """The bridge it is for, or the member that it comes from."""


@dataclass(frozen=True, slots=True)
class PathSeen:
    """A direct, authenticated frame came by a path the peer is not known by."""

    source: int
    path: Path
    size: int = 0
    """As of `PacketReceived`; no other event of the frame says so."""


@dataclass(frozen=True, slots=True)
class PairRelayed:
    """We relayed a packet head between these two and may introduce them."""

    source: int
    destination: int


@dataclass(frozen=True, slots=True)
class CredentialDue:
    """Frames flow to a member whose copy of our credentials is old."""

    network: int
    address: int


@dataclass(frozen=True, slots=True)
class GatherRequested:
    """A MULTICAST_FRAME asked for members of its group."""

    path: Path
    source: int
    packet_id: int
    network: int
    mac: int
    adi: int
    limit: int
    hops: int = 0
    size: int = 0
    """As of `PacketReceived`."""


@dataclass(frozen=True, slots=True)
class AckRequested:
    """An EXT_FRAME asked to be acknowledged."""

    path: Path
    source: int
    packet_id: int
    network: int
    hops: int = 0
    size: int = 0
    """As of `PacketReceived`."""


Punted: TypeAlias = (
    HelloReceived
    | UnknownSource
    | PacketReceived
    | GateRefused
    | RulesRefused
    | FramePunted
    | PathSeen
    | PairRelayed
    | CredentialDue
    | GatherRequested
    | AckRequested
)
"""What the switch has no entry for."""


@dataclass(frozen=True, slots=True)
class SessionActivity:
    """When packets of a peer passed through the switch, where 0 is never; and what they came to."""

    address: int
    received_at: int
    frame_received_at: int
    relayed_received_at: int
    trusted_at: int
    sent_at: int
    received_bytes: int = 0
    """Bytes of packets with frames since the last report, and the same of what was sent."""
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """What moved in the switch since the last report."""

    sessions: tuple[SessionActivity, ...]
    slots: tuple[tuple[int, Path, int], ...]
    """(address, path, last direct valid receive)"""
    paths: tuple[tuple[Path, int, int], ...]
    """(path, last in, last out)"""


# --- what the host found out on our behalf ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class HellosOpened:
    """The answer to `OpenHellos`."""

    keys: tuple[bytes | None, ...]
    """For each HELLO the key agreed on, 48 bytes; None where the MAC does not hold."""
    took_us: int
    """Microseconds of work."""


@dataclass(frozen=True, slots=True)
class IdentityProved:
    """The answer to `ProveIdentity`."""

    address: int
    public_key: bytes
    valid: bool
    took_us: int
    """Microseconds of work."""


# --- what the host knows ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WallClock:
    """The wall clock as it is now: at the start, and whenever it was set."""

    offset_ms: int
    """Unix time less the ``now`` of all events, ms."""


@dataclass(frozen=True, slots=True)
class SocketsChanged:
    """The bound UDP sockets by number, and other addresses that lead to us (port mappings)."""

    sockets: tuple[tuple[int, InetAddress], ...]
    mapped: tuple[InetAddress, ...] = ()
    on_link: tuple[InetAddress, ...] = ()
    """Networks, prefix length in the port, whose cable a socket is on: bound to the device,
    it sends nothing there that goes anywhere else."""


@dataclass(frozen=True, slots=True)
class SocketsOpened:
    """Sockets opened beside the ordinary ones, by number: the answer to `OpenSockets`."""

    token: int
    sockets: tuple[tuple[int, InetAddress], ...]


@dataclass(frozen=True, slots=True)
class DatagramTooLarge:
    """A datagram that must not be fragmented is larger than the link it would leave by."""

    path: Path
    size: int
    """Bytes of UDP payload."""


@dataclass(frozen=True, slots=True)
class TunnelChanged:
    """Whether a TCP tunnel is up, which carries what goes to the internet over IPv4 (02, 8.3)."""

    up: bool


@dataclass(frozen=True, slots=True)
class DefaultRouteChanged:
    """The host reaches the internet another way now, maybe by the same sockets."""


@dataclass(frozen=True, slots=True)
class SubscriptionsChanged:
    """The multicast groups the host's interface of a network listens to, as (MAC, ADI)."""

    network: int
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PortFailed:
    """The host could not make or configure the TAP of a network; empty text: it works now."""

    network: int
    error: str


@dataclass(frozen=True, slots=True)
class StateLoaded:
    """A state object that was stored earlier. ``kind`` and ``key`` as in `Store`."""

    kind: str
    key: int
    data: bytes


Event: TypeAlias = (
    Punted
    | Activity
    | HellosOpened
    | IdentityProved
    | WallClock
    | SocketsChanged
    | SocketsOpened
    | DatagramTooLarge
    | TunnelChanged
    | DefaultRouteChanged
    | SubscriptionsChanged
    | PortFailed
    | StateLoaded
)
"""What `Node.receive` takes."""
