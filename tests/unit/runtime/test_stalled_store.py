"""A database that does not answer holds up nobody who wants nothing of it."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from earthline import effects
from earthline._native import Switch
from earthline.controller.authority import Authority
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore
from earthline.node import Node
from earthline.runtime.base.clock import now_ms
from earthline.runtime.node.authority_thread import AuthorityThread
from earthline.runtime.node.core import Core
from earthline.runtime.node.proving import Proving
from earthline.sim.simulation import throwaway_identities
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.world import Root, World, WorldKind

identities = throwaway_identities()
ROOT, MEMBER = next(identities), next(identities)
NETWORK = ROOT.address << 24 | 1
PLACE, HERE = InetAddress.parse("83.0.0.1/9993"), InetAddress.parse("81.0.0.1/9993")
LONG_S = 60.0


class StalledStore(SqliteStore):
    """One whose reads wait until they may go on."""

    def __init__(self) -> None:
        super().__init__(IN_MEMORY)
        self.reached, self.may_go_on = threading.Event(), threading.Event()
        self.may_go_on.set()

    def read_network(self, network: int) -> str | None:
        self._wait()
        return super().read_network(network)

    def look_up(self, network: int, member: int) -> Any:
        self._wait()
        return super().look_up(network, member)

    def _wait(self) -> None:
        if not self.may_go_on.is_set():
            self.reached.set()
            assert self.may_go_on.wait(LONG_S), "the loop waits for the store"


class Driver:
    """Notes what is sent."""

    def __init__(self, pipe: int) -> None:
        self.sent: list[tuple[int, bytes, int]] = []
        self._pipe = pipe

    def punt_fd(self) -> int:
        return self._pipe

    def take_punts(self, _count: int, _newcomers: int) -> tuple[()]:
        return ()

    def apply(self, _output: Any) -> None:
        pass

    def transmit(self, *datagram: Any) -> bool:
        self.sent.append(datagram[:3])
        return True

    def transmit_whole(self, *datagram: Any) -> bool:
        return self.transmit(*datagram)


def planet() -> bytes:
    root = Root(ROOT.public, (PLACE,))
    world = World(WorldKind.PLANET, 7, 1, ROOT.public.public_key, (root,))
    return world.sign(ROOT.private_key).emit()


def made(identity: SecretIdentity, at: InetAddress) -> tuple[Node, Switch]:
    now = now_ms()
    node = Node(identity, random.Random(identity.address).randbytes, now)
    node.receive(effects.StateLoaded("planet", 0, planet()), now)
    node.receive(effects.SocketsChanged(((0, at),)), now)
    return node, Switch(identity.address, bytes(32))


def hello_of_a_member() -> bytes:
    node, _ = made(MEMBER, HERE)
    node.handle_timeout(now_ms())
    sent = [one for one in node.poll() if isinstance(one, effects.Transmit)]
    return sent[0].datagram


class Controller:
    """A root with a controller, whose parts are those of the service."""

    def __init__(self, pipe: int) -> None:
        self.store = StalledStore()
        self.authority = Authority(ROOT, self.store, os.urandom)
        self.controller = AuthorityThread(self.authority, lambda *_: None)
        self.proving = Proving(ROOT, self._tell)
        self.driver: Any = Driver(pipe)
        node, switch = made(ROOT, PLACE)
        quiet: Callable[[Any], None] = lambda _: None  # noqa: E731
        commands: dict[type, Callable[[Any], None]] = {
            effects.OpenHellos: self.proving.open_hellos,
            effects.ProveIdentity: self._prove,
            effects.RequestConfig: self.controller.ask,
            **dict.fromkeys((effects.Report, effects.Store, effects.ConfigureTap), quiet),
        }
        self.core = Core(node, switch, self.driver, commands)

    def _tell(self, event: effects.Event) -> None:
        self.core.receive(event)

    def _prove(self, command: effects.ProveIdentity) -> None:
        """Identities of tests are not ground; all of them are held to be."""
        self.core.receive(effects.IdentityProved(command.address, command.public_key, True, 1))

    def ingest(self, datagram: bytes) -> None:
        command = effects.IngestDatagram((0, HERE.ip, HERE.port), datagram)
        self.core._commands.append(command)
        self.core._settle()

    def close(self) -> None:
        self.store.may_go_on.set()
        self.controller.close()
        self.proving.close()
        self.store.close()


@pytest.fixture
async def root() -> Any:
    reader, writer = os.pipe()
    root = Controller(reader)
    root.authority.post_network(NETWORK, {}, now_ms())
    root.core.start()
    yield root
    root.core.stop()
    root.close()
    os.close(reader)
    os.close(writer)


def calls(authority: Authority) -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    yield "post", authority.post_member, (NETWORK, 7, {"authorized": True}, now_ms())
    yield "listing", authority.member_listing, (NETWORK,)


@pytest.mark.parametrize("which", ["post", "listing"])
async def test_hello_is_answered_while_the_store_stalls(root: Controller, which: str) -> None:
    _, call, arguments = next(found for found in calls(root.authority) if found[0] == which)
    root.store.may_go_on.clear()
    asked = asyncio.create_task(root.controller.run(call, *arguments))
    async with asyncio.timeout(LONG_S):
        while not root.store.reached.is_set():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.001)
        root.ingest(hello_of_a_member())
        while (0, HERE.ip, HERE.port) not in root.driver.sent:  # noqa: ASYNC110 - of other threads
            await asyncio.sleep(0.001)
    assert not asked.done()
    assert root.core.node.explain(MEMBER.address, now_ms()) is not None
    root.store.may_go_on.set()
    assert await asked is not None
