"""What was seen of a node and its surroundings at one moment: plain values, no judgement.

None stands for what could not be seen; `Snapshot.unseen` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from earthline.vl1.nat import NatReport
from earthline.vl1.reasons import Reason, State
from earthline.vl2.network import NetworkStatus


class Udp(Enum):
    """What became of datagrams to an endpoint."""

    ANSWERS = "answers"
    REFUSED = "refused"
    """The host says that nobody listens at the port (ICMP)."""
    REJECTED = "rejected on the path"
    """Another host says so (ICMP): a firewall."""
    UNSENDABLE = "not permitted"
    """The kernel refuses to send: a local firewall."""
    UNREACHABLE = "unreachable"
    """A router has no way there, or nobody on the own network has the address (ICMP)."""
    NO_ROUTE = "no route"
    """This host has none."""
    SILENT = "no answer"
    UNASKED = "not tested"
    """Only a running node can have a root answer."""


class Tcp(Enum):
    """What became of a TCP connection to an endpoint."""

    OPEN = "open"
    REFUSED = "port closed (host reachable)"
    """The host, or a firewall in its name, answers."""
    SILENT = "no answer"
    NO_ROUTE = "no route"
    UNTRIED = "not tested"

    @property
    def passes(self) -> bool:
        """Whether a TCP segment of ours got an answer."""
        return self in (Tcp.OPEN, Tcp.REFUSED)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One stable endpoint of a root, as far as it gets through to us."""

    address: str
    """``ip/port``"""
    udp: Udp
    tcp: Tcp
    rejected_by: str = ""
    """The IP that rejects datagrams, or says that it cannot reach the endpoint."""
    left: bool | None = None
    """Whether datagrams to it were seen leaving by an interface."""
    came: bool | None = None
    """Whether datagrams of it were seen coming in by an interface."""
    heard: bool = False
    """Whether the service got any of them, be they no answers."""
    kernel_mtu: int = 0
    """Bytes of an IP packet that the kernel believes to pass unfragmented; 0 while unknown."""


@dataclass(frozen=True, slots=True)
class RootSight:
    """One root of the planet or of a moon, without ourselves."""

    address: str
    endpoints: tuple[Endpoint, ...]
    latency: int = -1
    """Milliseconds; -1 while unknown."""
    tunnelled: bool = False
    """It answers by the TCP tunnel."""
    largest: int = 0
    """Bytes of the largest datagram that came back from it; 0 while unknown."""
    asked_size: int = 0
    """Bytes of the largest datagram it was asked with: what the node sends at most."""

    @property
    def answers(self) -> bool:
        """By UDP."""
        return any(endpoint.udp is Udp.ANSWERS for endpoint in self.endpoints)


@dataclass(frozen=True, slots=True)
class InterfaceSight:
    """A network interface. ``used``: addresses with a socket; ``unused``: others, each with why."""

    name: str
    used: tuple[str, ...]
    unused: tuple[str, ...] = ()
    why_not: str = ""
    """Why none of its addresses can be used; empty if one may."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The way out of the local network."""

    address: str
    interface: str
    answers: bool | None
    """Whether its hardware address could be resolved."""


@dataclass(frozen=True, slots=True)
class PortMapping:
    """What the router was asked for."""

    enabled: bool
    protocol: str = ""
    """Empty while there is no mapping."""
    external: str = ""
    internal_port: int = 0
    tried: tuple[str, ...] = ()
    """What came of it at each gateway and by each protocol, where nothing is mapped."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The TCP tunnel that stands in for UDP."""

    allowed: bool
    forced: bool = False
    """Nothing goes by UDP."""
    connected_to: str = ""
    """Empty while there is no tunnel."""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ClockSight:
    """The clock of another node, less ours."""

    who: str
    offset_ms: int


@dataclass(frozen=True, slots=True)
class NetworkSight:
    """A joined network."""

    network: str
    status: NetworkStatus
    controller: str
    """Its address; empty for an ad-hoc network."""
    own: bool
    """We are its controller."""
    controller_state: State | None
    """How the controller is reached; None if nobody knows it."""
    controller_reason: Reason
    port_error: str = ""
    login_url: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerSight:
    """Another node that is no root."""

    address: str
    state: State
    reason: Reason


@dataclass(frozen=True, slots=True)
class PathSight:
    """A path in use, and what the search for its largest datagram has found."""

    who: str
    """Address of the peer."""
    address: str
    """``ip/port``"""
    mtu: int
    """Bytes of UDP payload."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it."""

    running: bool
    home: str
    inside: bool = True
    """Seen by the running service itself, not from outside of it."""
    probed: bool = True
    """Roots were asked just now; else it is what the service knew anyway."""
    age_ms: int = 3_600_000
    """For how long the service runs."""
    lost_by: int = 0
    """The pid of the service that runs on this home, whose folder was deleted."""
    port_taken: tuple[int, str] | None = None
    """The port that the service needs while it does not run, and who has it."""
    own_address: str = ""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, with why and what to do."""
    has_planet: bool | None = None
    has_moons: bool = False
    is_root: bool = False
    interfaces: tuple[InterfaceSight, ...] = ()
    gateways: tuple[Gateway, ...] | None = None
    """Of the default routes."""
    ports: tuple[int, ...] = ()
    """UDP ports of this run."""
    bound: tuple[str, ...] = ()
    roots: tuple[RootSight, ...] = ()
    nat: NatReport | None = None
    port_mapping: PortMapping | None = None
    tunnel: Tunnel | None = None
    clocks: tuple[ClockSight, ...] = ()
    networks: tuple[NetworkSight, ...] = ()
    peers: tuple[PeerSight, ...] = ()
    paths: tuple[PathSight, ...] = ()
    tracked: tuple[int, int] | None = None
    """Connections that the kernel's firewall tracks, and how many it can."""

    @property
    def usable(self) -> bool:
        """Whether any address of this host can be used."""
        return any(not interface.why_not for interface in self.interfaces)
