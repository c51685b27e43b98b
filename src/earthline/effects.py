"""Events in and commands out: all that crosses the border of the sans-I/O `Node`.

The host (the service, or the simulator) turns what the switch punts and what the user asks for
into *events*, hands them to `Node.receive` or `Node.send`, and carries out the *commands* that
`Node.poll` returns, in order. Times are milliseconds; addresses, MACs, network and packet IDs are
integers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from earthline.wire.inet import InetAddress

Path: TypeAlias = tuple[int, bytes, int]
"""(socket number, remote IP of 4 or 16 bytes, remote port)"""


# --- events: what the switch punted ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """A suite-0 HELLO, whole and unauthenticated (punt ``hello``)."""

    path: Path
    packet: bytes


@dataclass(frozen=True, slots=True)
class UnknownSource:
    """A packet from an address without a session, whole and sealed (punt ``unknown_source``)."""

    path: Path
    source: int
    packet: bytes


@dataclass(frozen=True, slots=True)
class PacketReceived:
    """An authenticated, decrypted, decompressed packet for an engine (punt ``packet``)."""

    path: Path
    source: int
    packet_id: int
    hops: int
    suite: int
    verb: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class GateRefused:
    """A frame packet whose sender is not admitted to the network (punt ``gate``)."""

    packet: PacketReceived
    network: int


@dataclass(frozen=True, slots=True)
class RulesRefused:
    """A frame packet that the rules refuse, its sender known by no credentials (punt ``rules``)."""

    packet: PacketReceived
    network: int


@dataclass(frozen=True, slots=True)
class FramePunted:
    """A frame from the TAP that no entry covers (punt ``frame``).

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
    """A direct, authenticated frame came by a path the peer is not known by (punt ``new_path``)."""

    source: int
    path: Path


@dataclass(frozen=True, slots=True)
class PairRelayed:
    """We relayed a packet head between these two and may introduce them (punt ``introduce``)."""

    source: int
    destination: int


@dataclass(frozen=True, slots=True)
class CredentialDue:
    """Frames flow to a member whose copy of our credentials is old (punt ``push_due``)."""

    network: int
    address: int


@dataclass(frozen=True, slots=True)
class GatherRequested:
    """A MULTICAST_FRAME asked for members of its group (punt ``gather``)."""

    path: Path
    source: int
    packet_id: int
    network: int
    mac: int
    adi: int
    limit: int


@dataclass(frozen=True, slots=True)
class AckRequested:
    """An EXT_FRAME asked to be acknowledged (punt ``ack``)."""

    path: Path
    source: int
    packet_id: int
    network: int


@dataclass(frozen=True, slots=True)
class SessionActivity:
    """When packets of a peer passed through the switch; 0 is never."""

    address: int
    received_at: int
    frame_received_at: int
    relayed_received_at: int
    trusted_at: int
    sent_at: int


@dataclass(frozen=True, slots=True)
class Activity:
    """What moved in the switch since the last report."""

    sessions: tuple[SessionActivity, ...]
    slots: tuple[tuple[int, Path, int], ...]
    """(address, path, last direct valid receive)"""
    paths: tuple[tuple[Path, int, int], ...]
    """(path, last in, last out)"""


# --- events: what the host knows ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SocketsChanged:
    """The bound UDP sockets by number, and other addresses that lead to us (port mappings)."""

    sockets: tuple[tuple[int, InetAddress], ...]
    mapped: tuple[InetAddress, ...] = ()


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


# --- commands of the host to the node (Node.send) -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Join:
    """Become a member of a network."""

    network: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave a network and forget it."""

    network: int


@dataclass(frozen=True, slots=True)
class Orbit:
    """Take part in a moon; ``seed`` is the address of one of its roots, or 0."""

    world_id: int
    seed: int


@dataclass(frozen=True, slots=True)
class Deorbit:
    """Leave a moon."""

    world_id: int


@dataclass(frozen=True, slots=True)
class TakeWorld:
    """A planet or moon from a file of the user: taken under the rules of 01, 7.3."""

    world: bytes


@dataclass(frozen=True, slots=True)
class SendConfig:
    """Our controller's configuration for a member (04, 8): the node cuts, signs and sends it."""

    network: int
    member: int
    dictionary: bytes
    in_re: int
    """Packet ID of the request answered; 0: an unsolicited push."""


@dataclass(frozen=True, slots=True)
class SendConfigError:
    """Our controller's refusal (03, 2.5). ``data`` is the dictionary of code 0x09, or empty."""

    network: int
    member: int
    in_re: int
    code: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class SendCredentials:
    """A NETWORK_CREDENTIALS payload of our controller, such as a revocation (04, 10.3)."""

    member: int
    payload: bytes


# --- commands of the node to the host (Node.poll) -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send one datagram. Socket -1: by every bound socket of the IP's family. ttl 0: default."""

    path: Path
    datagram: bytes
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class InstallSession:
    """Keys and sending suite of a peer."""

    address: int
    key: bytes
    suite: int


@dataclass(frozen=True, slots=True)
class RemoveSession:
    """Forget a peer."""

    address: int


@dataclass(frozen=True, slots=True)
class InstallRoute:
    """Where frames for a peer leave; ``direct``: by a path of its own."""

    address: int
    path: Path | None
    direct: bool
    mtu: int = 1432
    trusted_path_id: int = 0


@dataclass(frozen=True, slots=True)
class InstallPaths:
    """The learned paths of a peer, all of them."""

    address: int
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class InstallRelay:
    """Whom we relay for, and where what has no route of its own goes."""

    open: bool
    upstream: int
    path: Path | None


@dataclass(frozen=True, slots=True)
class TrustPath:
    """A packet by this path proved common membership."""

    path: Path


@dataclass(frozen=True, slots=True)
class InstallNetwork:
    """What the switch needs of a network's configuration (03, section 3)."""

    network: int
    mtu: int
    public: bool
    broadcast: bool
    """Flag 0x02."""
    emulate_neighbours: bool
    """Flag 0x04: neighbour solicitations are punted."""
    compress_multicast: bool
    """Flag 0x10 clear."""
    multicast_limit: int
    bridges: tuple[int, ...]
    """Active bridges, which may include ourselves."""
    rules: bytes
    """The base rules' table (03, 6.1); one ACCEPT is ``01 00``."""
    unknown_match: bool = False
    """Flag 0x08: what a match gives that the rules engine does not know."""
    emulated: tuple[bytes, ...] = ()
    """First bytes of the addresses that neighbour emulation vouches for (03, 6.4)."""
    tags: tuple[tuple[int, int], ...] = ()
    """Our own tags, as (ID, value)."""
    owned_ips: tuple[bytes, ...] = ()
    """IPs of our own certificates of ownership."""
    owned_macs: tuple[int, ...] = ()
    """MACs of our own certificates of ownership."""
    capabilities: tuple[bytes, ...] = ()
    """Rule tables of our own capabilities, by ascending ID."""
    replicates: bool = False
    """We are a multicast replicator: we send frames on for members that ask us to (03, 8.6)."""
    send_budget: tuple[int, int] = (500, 1_000)
    """Multicast frames of our own for each group: per second (0: any number), and at once."""
    receive_budget: tuple[int, int] = (1_000, 2_000)
    """The same for those of each member. All groups together get four times as much."""


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    """Forget a network."""

    network: int


@dataclass(frozen=True, slots=True)
class InstallMember:
    """What a member may do; see `Switch.set_member`."""

    network: int
    address: int
    admitted: bool
    ready: bool
    push_due_at: int


@dataclass(frozen=True, slots=True)
class InstallMemberCredentials:
    """What the rules may ask of a member: only what is valid now (03, 4.10)."""

    network: int
    address: int
    tags: tuple[tuple[int, int], ...] = ()
    ips: tuple[bytes, ...] = ()
    macs: tuple[int, ...] = ()
    capabilities: tuple[bytes, ...] = ()
    """Rule tables, by ascending ID."""


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Forget a member."""

    network: int
    address: int


@dataclass(frozen=True, slots=True)
class InstallMulticast:
    """To whom frames of a group go until ``refresh_at``."""

    network: int
    mac: int
    adi: int
    recipients: tuple[int, ...]
    gather_limit: int
    refresh_at: int


@dataclass(frozen=True, slots=True)
class InstallReplicator:
    """In place of recipients: the replicator that sends frames of a group on to its members."""

    network: int
    mac: int
    adi: int
    replicator: int
    refresh_at: int


@dataclass(frozen=True, slots=True)
class RemoveMulticast:
    """Have frames of a group punted again."""

    network: int
    mac: int
    adi: int


@dataclass(frozen=True, slots=True)
class IngestDatagram:
    """Give a sealed packet to the switch again, now that its sender's session is installed."""

    path: Path
    datagram: bytes


@dataclass(frozen=True, slots=True)
class DeliverPacket:
    """Give an opened frame packet to the switch again, now that its sender is admitted."""

    packet: PacketReceived


@dataclass(frozen=True, slots=True)
class IngestFrame:
    """Give a frame to the switch again, now that an entry covers it."""

    network: int
    frame: bytes
    origin: int = 0
    """The member for which we replicate it; 0: it is of the TAP."""


@dataclass(frozen=True, slots=True)
class WriteFrame:
    """Write a frame made here (an emulated neighbour advertisement) to the TAP."""

    network: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a network: (ip, prefix length) by way of a gateway, or directly."""

    target: InetAddress
    via: InetAddress | None = None
    flags: int = 0
    metric: int = 0


@dataclass(frozen=True, slots=True)
class ConfigureTap:
    """Make or change the TAP of a network; addresses carry their prefix length in the port."""

    network: int
    mac: int
    mtu: int
    addresses: tuple[InetAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    dns_domain: str = ""
    dns_servers: tuple[InetAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoveTap:
    """Take the TAP of a network away."""

    network: int


@dataclass(frozen=True, slots=True)
class Store:
    """Write (or, with None, delete) a state object.

    ``kind``: ``planet`` (key 0), ``moon`` (world ID), ``network`` (network ID), ``peer`` (address).
    """

    kind: str
    key: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class RequestConfig:
    """A NETWORK_CONFIG_REQUEST for our own controller (04, section 8)."""

    network: int
    member: int
    identity: bytes
    """Binary public identity of the requester."""
    packet_id: int
    metadata: bytes
    path: Path | None
    """None where the request was relayed, or is our own."""


@dataclass(frozen=True, slots=True)
class Report:
    """Something an operator may want to know. ``event`` is snake case, ``fields`` are plain."""

    event: str
    fields: dict[str, object] = field(default_factory=dict)


# --- the border, typed ----------------------------------------------------------------------------

Event: TypeAlias = (
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
    | Activity
    | SocketsChanged
    | SubscriptionsChanged
    | PortFailed
    | StateLoaded
)
"""What `Node.receive` takes."""

HostCommand: TypeAlias = (
    Join | Leave | Orbit | Deorbit | TakeWorld | SendConfig | SendConfigError | SendCredentials
)
"""What `Node.send` takes."""

Command: TypeAlias = (
    Transmit
    | InstallSession
    | RemoveSession
    | InstallRoute
    | InstallPaths
    | InstallRelay
    | TrustPath
    | InstallNetwork
    | RemoveNetwork
    | InstallMember
    | InstallMemberCredentials
    | RemoveMember
    | InstallMulticast
    | InstallReplicator
    | RemoveMulticast
    | IngestDatagram
    | DeliverPacket
    | IngestFrame
    | WriteFrame
    | ConfigureTap
    | RemoveTap
    | Store
    | RequestConfig
    | Report
)
"""What `Node.poll` returns."""
