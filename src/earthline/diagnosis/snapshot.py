"""What was seen of a node and its surroundings at one moment: plain values, no judgement.

None stands for what could not be seen; `Snapshot.unseen` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from earthline.vl1.reasons import Reason, State
from earthline.vl1.surface.nat import NatReport
from earthline.vl2.ground.network import NetworkStatus


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
    elsewhere: bool = False
    """Another UDP port of the host told us that it is closed: UDP passes, there and back."""
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

    @property
    def shut_out(self) -> bool:
        """Something of it comes in by the interface, and the service gets none of it."""
        return not self.answers and any(end.came and not end.heard for end in self.endpoints)


@dataclass(frozen=True, slots=True)
class InterfaceSight:
    """A network interface. ``used``: addresses with a socket; ``unused``: others, each with why."""

    name: str
    used: tuple[str, ...]
    unused: tuple[str, ...] = ()
    why_not: str = ""
    """Why none of its addresses can be used; empty if one may."""
    subnets: tuple[str, ...] = ()
    """What is on its wire, as ``ip/bits``; of our virtual devices nothing is told here."""


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
class Relay:
    """The TCP relay that this node is to be for others."""

    listen: tuple[str, ...]
    """``ip/port`` of each place; empty where it is none."""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Stacked:
    """A device that sends through one of our virtual ones: a tunnel, a VLAN, a bridge."""

    name: str
    below: str
    """Our device."""
    network: str
    used: bool
    """The service has a socket there."""


@dataclass(frozen=True, slots=True)
class ExitSight:
    """The gateway that the default route leads to, as far as the network knows it."""

    gateway: str
    answers: bool | None
    """Whether its hardware address could be resolved; None if nobody has asked."""
    member: str = ""
    """The member that has it; empty while unknown."""
    state: State | None = None
    """How that one is reached."""


@dataclass(frozen=True, slots=True)
class ArpDrop:
    """Rules that let no ARP pass, so that no IPv4 host is found."""

    rule: int
    """The number of the rule that drops it, from 1; 0: none lets it pass."""
    text: str
    """That rule."""
    frames: int
    """Frames that rules dropped on this node, of any kind and network."""


@dataclass(frozen=True, slots=True)
class RuleDrop:
    """Frames that were dropped in one way, by the rules that a network has now."""

    by: str
    """``rule`` (a base rule), ``capability``, ``no_rule`` (none accepts them) or ``wraps`` (more
    headers around them than are looked through)."""
    rule: int
    """The number of the base rule, from 1; 0: it was none."""
    text: str
    """That rule as in a script: its action first."""
    sent: int
    """Frames of this node."""
    received: int
    """Frames of other members."""

    @property
    def frames(self) -> int:
        return self.sent + self.received


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
    controller_is_root: bool = False
    device: str = ""
    """The interface; empty while there is none."""
    wanted: tuple[str, ...] = ()
    """Addresses that the controller gives and the user allows, ``ip/bits``."""
    refused: tuple[str, ...] = ()
    """Addresses that the user does not allow."""
    present: tuple[str, ...] = ()
    """What the device, or its bridge, has."""
    without_ipv6: bool = False
    """IPv6 is switched off on the device."""
    routes: tuple[str, ...] = ()
    """Targets of its routes that are not the default one, ``ip/bits``."""
    exits: tuple[ExitSight, ...] = ()
    """Where its default route leads to, while that is in use."""
    on_link_exit: bool = False
    """Its default route names no gateway, so everything is looked for on the network itself."""
    held: str = ""
    """Why a reverse path filter keeps its default route from being used; empty if none does."""
    arp: ArpDrop | None = None
    rule_drops: tuple[RuleDrop, ...] = ()
    """What its rules dropped here, most first."""
    bridge: bool = False
    """The device belongs to a bridge of this host."""


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
class TwinSight:
    """Another host with this node's identity: it sent a packet sealed with the key of both."""

    places: tuple[str, ...]
    """Where it is: ``ip/port``."""
    heard_by: str
    """Where the packet came from."""
    direct: bool
    """From the other itself; else by way of a root, which takes this host for both."""
    ago_ms: int


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
    start_command: str = ""
    """What starts the service of this home, if the user has not to start it by hand."""
    own_address: str = ""
    own_ips: tuple[str, ...] = ()
    """Every address of this host, but those of virtual networks."""
    own_endpoints: tuple[str, ...] = ()
    """Where the planet says that this node is, if it is a root: ``ip/port``."""
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
    relay: Relay | None = None
    no_devices: str = ""
    """Why the service can make no device, in a few words."""
    stacked: tuple[Stacked, ...] = ()
    resent: tuple[str, ...] = ()
    """Tunnels in use by the service that send what they carry anew, without its mark."""
    strict: tuple[str, ...] = ()
    """Interfaces that drop what comes in where the route back leads elsewhere (rp_filter=1)."""
    twin: TwinSight | None = None
    """Another host with this node's identity."""
    astray: tuple[str, ...] = ()
    """Roots that answer, by which nothing to this node's own address comes back: ``ip/port``."""
    here: tuple[str, ...] = ()
    """Where this node is, as others see it and as it sees itself: ``ip/port``."""
    strangers: int = 0
    """Packets that came in under this node's own address, and that it did not send."""
    tracked: tuple[int, int] | None = None
    """Connections that the kernel's firewall tracks, and how many it can."""

    @property
    def usable(self) -> bool:
        """Whether any address of this host can be used."""
        return any(not interface.why_not for interface in self.interfaces)

    @property
    def default_over(self) -> tuple[str, ...]:
        """The networks that the default route leads over."""
        return tuple(n.network for n in self.networks if n.exits or n.on_link_exit)
