"""Networks that the node has joined, and its moons (05, 7.7 and 7.10)."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from earthline.api.shapes.describe import shape


@shape
class Dns(TypedDict):
    """Who is asked for names of the network."""

    domain: str
    servers: list[str]


@shape
class Subscription(TypedDict):
    """A multicast group that this host listens to."""

    adi: int
    """The IPv4 address that an ARP request asks for; 0 of any other group."""
    mac: str


@shape
class NetworkRoute(TypedDict):
    """A route that the controller gave."""

    flags: int
    metric: int
    target: str
    via: str | None


@shape
class RuleDrop(TypedDict):
    """Frames that were dropped in one way, by the rules that a network has now."""

    by: str
    """`rule` (a base rule), `capability`, `no_rule` (none accepts them) or `wraps` (more headers
    around them than are looked through)."""
    rule: int
    """The number of the base rule, from 1; 0: it was none."""
    text: str
    """That rule as in a script: its action first."""
    sent: int
    """Frames of this node."""
    received: int
    """Frames of other members."""


@shape
class NetworkExtension(TypedDict):
    """What became of a network on this host."""

    bridge: str | None
    """The bridge that the network is part of, with an interface of the host."""
    namesSet: bool
    notes: list[str]
    ruleDrops: list[RuleDrop]
    """Most first."""


@shape
class JoinedNetwork(TypedDict):
    """A joined network: what its controller gave, and what became of it here."""

    allowDNS: bool
    allowDefault: bool
    allowGlobal: bool
    allowManaged: bool
    assignedAddresses: list[str]
    bridge: bool
    broadcastEnabled: bool
    dhcp: bool
    dns: Dns
    id: str
    mac: str
    mtu: int
    multicastSubscriptions: list[Subscription]
    name: str
    netconfRevision: int
    nwid: str
    portDeviceName: str
    portError: int
    """-1: the device could not be made."""
    routes: list[NetworkRoute]
    status: str
    type: Literal["PRIVATE", "PUBLIC"]
    earthline: NetworkExtension
    authenticationExpiryTime: NotRequired[int]
    """Of networks with a login only; Unix time in ms."""
    authenticationURL: NotRequired[str]
    ssoEnabled: NotRequired[bool]


@shape
class Permissions(TypedDict, total=False):
    """What the controller of a network may do on this host; what is left out stays."""

    allowManaged: bool
    """Addresses and routes."""
    allowGlobal: bool
    """Those of the internet, too."""
    allowDefault: bool
    """The default route."""
    allowDNS: bool
    """Who is asked for names."""


@shape
class Done(TypedDict, total=False):
    """Whether there was something to be done."""

    result: bool


@shape
class MoonRoot(TypedDict):
    """A root of a moon."""

    identity: str
    stableEndpoints: list[str]


@shape
class Moon(TypedDict):
    """A moon that is held, or was asked for and has not come yet."""

    id: str
    roots: list[MoonRoot]
    signature: str | None
    """In hex; null while it waits."""
    timestamp: int
    updatesMustBeSignedBy: str | None
    waiting: bool


@shape
class Seed(TypedDict, total=False):
    """Who has the moon."""

    seed: str
    """The address of one of its roots."""
