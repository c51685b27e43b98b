"""What stock services do not have: planets, bridges, the doctor."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from earthline.api.shapes.describe import shape


@shape
class PlanetRoot(TypedDict):
    """A root of a planet."""

    address: str
    identity: str
    stableEndpoints: list[str]
    """Each as ip/port."""


@shape
class Planet(TypedDict):
    """A planet."""

    worldId: str
    timestamp: int
    earth: str | None
    """The network that each of its nodes joins by itself."""
    roots: list[PlanetRoot]
    data: str
    """The signed file in base 64."""


@shape
class PlanetWish(TypedDict):
    """A planet that is to be made."""

    endpoints: list[str]
    """Where its root is reached, each as ip/port."""
    earth: NotRequired[str]
    """The range of its Earth's addresses, as 28.0.0.0/7."""


@shape
class PlanetEndpoints(TypedDict, total=False):
    """Where the root of a planet is reached from now on."""

    endpoints: list[str]


@shape
class PlanetFile(TypedDict):
    """A planet of somebody."""

    data: str
    """The signed file in base 64."""


@shape
class Bridge(TypedDict):
    """A network that is bridged with an interface of the host."""

    activeBridge: bool
    """Its controller lets this node bridge."""
    addresses: list[str]
    bridge: str
    created: bool
    """The bridge was made for it."""
    device: str
    interface: str
    network: str
    rollbackAt: int
    """When it is undone, Unix time in ms; 0: it is confirmed."""


@shape
class Finding(TypedDict):
    """One thing that was found out."""

    id: str
    """For scripts: it stays as it is when the sentences change."""
    severity: Literal["ok", "note", "warning", "fault"]
    seen: str
    do: str
    """Empty: nothing is to do."""
    subjects: list[str]
    """What it is about: addresses, network IDs, interfaces."""
    evidence: list[str]


@shape
class Diagnosis(TypedDict):
    """What is the matter with a node."""

    running: bool
    cause: str
    """The ID of the finding to look at first; `all_well`."""
    line: str
    """The same in a sentence; empty: all is well."""
    findings: list[Finding]
    """The worst first."""
