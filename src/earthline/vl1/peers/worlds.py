"""The planet and the moons we hold, and the rules by which they are replaced (02, 2; 01, 7)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from earthline.effects import Store
from earthline.vl1.ground.local import Local
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.hello import Hello
from earthline.wire.world import Root, World, WorldKind

MAX_UPDATE_BYTES = 9_000
"""Worlds appended to one OK(HELLO), so that it stays within one deliverable packet (01, 4.2)."""


class Role(Enum):
    """What a node is to us (02, 0)."""

    PLANET = "PLANET"
    MOON = "MOON"
    LEAF = "LEAF"


class Worlds:
    """One planet, any number of moons, and the moons asked for together with a seed."""

    def __init__(self, local: Local) -> None:
        self._local = local
        self.planet: World | None = None
        self.moons: dict[int, World] = {}
        self.wanted: dict[int, int] = {}
        """World ID of each wanted moon, and the address of its seed (02, 2.6)."""
        self._roots: dict[int, list[Root]] = {}

    # Acceptance

    def accept(self, world: World, *, from_disk: bool, store: bool = True) -> bool:
        """Take a world if the rules allow it (02, 2.3); it is stored unless it came from there."""
        if not self._acceptable(world, from_disk=from_disk):
            return False
        if world.kind is WorldKind.PLANET:
            self.planet = world
        else:
            self.moons[world.world_id] = world
            self.wanted.pop(world.world_id, None)
        self._list_roots()
        if store:
            self._store(world, world.emit())
        return True

    def _acceptable(self, world: World, *, from_disk: bool) -> bool:
        current = self._held(world)
        if current is not None and current.world_id != 0:
            return world.may_replace(current)
        if from_disk:
            return True
        if world.kind is WorldKind.PLANET:
            # Only the user says which planet is ours. Stock takes the first one from any upstream
            # (02, 2.3): a node without one would get that of whoever runs the moon it orbits.
            return False
        # A moon from the network is trusted the first time only for the sake of its seed.
        seed = self.wanted.get(world.world_id)
        return seed is not None and any(root.identity.address == seed for root in world.roots)

    def _held(self, world: World) -> World | None:
        if world.kind is WorldKind.PLANET:
            return self.planet
        return self.moons.get(world.world_id)

    def _store(self, world: World, data: bytes | None) -> None:
        if world.kind is WorldKind.PLANET:
            self._local.emit(Store("planet", 0, data))
        else:
            self._local.emit(Store("moon", world.world_id, data))

    def orbit(self, world_id: int, seed: int) -> None:
        """Want a moon, to be got from its seed; nothing happens if it is held, or without seed."""
        if seed and world_id not in self.moons:
            self.wanted[world_id] = seed

    def deorbit(self, world_id: int) -> bool:
        """Forget a moon, held or wanted; whether the roots may have changed (02, 2.6)."""
        self.wanted.pop(world_id, None)
        moon = self.moons.pop(world_id, None)
        if moon is None:
            return False
        self._list_roots()
        self._store(moon, None)
        return True

    # Roots

    def _list_roots(self) -> None:
        self._roots = {}
        for world in self._all():
            for root in world.roots:
                self._roots.setdefault(root.identity.address, []).append(root)

    def _all(self) -> Iterable[World]:
        if self.planet is not None:
            yield self.planet
        for world_id in sorted(self.moons):
            yield self.moons[world_id]

    def roots(self) -> list[Identity]:
        """The first listed identity of every root but ourselves, by address."""
        first = (self._roots[address][0].identity for address in sorted(self._roots))
        return [identity for identity in first if identity != self._local.identity.public]

    def lists(self, identity: Identity) -> bool:
        """Whether a world names this very identity as a root."""
        return any(root.identity == identity for root in self._roots.get(identity.address, ()))

    @property
    def acting_as_upstream(self) -> bool:
        """Whether our own identity, address and key, is a root of a held world (02, 2.5)."""
        return self.lists(self._local.identity.public)

    def endpoints(self, address: int) -> tuple[InetAddress, ...]:
        """Stable endpoints of a root over all worlds, each once; empty for other nodes."""
        roots = self._roots.get(address, ())
        return tuple(dict.fromkeys(end for root in roots for end in root.endpoints))

    def pinned(self, address: int, ip: bytes) -> bool:
        """Whether an IP may be a path to the node as far as worlds say (02, 2.10)."""
        roots = self._roots.get(address)
        if not roots or any(not root.endpoints for root in roots):
            return True
        return any(end.ip == ip for root in roots for end in root.endpoints)

    def role(self, address: int) -> Role:
        """PLANET beats MOON; everybody else is a LEAF."""
        if self.planet and any(r.identity.address == address for r in self.planet.roots):
            return Role.PLANET
        return Role.MOON if address in self._roots else Role.LEAF

    def seeds(self) -> set[int]:
        """Addresses of the seeds of wanted moons."""
        return set(self.wanted.values())

    # Spreading (02, 2.7)

    def listed_moons(self) -> tuple[tuple[int, int], ...]:
        """(world ID, timestamp) for our HELLO: held moons, then wanted ones with timestamp 0."""
        held = [(world_id, moon.timestamp) for world_id, moon in sorted(self.moons.items())]
        return (*held, *((world_id, 0) for world_id in sorted(self.wanted)))

    def updates_for(self, hello: Hello) -> bytes:
        """Our newer versions of the worlds a HELLO lists, serialized back to back."""
        updates = bytearray()
        for world in self._newer_than(hello):
            data = world.emit()
            if len(updates) + len(data) <= MAX_UPDATE_BYTES:
                updates += data
        return bytes(updates)

    def _newer_than(self, hello: Hello) -> Iterable[World]:
        if self.planet is not None and _outdated(self.planet, hello):
            yield self.planet
        for world_id, timestamp in dict(hello.moons).items():
            moon = self.moons.get(world_id)
            if moon is not None and moon.timestamp > timestamp:
                yield moon


def _outdated(planet: World, hello: Hello) -> bool:
    """Whether the sender of a HELLO holds an older revision of the planet; ID 0 names none."""
    same = hello.planet_id != 0 and hello.planet_id == planet.world_id
    return same and hello.planet_timestamp < planet.timestamp
