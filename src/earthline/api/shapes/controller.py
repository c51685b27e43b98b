"""Networks and members of a controller (04, 4, 5 and 7).

What is stored goes as it is stored: a field that a person or another release put in is kept, and
may have a type that nobody foresaw. What is listed here is always there.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from earthline.api.shapes.describe import shape

JsonObject = dict[str, Any]


@shape
class ControllerStatus(TypedDict):
    """That this node is a controller."""

    controller: bool
    apiVersion: int
    clock: int
    """Unix time in ms."""
    databaseReady: bool


@shape
class Network(TypedDict):
    """A network of the controller."""

    id: str
    nwid: str
    objtype: Literal["network"]
    authTokens: Any
    authorizationEndpoint: Any
    capabilities: list[JsonObject]
    clientId: Any
    creationTime: int
    """Unix time in ms."""
    dns: Any
    """`{"domain": ..., "servers": [...]}`; an empty array: none."""
    enableBroadcast: bool
    ipAssignmentPools: list[JsonObject]
    """Each `{"ipRangeStart": ..., "ipRangeEnd": ...}`."""
    mtu: int
    multicastLimit: int
    name: str
    private: bool
    remoteTraceLevel: int
    remoteTraceTarget: str | None
    revision: int
    routes: list[JsonObject]
    """Each `{"target": ..., "via": ...}`."""
    rules: list[JsonObject]
    rulesSource: Any
    ssoEnabled: Any
    tags: list[JsonObject]
    v4AssignMode: JsonObject
    """`{"zt": true}`: addresses are given out of the pools."""
    v6AssignMode: JsonObject
    """`6plane`, `rfc4193` and `zt`, each true or false."""


@shape
class NetworkChange(TypedDict, total=False):
    """Fields of a network that may be posted; each that is there replaces the whole field."""

    authTokens: JsonObject
    capabilities: list[JsonObject]
    dns: JsonObject
    enableBroadcast: bool
    ipAssignmentPools: list[JsonObject]
    mtu: int
    multicastLimit: int
    name: str
    private: bool
    remoteTraceLevel: int
    remoteTraceTarget: str
    routes: list[JsonObject]
    rules: list[JsonObject]
    tags: list[JsonObject]
    v4AssignMode: JsonObject | str
    v6AssignMode: JsonObject | str


@shape
class Member(TypedDict):
    """A member of a network, as it is stored."""

    id: str
    address: str
    nwid: str
    objtype: Literal["member"]
    activeBridge: bool
    authenticationExpiryTime: int
    authorized: bool
    capabilities: list[int]
    creationTime: int
    """Unix time in ms."""
    identity: NotRequired[str]
    """Once it has asked."""
    ipAssignments: list[str]
    lastAuthorizedCredential: str | None
    lastAuthorizedCredentialType: str | None
    lastAuthorizedTime: int
    lastDeauthorizedTime: int
    name: NotRequired[str]
    noAutoAssignIps: bool
    remoteTraceLevel: int
    remoteTraceTarget: str | None
    revision: int
    ssoExempt: Any
    tags: list[list[int]]
    """Pairs of ID and value."""
    vMajor: int
    """-1: not known, as of the other three."""
    vMinor: int
    vProto: int
    vRev: int


@shape
class MemberChange(TypedDict, total=False):
    """Fields of a member that may be posted."""

    activeBridge: bool
    authenticationExpiryTime: int
    authorized: bool
    capabilities: list[int]
    ipAssignments: list[str]
    name: str
    noAutoAssignIps: bool
    remoteTraceLevel: int
    remoteTraceTarget: str
    tags: list[list[int]]


@shape
class MemberExtension(TypedDict):
    """What a stock controller does not tell of a member."""

    online: bool
    """It asked within the last 120 s."""
    lastSeen: int | None
    """Its last request, Unix time in ms; null: none since the start."""
    physicalAddress: str | None
    """Where that came from, as ip/port; null: by way of a root."""
    version: str | None
    notes: list[str]


@shape
class SeenMember(Member):
    """A member as it is stored, and what else is known of it."""

    earthline: MemberExtension


@shape
class NetworkCounts(TypedDict):
    """How many members a network has."""

    authorizedMemberCount: int
    totalMemberCount: int


@shape
class CountedNetwork(Network):
    """A network and how many members it has."""

    meta: NetworkCounts


@shape
class NetworkCount(TypedDict):
    """How many networks there are."""

    networkCount: int


@shape
class NetworkListing(TypedDict):
    """All networks."""

    data: list[CountedNetwork]
    meta: NetworkCount


@shape
class MemberCounts(TypedDict):
    """How many members there are."""

    authorizedCount: int
    totalCount: int


@shape
class MemberListing(TypedDict):
    """All members of a network."""

    data: list[Member]
    meta: MemberCounts


@shape
class SeenMemberListing(TypedDict):
    """All members of a network, and what else is known of them."""

    data: list[SeenMember]
    meta: MemberCounts


@shape
class Rules(TypedDict):
    """The rules of a network, and the script that they were made from."""

    source: str
    sourceInForce: bool
    """The tables are what the script says."""
    rules: list[JsonObject]
    capabilities: list[JsonObject]
    tags: list[JsonObject]


@shape
class RuleScript(TypedDict):
    """A script to be compiled."""

    source: str
