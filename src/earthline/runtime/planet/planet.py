"""A planet of our own: its definition in the home folder, its revisions; and files from others."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from earthline.controller.authority import Authority
from earthline.controller.objects.coercion import JsonObject
from earthline.effects import TakeWorld
from earthline.node import Node
from earthline.root.earth import earth_definition
from earthline.root.planet import (
    DefinitionFault,
    SigningKey,
    WorldDefinition,
    define_planet,
)
from earthline.runtime.base.clock import now_ms, wall_ms
from earthline.runtime.base.files import PRIVATE, PUBLIC, make_folder, read_if_there, write_atomic
from earthline.runtime.home.home import Home, StartFault, parse_planet
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.world import Root, World


class PlanetRefused(Exception):
    """Why a planet is not made, re-issued or installed: one line with what to do instead."""


def parse_endpoints(texts: Sequence[str]) -> tuple[InetAddress, ...]:
    """Where a root can be reached; `PlanetRefused` naming the one that is no ``ip/port``."""
    endpoints = []
    for text in texts:
        try:
            endpoint = InetAddress.parse(text)
        except ValueError:
            endpoint = InetAddress(b"", 0)
        if not endpoint.port:
            raise PlanetRefused(f"{text!r} is not an endpoint: write it as 192.0.2.1/9993")
        endpoints.append(endpoint)
    if not endpoints:
        raise PlanetRefused("a root needs an endpoint, such as 192.0.2.1/9993")
    return tuple(endpoints)


def make_planet(
    home: Home,
    identity: Identity,
    endpoints: Sequence[InetAddress],
    held: World | None,
    now: int,
) -> World:
    """The first revision of this node's own planet; its definition is stored, secret key and all.

    A definition without a planet is what a crash between the two left: it is used again.
    """
    if held is not None:
        raise PlanetRefused(
            f"this node already holds planet {held.world_id:016x}: `planet reissue` renews "
            "one of its own, a new one needs an empty home folder"
        )
    definition = _load_definition(home)
    root = Root(identity, tuple(endpoints))
    try:
        if definition is None:
            key = SigningKey.generate(secrets.token_bytes)
            definition = define_planet([root], key, identity.address)
        else:
            definition = definition.with_roots([root])
    except DefinitionFault as fault:
        raise PlanetRefused(str(fault)) from None
    _store_definition(home, definition)
    return definition.issue(now)


def reissue_planet(
    home: Home, identity: Identity, endpoints: Sequence[InetAddress], held: World | None, now: int
) -> World:
    """A newer revision of this node's planet, with new endpoints of its own where given."""
    definition = _load_definition(home)
    if definition is None or held is None or held.world_id != definition.world_id:
        raise PlanetRefused("this node holds no planet of its own: `planet make` makes one")
    if endpoints:
        roots = [
            replace(root, endpoints=tuple(endpoints)) if root.identity == identity else root
            for root in definition.roots
        ]
        try:
            definition = definition.with_roots(roots)
        except DefinitionFault as fault:
            raise PlanetRefused(str(fault)) from None
        _store_definition(home, definition)
    return definition.issue(now, held)


def check_installable(planet: World, held: World | None) -> None:
    """Whether a running node may take a planet from a file: its first, or a newer revision."""
    if held is None or planet.may_replace(held):
        return
    if planet.emit() == held.emit():
        return
    if planet.world_id == held.world_id:
        raise PlanetRefused(
            "this node holds a newer revision of that planet, or its key did not sign the file: "
            "get the present file from a root with `earthline planet show --out FILE`"
        )
    raise PlanetRefused(
        f"this node holds planet {held.world_id:016x}: `earthline down` stops the service, and "
        "`earthline planet install FILE --force` replaces the planet then"
    )


def install_offline(home: Path, planet: World, *, force: bool) -> None:
    """Write the planet into a home folder whose service does not run."""
    path = home / "planet"
    stored = read_if_there(path)
    if stored is not None and not force and stored != planet.emit():
        held = parse_planet(stored, str(path))
        if not planet.may_replace(held):
            raise PlanetRefused(f"{path} holds planet {held.world_id:016x}: --force replaces it")
    make_folder(home)
    write_atomic(path, planet.emit(), PUBLIC)


def _load_definition(home: Home) -> WorldDefinition | None:
    data = read_if_there(home.planet_key_file)
    if data is None:
        return None
    try:
        return WorldDefinition.parse(data.decode("utf-8", "replace"), str(home.planet_key_file))
    except DefinitionFault as fault:
        raise PlanetRefused(str(fault)) from None


def _store_definition(home: Home, definition: WorldDefinition) -> None:
    write_atomic(home.planet_key_file, definition.emit().encode(), PRIVATE)


class Planets:
    """What a running service does with planets."""

    def __init__(
        self,
        home: Home,
        identity: Identity,
        node: Node,
        authority: Authority,
        run: Callable[..., Awaitable[Any]],
    ) -> None:
        """``run``: where the authority's methods are called (`AuthorityThread.run`)."""
        self._run = run
        self._home = home
        self._identity = identity
        self._node = node
        self._authority = authority

    async def make(
        self, endpoints: Sequence[InetAddress], earth_range: str, send: Callable[..., None]
    ) -> World:
        """Become root and controller of a planet of our own, and create its Earth (06, 6.1)."""
        try:
            earth = earth_definition(earth_range)
        except ValueError as fault:
            raise PlanetRefused(str(fault)) from None
        now = wall_ms()
        held = self._node.planet
        planet = make_planet(self._home, self._identity, endpoints, held, now)
        if planet.earth is not None:
            await self._create_earth(planet.earth, earth, send)
        return self._take(planet, send)

    async def _create_earth(
        self, network: int, definition: JsonObject, send: Callable[..., None]
    ) -> None:
        """Unless it is there already."""
        if await self._run(self._authority.get_network, network) is None:
            _, commands = await self._run(
                self._authority.post_network, network, definition, now_ms()
            )
            send(*commands)

    def reissue(self, endpoints: Sequence[InetAddress], send: Callable[..., None]) -> World:
        """A newer revision of our own planet; it spreads by itself."""
        held = self._node.planet
        planet = reissue_planet(self._home, self._identity, endpoints, held, wall_ms())
        return self._take(planet, send)

    def install(self, data: bytes, send: Callable[..., None]) -> World:
        """Take a planet from a file of the user."""
        try:
            planet = parse_planet(data, "the file")
        except StartFault as fault:
            raise PlanetRefused(str(fault)) from None
        check_installable(planet, self._node.planet)
        return self._take(planet, send)

    def _take(self, planet: World, send: Callable[..., None]) -> World:
        send(TakeWorld(planet.emit()))
        held = self._node.planet
        if held is None or held.timestamp < planet.timestamp:
            raise PlanetRefused(
                "the node refuses this planet, whose signature does not hold: get the file anew"
            )
        return held
