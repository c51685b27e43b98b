"""Commands of the node to the host: what `Node.poll` returns, to be carried out in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, get_args

from earthline.effects.events import PacketReceived, Path
from earthline.wire.inet import InetAddress


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send one datagram. Socket -1: by every bound socket of the IP's family. ttl 0: default."""

    path: Path
    datagram: bytes
    ttl: int = 0
    dont_fragment: bool = False
    """Whole or not at all, by a socket with a number; the host answers with `DatagramTooLarge`
    where it can tell at once that it will not go."""


@dataclass(frozen=True, slots=True)
class OpenSockets:
    """Open UDP sockets beside the ordinary ones, at ports of the system's choice.

    They share the IP and device of the ordinary socket ``like``, and none of them sends what goes
    by every socket. The host answers with `SocketsOpened`, even where it could open none.
    """

    token: int
    """What the answer refers to."""
    like: int
    count: int


@dataclass(frozen=True, slots=True)
class CloseSockets:
    """Close sockets that were opened beside the ordinary ones."""

    sockets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InstallSession:
    """Keys, sending suite and identity of a peer; its route and its paths stay."""

    address: int
    key: bytes
    """48 bytes."""
    suite: int
    """1 or 3."""
    public_key: bytes
    """Of its identity, 64 bytes: a HELLO with it that the keys do not fit is forged."""


@dataclass(frozen=True, slots=True)
class RemoveSession:
    """Forget a peer."""

    address: int


@dataclass(frozen=True, slots=True)
class InstallRoute:
    """Where frames for a peer leave: ``direct``, by a path of its own, or else by its relay's.

    No path: they are punted.
    """

    address: int
    path: Path | None
    direct: bool
    mtu: int = 1432
    trusted_path_id: int = 0


@dataclass(frozen=True, slots=True)
class InstallPaths:
    """The learned paths of a peer, all of them: direct packets by others raise `PathSeen`."""

    address: int
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class InstallRelay:
    """Whom we relay for, and where what has no route of its own goes.

    That is anybody (``open``), or whoever comes by a trusted path.
    """

    open: bool
    upstream: int
    path: Path | None


@dataclass(frozen=True, slots=True)
class TrustPath:
    """A packet of a peer by this path proved common membership."""

    address: int
    path: Path


@dataclass(frozen=True, slots=True)
class InstallNetwork:
    """What the switch needs of a network's configuration (03, 3)."""

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
    """What a member may do."""

    network: int
    address: int
    admitted: bool
    """Its frames pass our gate."""
    ready: bool
    """It holds our credentials, so frames may flow."""
    push_due_at: int
    """From then on `CredentialDue` is raised, one a second, while they go on flowing."""


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
    judged: bool = False
    """Not the gate refused it but the rules did, for want of the sender's credentials."""


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
    """A NETWORK_CONFIG_REQUEST for our own controller (04, 8)."""

    network: int
    member: int
    identity: bytes
    """Binary public identity of the requester."""
    packet_id: int
    metadata: bytes
    path: Path | None
    """None where the request was relayed, or is our own."""


@dataclass(frozen=True, slots=True)
class OpenHellos:
    """Agree on a key with the sender of each clear HELLO, and check the HELLO's MAC by it.

    That takes some 0.05 ms each: not on the thread that the node runs on. The host answers with
    `HellosOpened`; no second one is given before.
    """

    hellos: tuple[tuple[bytes, bytes], ...]
    """(public key of 64 bytes, the HELLO as it came)"""


@dataclass(frozen=True, slots=True)
class ProveIdentity:
    """Find out by the slow hash whether an address belongs to a public key (01, 2.4).

    That takes some 10 ms: not on the thread that the node runs on. The host answers with
    `IdentityProved`; no second one is given before.
    """

    address: int
    public_key: bytes


@dataclass(frozen=True, slots=True)
class EchoAnswered:
    """A node gave back what a `SendEcho` held."""

    address: int
    payload: bytes
    path: Path
    """By which the answer came."""
    hops: int
    """Roots that passed it on."""


@dataclass(frozen=True, slots=True)
class Report:
    """Something an operator may want to know. ``event`` is snake case, ``fields`` are plain."""

    event: str
    fields: dict[str, object] = field(default_factory=dict)


SwitchCommand: TypeAlias = (
    InstallSession
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
)
"""What `Switch.apply` carries out; everything else is for the host itself."""

SWITCH_COMMANDS: frozenset[type] = frozenset(get_args(SwitchCommand))
"""Their classes."""

Command: TypeAlias = (
    SwitchCommand
    | Transmit
    | OpenSockets
    | CloseSockets
    | WriteFrame
    | ConfigureTap
    | RemoveTap
    | Store
    | RequestConfig
    | OpenHellos
    | ProveIdentity
    | EchoAnswered
    | Report
)
"""What `Node.poll` returns."""
