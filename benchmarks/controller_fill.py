"""Networks and members put where a controller keeps them, before it starts.

All members are settled: admitted, with an address, seen with the versions they will tell again. So
a request is what nearly all are, a member's refresh once a minute, after which nothing is saved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, create_engine, text
from sqlalchemy.engine import make_url

from earthline.controller.objects import member_object, network_object
from earthline.controller.objects.coercion import JsonObject, render
from earthline.controller.store.places import FILE, open_store
from earthline.controller.store.postgresql import is_postgresql
from earthline.controller.store.schema import ASSIGNMENT, MEMBER, NETWORK
from earthline.wire.address import format_address, format_network
from earthline.wire.identity import Identity
from earthline.wire.metadata import RequestMetadata
from earthline.wire.packet import PROTOCOL_VERSION

METADATA = RequestMetadata(1, 14, 1, "linux/x86_64")
"""What every member says about itself."""

_RANGE = "10.0.0.0/8"
_FIRST_IP = 0x0A00_0001
_SILENT = 0x20_0000_0000
"""Addresses of members that never ask count up from here."""
_ROWS_AT_ONCE = 2_000
_SETTINGS = {
    "private": True,
    "revision": 1,
    "routes": [{"target": _RANGE, "via": None}],
    "ipAssignmentPools": [{"ipRangeEnd": "10.255.255.254", "ipRangeStart": "10.0.0.1"}],
    "v4AssignMode": {"zt": True},
}


@dataclass(frozen=True, slots=True)
class Population:
    """So many networks with so many members each."""

    controller: int
    askers: Sequence[Identity]
    """Who asks: in each network as many of them as it has room for, and they take turns."""
    networks: int
    members: int

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Network, and the number of an asker that is a member of it."""
        return [(network, n) for network in self.network_ids for n in self._asking(network)]

    @property
    def network_ids(self) -> list[int]:
        return [self.controller << 24 | number + 1 for number in range(self.networks)]

    def network_objects(self) -> Iterator[tuple[int, JsonObject]]:
        for network in self.network_ids:
            yield network, network_object.complete(_SETTINGS, network, _now())

    def member_objects(self) -> Iterator[tuple[int, int, int, JsonObject]]:
        """Network, address, IP, object."""
        for network in self.network_ids:
            asking = self._asking(network)
            for number in range(self.members):
                # Those that never ask have somebody's keys: nobody looks at them.
                identity = self.askers[number % len(self.askers)]
                address = _SILENT + number
                if number < len(asking):
                    identity = self.askers[asking[number]]
                    address = identity.address
                ip = _FIRST_IP + number
                yield network, address, ip, _member(network, address, identity.public_key, ip)

    def _asking(self, network: int) -> list[int]:
        count = len(self.askers)
        first = (network & 0xFFFFFF) - 1
        return [(first + n) % count for n in range(min(self.members, count))]


def fill_database(place: str, population: Population) -> None:
    """The tables of an empty store, by a folder or PostgreSQL URL as in the settings."""
    open_store(place).close()
    engine = _engine(place)
    _insert(engine, NETWORK, ({"id": n, "object": o} for n, o in _texts(population)))
    _insert(engine, MEMBER, _member_rows(population))
    _insert(engine, ASSIGNMENT, _assignment_rows(population))
    if is_postgresql(place):
        with engine.begin() as connection:  # as its server does by itself before long
            connection.execute(text("ANALYZE"))
    engine.dispose()


def fill_folder(folder: Path, population: Population) -> None:
    """The files of a stock controller (04, 2.1)."""
    networks = folder / "network"
    networks.mkdir(parents=True)
    for name, network in _texts(population):
        (networks / f"{name}.json").write_text(network)
        (networks / name / "member").mkdir(parents=True)
    for network_id, address, _, member in population.member_objects():
        members = networks / format_network(network_id) / "member"
        (members / f"{format_address(address)}.json").write_text(render(member))


def _texts(population: Population) -> Iterator[tuple[str, str]]:
    for network, found in population.network_objects():
        yield format_network(network), render(found)


def _member_rows(population: Population) -> Iterator[dict[str, Any]]:
    for network, address, _, member in population.member_objects():
        yield {
            "network": format_network(network),
            "address": address,
            "object": render(member),
            "revision": 1,
            "authorised": True,
            "active_bridge": False,
        }


def _assignment_rows(population: Population) -> Iterator[dict[str, Any]]:
    for network, address, ip, _ in population.member_objects():
        yield {
            "network": format_network(network),
            "ip": ip.to_bytes(4, "big"),
            "address": address,
            "picked": True,
        }


def _engine(place: str) -> Engine:
    if is_postgresql(place):
        return create_engine(make_url(place).set(drivername="postgresql+psycopg"))
    return create_engine(f"sqlite:///{Path(place) / FILE}")


def _insert(engine: Engine, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            connection.execute(table.insert(), batch)


def _member(network: int, address: int, public_key: bytes, ip: int) -> JsonObject:
    settled = {
        "identity": str(Identity(address, public_key)),
        "authorized": True,
        "lastAuthorizedCredentialType": "api",
        "lastAuthorizedTime": _now(),
        "ipAssignments": [".".join(map(str, ip.to_bytes(4, "big")))],
        "revision": 1,
        "vMajor": METADATA.major,
        "vMinor": METADATA.minor,
        "vRev": METADATA.revision,
        "vProto": PROTOCOL_VERSION,
    }
    return member_object.complete(settled, network, address, _now())


def _now() -> int:
    return time.time_ns() // 1_000_000
