"""The endpoints of all roots at once: every probe there is, side by side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from earthline.diagnosis.snapshot import Endpoint, Tcp, Udp
from earthline.runtime.probes.icmp import Told, meaning
from earthline.runtime.probes.tcp import probe_tcp
from earthline.runtime.probes.udp import UdpProbe
from earthline.runtime.probes.wire import WireWatch
from earthline.wire.inet import InetAddress

MAX_ENDPOINTS = 16
"""Endpoints tried by TCP: four roots with four each."""
ELSEWHERE = 33_434
"""Where nobody listens, and what traceroute sends to: firewalls let it through if any."""
TCP_S = 2.0
"""How long a connection may take."""


@dataclass(slots=True)
class _Post:
    """The probes of one endpoint."""

    udp: UdpProbe | None
    """None where this host does not know the address family."""
    tcp: asyncio.Task[Tcp]
    wire: WireWatch | None
    elsewhere: UdpProbe | None = None
    """Of another port of the same host."""

    def told(self, end: InetAddress, own: Collection[str]) -> Told:
        """What became of datagrams, as our socket was told, or one of the node's."""
        told = Told(Udp.NO_ROUTE) if self.udp is None else self.udp.told(own)
        complaint = None if self.wire is None else self.wire.complaint
        if told.udp is not Udp.SILENT or complaint is None:
            return told
        return meaning(complaint, end, own) or told


class Ends:
    """Probes under way. Use as a context; ``told`` may be asked at any time inside."""

    def __init__(
        self, roots: Mapping[int, Collection[InetAddress]], ours: int, ports: Collection[int]
    ) -> None:
        """Endpoints by root; ``ours``: our address, ``ports``: our UDP ports, to be watched."""
        pairs = [(root, end) for root, ends in roots.items() for end in ends]
        self._wanted = pairs[:MAX_ENDPOINTS]
        self._ours = ours
        self._ports = ports
        self._posts: dict[InetAddress, _Post] = {}
        self._exits = contextlib.ExitStack()
        self.blind = False
        """We may not watch the interfaces."""

    async def __aenter__(self) -> Self:
        for root, end in self._wanted:
            if end not in self._posts:
                self._posts[end] = self._begin(root, end)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._exits.close()
        tasks = [post.tcp for post in self._posts.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, root: int, end: InetAddress) -> _Post:
        try:
            udp = self._exits.enter_context(UdpProbe(end, root, self._ours))
        except OSError:
            udp = None
        try:
            beside = InetAddress(end.ip, ELSEWHERE if end.port != ELSEWHERE else ELSEWHERE + 1)
            elsewhere = self._exits.enter_context(UdpProbe(beside, root, self._ours))
        except OSError:
            elsewhere = None
        tcp = asyncio.create_task(probe_tcp(end, TCP_S), name=f"tcp to {end}")
        return _Post(udp, tcp, self._watch(end), elsewhere)

    def _watch(self, end: InetAddress) -> WireWatch | None:
        if not self._ports:
            return None
        try:
            return self._exits.enter_context(WireWatch(end, self._ports))
        except OSError:
            self.blind = True
            return None

    def send(self) -> None:
        """Send something short to each, and to another port of its host."""
        for post in self._posts.values():
            for probe in (post.udp, post.elsewhere):
                if probe is not None:
                    probe.send()

    def send_to_ourselves(self) -> int:
        """Send something to our own address through each root; how many packets."""
        probes = [post.udp for post in self._posts.values() if post.udp is not None]
        for probe in probes:
            probe.send_to_ourselves()
        return len(probes)

    def send_full(self) -> None:
        """Send each what should just pass whole."""
        for post in self._posts.values():
            if post.udp is not None:
                post.udp.send_full()

    @property
    def done(self) -> bool:
        """Whether TCP was tried to its end everywhere."""
        return all(post.tcp.done() for post in self._posts.values())

    def told(
        self,
        end: InetAddress,
        own: Collection[str],
        *,
        answered: bool | None,
        heard: bool = False,
    ) -> Endpoint:
        """What is known of one by now; ``answered`` by UDP, None if nobody could ask it.

        ``heard``: datagrams of it have reached the service.
        """
        post = self._posts.get(end)
        if post is None:
            return Endpoint(str(end), Udp.ANSWERS if answered else Udp.UNASKED, Tcp.SILENT)
        udp, by = post.told(end, own)
        if answered:
            udp, by = Udp.ANSWERS, ""
        elif answered is None and udp is Udp.SILENT:
            udp = Udp.UNASKED
        return Endpoint(
            address=str(end),
            udp=udp,
            tcp=post.tcp.result() if post.tcp.done() else Tcp.SILENT,
            rejected_by=by if udp in (Udp.REJECTED, Udp.UNREACHABLE) else "",
            left=None if post.wire is None else post.wire.left,
            came=None if post.wire is None else post.wire.came,
            heard=heard,
            elsewhere=post.elsewhere is not None and post.elsewhere.told(own).udp is Udp.REFUSED,
            kernel_mtu=0 if post.udp is None else post.udp.mtu,
        )
