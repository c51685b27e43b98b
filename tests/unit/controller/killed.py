"""A controller and its database, killed by SIGKILL at random moments under load.

    python tests/unit/controller/killed.py [--times 50] [--seed 1] [--stores sqlite postgresql]

A child makes networks, changes them, and has strangers ask for admission and addresses, several at
a time: they share transactions. Each change goes into a pipe once the controller has acknowledged
it: a post by returning, a request by its configuration. Someone is killed, the store is opened
again as it lies there, and must hold everything that came out of the pipe, in this round or an
earlier one, and no address twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller_lab import CONTROLLER, secret_identity
from database_server import DatabaseServer, database_server

from earthline.controller.authority import Authority
from earthline.controller.issue.request import Command
from earthline.controller.objects.coercion import JsonObject
from earthline.controller.store import StoreFault
from earthline.controller.store.places import open_store
from earthline.effects import RequestConfig, SendConfig
from earthline.runtime.node.authority_thread import AuthorityThread
from earthline.wire.metadata import RequestMetadata
from earthline.wire.network_config import NetworkConfig

MAX_CHANGES = 40
"""Acknowledged in a round before the killing, at most."""
AT_ONCE = 4
"""Changes on their way."""
MAX_DELAY_S = 0.02
"""From the last of these to the killing: two changes or so."""
# A small pool: the first choices of many members are the same.
_SETTINGS = {
    "private": False,
    "v4AssignMode": {"zt": True},
    "routes": [{"target": "10.7.0.0/23"}],
    "ipAssignmentPools": [{"ipRangeStart": "10.7.0.1", "ipRangeEnd": "10.7.1.254"}],
}
_METADATA = RequestMetadata(1, 14, 1, "linux/x86_64").emit()

Key = tuple[str, ...]
"""A network's ID, or a network's ID and a member's address."""


# --- the child ------------------------------------------------------------------------------------


class Load:
    """What the child does until it is killed."""

    def __init__(self, place: str, seed: int) -> None:
        self._random = random.Random(seed)
        store = open_store(place)
        self._authority = Authority(secret_identity(CONTROLLER), store, self._random.randbytes)
        self._answered: dict[int, asyncio.Future[Command]] = {}
        """By member."""

    async def run(self) -> None:
        self._thread = AuthorityThread(self._authority, self._carry_out)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._go_on())

    def _carry_out(self, *commands: Command) -> None:
        for command in commands:
            answered = self._answered.get(command.member)
            if answered is not None and not answered.done():
                answered.set_result(command)

    async def _go_on(self) -> None:
        while True:
            try:
                await self._change()
            except StoreFault:  # its server is down: nothing is acknowledged, and we go on trying
                await asyncio.sleep(0.01)

    async def _change(self) -> None:
        call, authority = self._thread.run, self._authority
        networks = await call(authority.list_networks)
        draw = self._random.random()
        if not networks or draw < 0.05:
            posted, _ = await call(authority.post_network, None, _SETTINGS, _now())
            _acknowledge(posted)
            return
        network = self._random.choice(networks)
        if draw < 0.2:
            body = {"name": f"{self._random.random()}"}
            posted, _ = await call(authority.post_network, network, body, _now())
            _acknowledge(posted)
        else:
            await self._admit(network)

    async def _admit(self, network: int) -> None:
        asker = secret_identity(self._random.randrange(1, 0xFF_0000_0000)).public
        answered = self._answered[asker.address] = asyncio.get_running_loop().create_future()
        self._thread.ask(RequestConfig(network, asker.address, asker.emit(), 1, _METADATA, None))
        command = await answered
        del self._answered[asker.address]
        if isinstance(command, SendConfig):
            _acknowledge(_as_told(command))


def _as_told(command: SendConfig) -> JsonObject:
    """What a new member knows of its record by its configuration."""
    config = NetworkConfig.parse(command.dictionary)
    return {
        "objtype": "member",
        "nwid": f"{command.network:016x}",
        "address": f"{command.member:010x}",
        "revision": 1,
        "authorized": True,
        "ipAssignments": [ip.ip_text for ip in config.static_ips],
    }


def _acknowledge(found: JsonObject | None) -> None:
    os.write(1, json.dumps(found).encode() + b"\n")


def _now() -> int:
    return time.time_ns() // 1_000_000


# --- the parent -----------------------------------------------------------------------------------


class Lost(Exception):
    """An acknowledged change is not there, or an address was given twice."""


@dataclass(slots=True)
class Ordeal:
    """Rounds over one store, and all that was ever acknowledged."""

    place: str
    random: random.Random
    server: DatabaseServer | None = None
    acknowledged: dict[Key, JsonObject] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)

    def round(self) -> None:
        """Raises `Lost`."""
        with self._child() as next_change:
            for _ in range(self.random.randint(1, MAX_CHANGES)):
                next_change()
            time.sleep(self.random.random() * MAX_DELAY_S)
            if self.server is not None and self.random.random() < 0.5:
                self.server.kill()
                self.killed["database"] += 1
                self.server.start()
                self._outlive(next_change)
            else:
                self.killed["controller"] += 1
        self._check()

    def _outlive(self, next_change: Callable[[], None]) -> None:
        """The controller goes on by itself: more than what was in the pipe by then."""
        for _ in range(MAX_CHANGES):
            next_change()

    @contextmanager
    def _child(self) -> Iterator[Callable[[], None]]:
        """A child under load, killed in the end; to be called for the next change."""
        argv = [sys.executable, __file__, "--child", self.place, str(self.random.getrandbits(32))]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parent) as child:
            assert child.stdout is not None
            pipe = child.stdout

            def next_change() -> None:
                line = pipe.readline()
                if not line:
                    raise Lost("the controller ended by itself")
                self._note(json.loads(line))

            try:
                yield next_change
            finally:
                child.kill()
                for line in pipe:
                    if line.endswith(b"\n"):
                        self._note(json.loads(line))

    def _note(self, found: JsonObject) -> None:
        self.acknowledged[_key(found)] = found

    def _check(self) -> None:
        store = open_store(self.place)
        authority = Authority(secret_identity(CONTROLLER), store, os.urandom)
        try:
            for network in authority.list_networks():
                listing = authority.member_listing(network) or {"data": []}
                check_addresses(network, listing["data"])
            for key, noted in self.acknowledged.items():
                check_kept(key, noted, _stored(authority, key))
        finally:
            store.close()


def _stored(authority: Authority, key: Key) -> JsonObject | None:
    network, *address = (int(part, 16) for part in key)
    return authority.get_member(network, *address) if address else authority.get_network(network)


def check_kept(key: Key, noted: JsonObject, stored: JsonObject | None) -> None:
    """As it was acknowledged, or one change further: that one was never acknowledged."""
    if stored is None:
        raise Lost(f"{key} is gone")
    ahead = stored["revision"] - noted["revision"]
    if ahead not in (0, 1) or (ahead == 0 and stored | noted != stored):
        raise Lost(f"{key} was {noted}, is {stored}")
    if stored.get("ipAssignments") != noted.get("ipAssignments"):
        raise Lost(f"{key} had {noted['ipAssignments']}, has {stored['ipAssignments']}")


def check_addresses(network: int, members: list[Any]) -> None:
    held = Counter(ip for member in members for ip in member["ipAssignments"])
    if twice := [ip for ip, count in held.items() if count > 1]:
        raise Lost(f"{network:016x} gave {twice} twice")


def _key(found: JsonObject) -> Key:
    own = (found["nwid"],)
    return (*own, found["address"]) if found["objtype"] == "member" else own


@contextmanager
def an_ordeal(store: str, seed: int) -> Iterator[Ordeal]:
    """Over an empty store of a kind."""
    if store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Ordeal(folder, random.Random(seed))
    else:
        with database_server() as server:
            yield Ordeal(server.url, random.Random(seed), server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50, help="rounds for each store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--child", nargs=2, metavar=("PLACE", "SEED"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        asyncio.run(Load(chosen.child[0], int(chosen.child[1])).run())
    for store in chosen.stores:
        with an_ordeal(store, chosen.seed) as ordeal:
            for _ in range(chosen.times):
                ordeal.round()
            kills = ", ".join(f"{who} {count} times" for who, count in ordeal.killed.items())
            count = len(ordeal.acknowledged)
            print(f"{store}: killed {kills}; {count} objects acknowledged, none lost")


if __name__ == "__main__":
    main()
