"""A simulated computer: the real `Node` and `Switch`, with virtual sockets, TAPs and disk."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from earthline import effects
from earthline._native import Output, PuntQueue, Switch
from earthline.controller.authority import Authority
from earthline.controller.store.sqlite import SqliteStore
from earthline.node import Node
from earthline.sim.clock import Clock, Timer
from earthline.sim.internet import Internet, Segment
from earthline.sim.link import Link
from earthline.sim.nat import Endpoint
from earthline.sim.nic import Nic
from earthline.vl1.ground.work import open_hellos, prove
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.multicast import MulticastGroup, group_of_ip

DEFAULT_PORT = 9993
ALL_SOCKETS = -1
EPHEMERAL_PORTS = (32_768, 61_000)
ACTIVITY_MS = 500
"""The node hears of the switch's activity at least this often, as in the service."""
ROUND = 64
"""More than the queue gives in a round."""
AGREEMENT_US = 50
PROOF_US = 10_000
"""What the host says that an agreement, and a slow hash, cost it."""
ALL_HOSTS_GROUP = MulticastGroup(0x01005E000001, 0)


@lru_cache(maxsize=65_536)
def slow_hash_holds(command: effects.ProveIdentity) -> bool:
    """Computed once for all hosts: virtual time has no use for the wait."""
    return prove(command)


class SimHost:
    """One node. `crash` and `start` take it down and up; what it stored stays."""

    def __init__(
        self,
        name: str,
        identity: SecretIdentity,
        *,
        ip: bytes,
        segment: Segment,
        internet: Internet,
        seed: int,
        link: Link,
    ) -> None:
        self.name = name
        self.identity = identity
        self.ip = ip
        self.segment = segment
        self.link = link
        self.nics: dict[int, Nic] = {}
        self.reports: list[effects.Report] = []
        self.echoes: list[effects.EchoAnswered] = []
        """Answers to ECHOs that it was told to send."""
        self.disk: dict[tuple[str, int], bytes] = {}
        self.authority: Authority | None = None
        self._clock_error_ms = 0
        self._controller_store: SqliteStore | None = None
        self._internet = internet
        self._clock: Clock = internet.clock
        self._entropy = random.Random(f"{seed}/{name}")
        self._sockets: dict[int, int] = {1: DEFAULT_PORT}
        self._extra: dict[int, int] = {}
        """Number → port of the sockets beside the ordinary ones."""
        self._by_port: dict[int, int] = {}
        self._numbers = itertools.count(2)
        self._wake: Timer | None = None
        self._authority_wake: Timer | None = None
        self._activity_at = 0
        self._work: deque[Callable[[], None]] = deque()
        self._working = False
        self.proof_ms = 0
        """How long after it was asked for the result of a slow hash is there."""
        self.prove: Callable[[effects.ProveIdentity], bool] = slow_hash_holds
        self._own_commands = self._commands()
        self.punts: PuntQueue | None = None
        self._round_ms = 0
        self.running = False

    @property
    def address(self) -> int:
        """The node's 40-bit address."""
        return self.identity.address

    @property
    def extra_sockets(self) -> int:
        """How many sockets are open beside the ordinary ones."""
        return len(self._extra)

    # Life

    def start(self) -> None:
        """Make a new node and switch, and give it back what was stored."""
        self.node = Node(self.identity, self._entropy.randbytes, self._clock.now)
        self.switch = Switch(self.address, self._entropy.randbytes(32))
        if self.punts is not None:
            self.punts = PuntQueue(self.switch)
        self.running = True
        self.tell(effects.WallClock(self._clock_error_ms))
        stored = sorted(self.disk.items(), key=lambda item: (item[0][0] != "planet", item[0]))
        for (kind, key), data in stored:
            self.tell(effects.StateLoaded(kind, key, data))
        self._announce_sockets()
        if self._controller_store is not None:
            self._open_controller(self._controller_store)

    def crash(self) -> None:
        """Vanish without a word."""
        self.running = False
        self.nics.clear()
        self._work.clear()
        self._extra.clear()
        if self._wake is not None:
            self._wake.cancel()

    def close(self) -> None:
        """Let go of what the host holds of the real world: the store of its controller."""
        if self._controller_store is not None:
            self._controller_store.close()

    def become_controller(self) -> Authority:
        """Serve networks from this node, out of a store in memory, which outlives crashes."""
        self._controller_store = SqliteStore(":memory:")
        return self._open_controller(self._controller_store)

    def _open_controller(self, store: SqliteStore) -> Authority:
        self.authority = Authority(self.identity, store, self._entropy.randbytes)
        self.authority.wall.set(self._clock_error_ms, self._clock.now)
        return self.authority

    @property
    def clock_error_ms(self) -> int:
        """By how much its wall clock is ahead; setting it steps the clock of a running host."""
        return self._clock_error_ms

    @clock_error_ms.setter
    def clock_error_ms(self, error_ms: int) -> None:
        self._clock_error_ms = error_ms
        if self.authority is not None:
            self.authority.wall.set(error_ms, self._clock.now)
        if self.running:
            self.tell(effects.WallClock(error_ms))

    @property
    def wall_now(self) -> int:
        """The time by its wall clock, ms."""
        return self._clock.now + self._clock_error_ms

    def move(self, ip: bytes, segment: Segment) -> None:
        """Take the host to another network, as a laptop is taken home."""
        del self.segment.hosts[self.ip]
        self.ip, self.segment = ip, segment
        segment.hosts[ip] = self
        self._announce_sockets()

    def rebind(self, *ports: int) -> None:
        """Close all sockets, and open new ones at these ports."""
        self._sockets = {next(self._numbers): port for port in ports}
        self._announce_sockets()

    def suspend(self) -> None:
        """Close the lid: nothing runs, nothing arrives, nothing is forgotten."""
        self.running = False
        if self._wake is not None:
            self._wake.cancel()

    def resume(self) -> None:
        """Open it again: the clock has gone on."""
        self.running = True
        self._on_wake()

    def _announce_sockets(self) -> None:
        self._index_ports()
        self.tell(effects.SocketsChanged(self._bound(self._sockets)))

    def _bound(self, sockets: dict[int, int]) -> tuple[tuple[int, InetAddress], ...]:
        return tuple((number, InetAddress(self.ip, port)) for number, port in sockets.items())

    def _index_ports(self) -> None:
        everything = {**self._extra, **self._sockets}
        self._by_port = {port: number for number, port in everything.items()}

    def slow_down(self, round_ms: int) -> None:
        """Take what the switch punts from the queue of the service, one round each ``round_ms``.

        Otherwise handling it takes no time at all.
        """
        self.punts = PuntQueue(self.switch)
        self._round_ms = round_ms

    # What the user does

    def join(self, network: int) -> None:
        """Join a network."""
        self.command(effects.Join(network))

    def leave(self, network: int) -> None:
        """Leave a network."""
        self.command(effects.Leave(network))

    def command(self, command: effects.HostCommand) -> None:
        """Ask the node for something (`Node.send`)."""
        self._do(lambda: self.node.send(command, self._clock.now))

    def obey(self, commands: Iterable[effects.HostCommand]) -> None:
        """Hand the controller's commands to the node."""
        for command in commands:
            self.command(command)

    def nic(self, network: int) -> Nic:
        """The host's end of a network's TAP. Raises ``KeyError`` before there is one."""
        return self.nics[network]

    # The loop: one thing at a time, whatever calls whatever

    def tell(self, event: effects.Event) -> None:
        """Give the node an event (`Node.receive`)."""
        self._do(lambda: self.node.receive(event, self._clock.now))

    def datagram_in(self, port: int, source: Endpoint, datagram: bytes) -> None:
        """A datagram has arrived from the virtual internet."""
        number = self._by_port.get(port)
        if self.running and number is not None:
            batch = [(number, *source, datagram)]
            self._do(lambda: self._carry(self.switch.ingest_datagrams(batch, self._clock.now)))

    def _frame_out(self, network: int, frame: bytes) -> None:
        batch = [(network, frame)]
        self._do(lambda: self._carry(self.switch.ingest_frames(batch, self._clock.now)))

    def _do(self, step: Callable[[], None]) -> None:
        self._work.append(step)
        if self._working or not self.running:
            return
        self._working = True
        try:
            while self._work:
                self._work.popleft()()
                for of_switch, commands in itertools.groupby(self.node.poll(), _is_for_switch):
                    self._carry_out(of_switch, list(commands))
        finally:
            self._working = False
        self._schedule()

    def _carry(self, output: Output) -> None:
        """Do what came of traffic; its punts wait for their turn, if handling them takes time."""
        if self.punts is None:
            self._outcome(output)
            return
        was_empty = not self.punts
        self.punts.push(output, self._clock.now)
        if was_empty:
            self._plan_round()
        self._send_on(output)

    def _plan_round(self) -> None:
        if self.punts:
            self._clock.at(self._clock.now + self._round_ms, self._take_round)

    def _take_round(self) -> None:
        if self.running and self.punts is not None:
            for event in self.punts.take(ROUND, self.node.newcomers_room):
                self.tell(event)
        self._plan_round()

    def _outcome(self, output: Output) -> None:
        self._send_on(output)
        for event in output.punts:
            self.node.receive(event, self._clock.now)

    def _send_on(self, output: Output) -> None:
        for socket, ip, port, datagram in output.datagrams:
            self._transmit((socket, ip, port), datagram, 0)
        for network, frame in output.frames:
            if network in self.nics:
                self.nics[network].receive(frame)

    def _schedule(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self._clock.at(min(self.node.next_timeout(), self._activity_at), self._on_wake)
        if self.authority is not None and (when := self.authority.next_timeout()) is not None:
            if self._authority_wake is not None:
                self._authority_wake.cancel()
            self._authority_wake = self._clock.at(when, self._on_authority_wake)

    def _on_wake(self) -> None:
        self._activity_at = self._clock.now + ACTIVITY_MS
        self.tell(self.switch.take_activity())
        self._do(lambda: self.node.handle_timeout(self._clock.now))

    def _on_authority_wake(self) -> None:
        if self.running and self.authority is not None:
            self.obey(self.authority.handle_timeout(self._clock.now))

    # Carrying out commands

    def _carry_out(self, of_switch: bool, commands: list[Any]) -> None:
        if not of_switch:
            for command in commands:
                self._own_commands[type(command)](command)
        elif output := self.switch.apply(commands, self._clock.now):
            self._work.append(lambda: self._outcome(output))

    def _commands(self) -> dict[type, Callable[[Any], object]]:
        return {
            effects.Transmit: self._send,
            effects.OpenSockets: self._open_sockets,
            effects.CloseSockets: self._close_sockets,
            effects.ConfigureTap: self._configure_tap,
            effects.RemoveTap: lambda c: self.nics.pop(c.network, None),
            effects.WriteFrame: self._write_frame,
            effects.Store: self._store,
            effects.RequestConfig: self._answer_request,
            effects.EchoAnswered: self.echoes.append,
            effects.Report: self.reports.append,
            effects.OpenHellos: self._open_hellos,
            effects.ProveIdentity: self._prove,
        }

    def _open_hellos(self, command: effects.OpenHellos) -> None:
        keys = open_hellos(self.identity, command)
        self._answer(effects.HellosOpened(keys, AGREEMENT_US * len(keys)))

    def _prove(self, command: effects.ProveIdentity) -> None:
        valid = self.prove(command)
        answer = effects.IdentityProved(command.address, command.public_key, valid, PROOF_US)
        if self.proof_ms:
            life = self.node
            self._clock.after(self.proof_ms, lambda: self._answer_later(life, answer))
        else:
            self._answer(answer)

    def _answer(self, event: effects.Event) -> None:
        self._work.append(lambda: self.node.receive(event, self._clock.now))

    def _answer_later(self, life: Node, event: effects.Event) -> None:
        """Unless the host was restarted in the meantime."""
        if self.node is life:
            self.tell(event)

    def _send(self, command: effects.Transmit) -> None:
        if command.dont_fragment and not self.link.carries(command.datagram):
            event = effects.DatagramTooLarge(command.path, len(command.datagram))
            self._work.append(lambda: self.node.receive(event, self._clock.now))
        else:
            whole = command.dont_fragment
            self._transmit(command.path, command.datagram, command.ttl, dont_fragment=whole)

    def _transmit(
        self, path: effects.Path, datagram: bytes, ttl: int, *, dont_fragment: bool = False
    ) -> None:
        socket, ip, port = path
        if len(ip) != len(self.ip):
            return
        numbers = self._sockets if socket == ALL_SOCKETS else (socket,)
        for number in numbers:
            bound = self._sockets.get(number) or self._extra.get(number)
            if bound is not None:
                source = (self.ip, bound)
                destination = (ip, port)
                self._internet.send(
                    self,
                    self.segment,
                    source,
                    destination,
                    datagram,
                    ttl=ttl,
                    dont_fragment=dont_fragment,
                )

    def _open_sockets(self, command: effects.OpenSockets) -> None:
        ports = set(self._by_port)
        opened: dict[int, int] = {}
        while len(opened) < command.count:
            port = self._entropy.randrange(*EPHEMERAL_PORTS)
            if port not in ports:
                ports.add(port)
                opened[next(self._numbers)] = port
        self._extra.update(opened)
        self._index_ports()
        event = effects.SocketsOpened(command.token, self._bound(opened))
        self._work.append(lambda: self.node.receive(event, self._clock.now))

    def _close_sockets(self, command: effects.CloseSockets) -> None:
        for number in command.sockets:
            self._extra.pop(number, None)
        self._index_ports()

    def _configure_tap(self, command: effects.ConfigureTap) -> None:
        network = command.network
        if network not in self.nics:
            self.nics[network] = Nic(
                command.mac, lambda frame: self._frame_out(network, frame), lambda: self._clock.now
            )
        self.nics[network].addresses = command.addresses
        groups = {ALL_HOSTS_GROUP, *(group_of_ip(address.ip) for address in command.addresses)}
        event = effects.SubscriptionsChanged(network, tuple(sorted(groups)))
        self._work.append(lambda: self.node.receive(event, self._clock.now))

    def _write_frame(self, command: effects.WriteFrame) -> None:
        if command.network in self.nics:
            self.nics[command.network].receive(command.frame)

    def _answer_request(self, command: effects.RequestConfig) -> None:
        if self.authority is not None:
            self.obey(self.authority.handle_request(command, self._clock.now))

    def _store(self, command: effects.Store) -> None:
        if command.data is None:
            self.disk.pop((command.kind, command.key), None)
        else:
            self.disk[command.kind, command.key] = command.data


def _is_for_switch(command: object) -> bool:
    return type(command) in effects.SWITCH_COMMANDS
