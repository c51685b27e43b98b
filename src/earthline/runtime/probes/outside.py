"""What can be seen of a node without its service: the host, its files, the way to the roots."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from earthline.diagnosis.snapshot import RootSight, Snapshot
from earthline.runtime.home.home import Home, StartFault, parse_planet
from earthline.runtime.home.running import instance_on, read_port
from earthline.runtime.host.netlink import Netlink
from earthline.runtime.host.unit import START, home_of_unit
from earthline.runtime.probes.ends import Ends
from earthline.runtime.probes.surroundings import gateways, sight_of, tracked_flows
from earthline.runtime.settings.settings import Settings, SettingsFile
from earthline.runtime.sockets.port_holder import holder_of
from earthline.wire.address import format_address
from earthline.wire.world import Root, World

DEFAULT_PORT = 9993
"""Where a node is asked if nothing else is said (01, 1.5)."""
ROUND_S = 0.4
ROUNDS = 5
"""Questions are repeated in rounds of this length, for 2 s in all."""


async def look_outside(path: Path, *, running: bool, unseen: tuple[str, ...] = ()) -> Snapshot:
    """Look at a home folder and the host; ``running``: a service runs that cannot be asked."""
    home, notes = Home(path), list(unseen)
    settings, planet = _settings(home, notes), _planet(home, notes)
    async with Netlink() as netlink:
        interfaces = await netlink.interfaces()
    ips = {address.ip_text for interface in interfaces for address in interface.addresses}
    ours = () if planet is None else tuple(_own_roots(planet, ips))
    others = [] if planet is None else [root for root in planet.roots if root not in ours]
    roots = await _probe(others, ips)
    found = instance_on(path)
    lost_by = found.pid if found is not None and found.home_is_lost else 0
    return Snapshot(
        running=running,
        lost_by=lost_by,
        port_taken=None if running or found is not None else _port_taken(home, settings),
        home=str(path),
        start_command=START if home_of_unit() == path else "",
        inside=False,
        unseen=tuple(notes),
        has_planet=_held(home, planet, notes),
        has_moons=_has_moons(home),
        is_root=bool(ours),
        own_ips=tuple(sorted(ips)),
        own_endpoints=tuple(str(end) for root in ours for end in root.endpoints),
        interfaces=sight_of(interfaces, settings, ()),
        gateways=gateways(),
        roots=roots,
        tracked=tracked_flows(),
    )


def _port_taken(home: Home, settings: Settings) -> tuple[int, str] | None:
    """The port of the settings, of the last run, or the usual one, if somebody else has it."""
    port = settings.settings.primary_port or read_port(home.path) or DEFAULT_PORT
    holder = holder_of(port)
    return None if holder is None else (port, str(holder))


def _settings(home: Home, notes: list[str]) -> Settings:
    file = SettingsFile(home.settings_file)
    try:
        file.load()
    except StartFault as fault:
        notes.append(f"{fault}.")
    except OSError as error:
        notes.append(f"{home.settings_file} could not be read ({error.strerror}): try as root.")
    return file.parsed


def _planet(home: Home, notes: list[str]) -> World | None:
    try:
        data = home.load_planet()
    except StartFault as fault:
        notes.append(f"{fault}.")
        return None
    except OSError as error:
        notes.append(f"{home.planet_file} could not be read ({error.strerror}): try as root.")
        return None
    return None if data is None else parse_planet(data, str(home.planet_file))


def _held(home: Home, planet: World | None, notes: list[str]) -> bool | None:
    """Whether there is a planet; None if that could not be seen."""
    if planet is not None:
        return True
    return None if any(str(home.planet_file) in line for line in notes) else False


def _has_moons(home: Home) -> bool:
    return any(home.path.glob("moons.d/*.moon"))


def _own_roots(planet: World, ips: Collection[str]) -> Iterator[Root]:
    """What the planet says of a root that is this very host: asking it would be asking ourselves.

    The identity may be hidden from who asks, the addresses of the host are not.
    """
    return (root for root in planet.roots if any(end.ip_text in ips for end in root.endpoints))


async def _probe(roots: Iterable[Root], own: Collection[str]) -> tuple[RootSight, ...]:
    places = {root.identity.address: root.endpoints for root in roots}
    async with Ends(places, 0, ()) as ends:
        for _ in range(ROUNDS if places else 0):
            ends.send()
            await asyncio.sleep(ROUND_S)
            if ends.done:
                break
        return tuple(
            RootSight(
                format_address(address),
                tuple(ends.told(end, own, answered=None) for end in endpoints),
            )
            for address, endpoints in places.items()
        )
