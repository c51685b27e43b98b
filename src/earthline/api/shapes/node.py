"""The node and its peers (05, 7.4, 7.5 and 7.8)."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from earthline.api.shapes.describe import shape


@shape
class Version(TypedDict):
    """The release of the stock service that this one is compatible with."""

    version: str
    versionBuild: int
    versionMajor: int
    versionMinor: int
    versionRev: int


@shape
class Health(Version):
    """What anybody on this host may know."""

    clock: int
    """Unix time in ms."""
    online: bool
    """A root answers, or this node is one."""


@shape
class Nat(TypedDict):
    """What NAT this node is behind, as far as roots and peers tell."""

    filtering: str
    hairpin: bool | None
    """Null: not known."""
    mapping: str
    portPreserved: bool
    """A mapped port is the socket's own."""
    reporters: int
    stride: int
    """Ports from one new mapping to the next; 0 unless they are in sequence."""
    surfaces: list[str]
    """Where others see this node, as ip/port."""


@shape
class Tunnel(TypedDict):
    """The TCP tunnel that stands in for UDP."""

    allowed: bool
    connectedTo: str | None
    """The relay, as ip/port."""
    failure: str
    """What became of the last attempt, in one line; empty: it came up, or there was none."""
    forced: bool
    since: int
    """When it came up, Unix time in ms; 0: there is none."""
    tls: bool


@shape
class TcpRelay(TypedDict):
    """What this node is for others whose UDP is blocked."""

    clients: int
    failure: str
    listeningOn: list[str]


@shape
class NodeExtension(TypedDict):
    """What a stock node does not tell of itself."""

    version: str
    """Of Earthline."""
    root: bool
    """This node acts as a root."""
    upstreams: list[str]
    """Addresses of roots and moons' roots."""
    earth: str | None
    """The network that each node of the planet joins by itself."""
    nat: Nat
    tunnel: Tunnel
    tcpRelay: TcpRelay
    startedAt: int
    """Unix time in ms."""


@shape
class Status(Version):
    """The node itself. But for the clock, two are the same unless something happened."""

    address: str
    clock: int
    """Unix time in ms."""
    config: dict[str, Any]
    """`local.conf` as it was read, with all of `settings`."""
    online: bool
    """A root answers, or this node is one."""
    planetWorldId: int
    """0: this node holds no planet."""
    planetWorldTimestamp: int
    publicIdentity: str
    tcpFallbackActive: bool
    earthline: NodeExtension


@shape
class Attempt(TypedDict):
    """Where a peer was looked for, without an answer by now."""

    address: str
    at: int
    """The last time, Unix time in ms."""
    times: int


@shape
class KnownPath(TypedDict):
    """A path to a peer, expired or not."""

    address: str
    age: int | None
    """Milliseconds since anything came by it; null: nothing ever did."""
    expired: bool
    latency: int
    """Milliseconds there and back; -1: not known."""
    mtu: int
    """The longest UDP payload that is sent by it, in bytes."""
    mtuSearched: bool
    """That was found out by asking, and is no guess."""
    preferred: bool
    scope: str
    tunnelled: bool


@shape
class PeerExtension(TypedDict):
    """Why a peer is reached as it is."""

    state: str
    """`direct`, `tunnelled`, `relayed` or `unreachable`."""
    reason: str | None
    """Why it is not better, in snake case; null: it could not be better."""
    explanation: str
    nextStep: str
    attempts: list[Attempt]
    paths: list[KnownPath]
    receivedBytes: int
    sentBytes: int


@shape
class PathSlot(TypedDict):
    """A path that is in use."""

    active: bool
    address: str
    """As ip/port."""
    expired: bool
    lastReceive: int
    """Unix time in ms; 0: never."""
    lastSend: int
    localPort: int
    localSocket: int
    preferred: bool
    trustedPathId: int


@shape
class Peer(TypedDict):
    """A peer in memory."""

    address: str
    earthline: PeerExtension
    isBonded: bool
    latency: int
    """Milliseconds there and back; -1: not known."""
    paths: list[PathSlot]
    role: Literal["LEAF", "MOON", "PLANET"]
    tunneled: bool
    version: str
    """-1.-1.-1: not known."""
    versionMajor: int
    versionMinor: int
    versionRev: int


@shape
class Ping(TypedDict):
    """How long it took to a node and back; all null where no answer came in time."""

    address: str
    latency: float | None
    """Milliseconds."""
    state: str | None
    """How the answer came: `direct`, `tunnelled` or `relayed`."""
    path: str | None
    """Null of a relayed answer, too."""
