"""When UDP does not get through: a TCP tunnel to a relay, for as long as that lasts (02, 8.3).

    unanswered ──10 s──▶ connecting ──▶ up ──▶ an upstream answers by UDP: left, then closed
                             │ ▲        │
                             ▼ │        ▼
                        the next relay, after the last one a pause

Rust moves the datagrams. Here it is decided when to connect, to whom, and when to close. No relay
is contacted that nobody named: there is the one of the settings, and the roots.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import structlog

from earthline.effects import TunnelChanged
from earthline.node import Node
from earthline.runtime.settings.settings import ServiceSettings, SettingsFile
from earthline.vl1.ground.local import ALL_SOCKETS
from earthline.vl1.peers.peer import Peer, Slot
from earthline.vl1.peers.topology import Topology
from earthline.wire.inet import InetAddress, Scope

log = structlog.get_logger()

ENGAGE_MS = 10_000
"""A tunnel is tried after this long without an answer by UDP, counted from the first datagram, a
start or a change of network."""
TRUSTED_MS = 45_000
"""UDP counts as working for this long after an upstream answered by UDP, unless it then leaves
questions unanswered. An idle upstream is asked after 33 s at the latest, and then every 5 s."""
TRUSTED_FRUGAL_MS = 90_000
"""The same in low-bandwidth mode: after 53 s, and then every 25 s."""
CONNECT_MS = 5_000
"""A relay has so long to take the connection, TLS included."""
FIRST_ANSWER_MS = 10_000
"""Somebody is to be heard by a new tunnel within this time: the upstreams are greeted by it."""
SILENT_MS = 180_000
"""A tunnel by which nobody is heard any more is given up."""
LEAVING_MS = 10_000
"""A tunnel that is left still brings, so long, what peers send that have not noticed yet."""
PAUSE_MS = 5_000
"""Before the relays are tried once more, when all have failed; doubled each time."""
MAX_PAUSE_MS = 60_000
"""After all relays failed the pause doubles up to this."""
MAX_RELAYS = 32
"""Tried one after another."""
RELAY_PORT = 443
"""Where a root that is a relay, too, listens."""


class Relay(NamedTuple):
    """One way to a relay."""

    address: InetAddress
    tls: bool
    device: str | None
    """The interface to connect by, which is no virtual network's (02, 7.10); None: any."""

    def __str__(self) -> str:
        return f"{self.address} by TLS" if self.tls else str(self.address)


@dataclass(frozen=True, slots=True)
class TunnelState:
    """What there is to know of the tunnel."""

    allowed: bool
    """Whether the settings permit one."""
    forced: bool
    """Whether they want nothing else."""
    connected_to: InetAddress | None
    """The relay of a tunnel that is up."""
    tls: bool
    since: int
    """When it came up, ms; 0 while there is none."""
    failure: str
    """What became of the last attempt, in one line; empty when it came up, or there was none."""


class TunnelDriver(Protocol):
    """The part of the native driver that a tunnel needs."""

    def open_tunnel(self, ip: bytes, port: int, tls: bool, device: str | None) -> None: ...
    def leave_tunnel(self) -> None: ...
    def close_tunnel(self) -> None: ...
    def tunnel(self) -> tuple[str, str, int]: ...
    def unanswered_since(self) -> int: ...
    def answered(self) -> None: ...


class Tunnel:
    """Decides about the one tunnel of a node. `check` is to be called twice a second."""

    def __init__(
        self,
        driver: TunnelDriver,
        settings: SettingsFile,
        node: Node,
        *,
        uplinks: Callable[[InetAddress], Sequence[str]],
        report: Callable[[TunnelChanged], None],
    ) -> None:
        """``uplinks`` lists the interfaces that lead to an address; ``report`` tells the node."""
        self._driver = driver
        self._settings = settings
        self._topology = node.peers.topology
        self._address = node.address
        self._wall = node.wall
        self._uplinks = uplinks
        self._report = report
        self._untried: deque[Relay] = deque()
        self._relay: Relay | None = None
        self._proven: Relay | None = None
        """The last one by which somebody was heard."""
        self._opened_at = 0
        self._up_since = 0
        self._left_at = 0
        self._moved_at = 0
        self._next_at = 0
        self._pause_ms = PAUSE_MS
        self._failure = ""

    @property
    def state(self) -> TunnelState:
        """As of the last check."""
        relay = self._relay if self._up_since else None
        return TunnelState(
            allowed=_allowed(self._said),
            forced=self._said.force_tcp_relay,
            connected_to=None if relay is None else relay.address,
            tls=relay is not None and relay.tls,
            since=self._wall.at(self._up_since),
            failure=self._failure,
        )

    def moved(self, now: int) -> None:
        """We have just started, woken up, or other sockets: UDP gets its time anew."""
        self._moved_at = now
        self._next_at = 0
        self._pause_ms = PAUSE_MS

    def check(self, now: int) -> None:
        """Do what is due."""
        phase, failure, heard_at = self._driver.tunnel()
        if not _allowed(self._said):
            self._close()
        elif self._is_superfluous(now):
            self._leave(now)
        elif phase == "up":
            self._serve(heard_at, now)
        elif phase == "connecting":
            if now - self._opened_at >= CONNECT_MS:
                self._fail("it does not answer", now)
        elif phase == "failed":
            self._fail(failure, now)
        elif not self._is_wanted(now):
            self._failure = ""
        elif now >= self._next_at:
            self._open(now)

    # --- judgement --------------------------------------------------------------------------------

    @property
    def _said(self) -> ServiceSettings:
        return self._settings.parsed.settings

    def _is_wanted(self, now: int) -> bool:
        if self._said.force_tcp_relay:
            return True
        if self._works(self._upstreams(), now):
            return False
        if any(self._is_deaf(peer) for peer in self._upstreams()):
            return True
        since = self._driver.unanswered_since()
        unanswered = since > 0 and now - max(since, self._moved_at) >= ENGAGE_MS
        # All peers are gone through only where no root answers: there may be thousands.
        return unanswered and not self._works(self._topology.peers.values(), now, afar=True)

    def _works(self, peers: Iterable[Peer], now: int, *, afar: bool = False) -> bool:
        """Whether one of these peers has answered by UDP lately."""
        answered_at = self._answered_at(peers, now, afar=afar)
        if answered_at > self._driver.unanswered_since() > 0:
            self._driver.answered()
        return now - answered_at < self._trusted_ms

    @property
    def _trusted_ms(self) -> int:
        return TRUSTED_FRUGAL_MS if self._said.low_bandwidth_mode else TRUSTED_MS

    def _is_deaf(self, peer: Peer) -> bool:
        """Whether an upstream goes on asking from afar, and does not answer: the way out is closed.

        Others may ask as well: UDP is then never quiet for as long as it takes otherwise.
        """
        return any(
            slot.received_at - max(peer.proved.get(slot.path.key, 0), self._moved_at)
            >= self._trusted_ms
            for slot in _udp_slots(peer)
            if slot.path.scope is Scope.GLOBAL and slot.path.address.is_ipv4
        )

    def _upstreams(self) -> Iterator[Peer]:
        peers = (self._topology.peer(address) for address in self._topology.upstreams)
        return (peer for peer in peers if peer is not None)

    def _is_superfluous(self, now: int) -> bool:
        """Whether UDP works again: an upstream has answered by it since we turned to a relay."""
        if self._relay is None or self._said.force_tcp_relay:
            return False
        return self._answered_at(self._upstreams(), now) > self._opened_at

    @staticmethod
    def _answered_at(peers: Iterable[Peer], now: int, *, afar: bool = False) -> int:
        """When one of these peers last answered a question by UDP; ``afar``: over the internet.

        What comes unasked proves nothing about the way out, and anybody can send it.
        """
        return max(
            (
                peer.proved.get(slot.path.key, 0)
                for peer in peers
                if not peer.unanswering(now)
                for slot in _udp_slots(peer)
                if not afar or slot.path.scope is Scope.GLOBAL
            ),
            default=0,
        )

    # --- what follows -----------------------------------------------------------------------------

    def _open(self, now: int) -> None:
        if not self._untried:
            self._untried.extend(self._relays())
        if not self._untried:
            self._failure = "no relay is known: name one in local.conf, as `tcpFallbackRelay`"
            self._next_at = now + PAUSE_MS
            return
        relay = self._relay = self._untried.popleft()
        self._opened_at = now
        try:
            ip, port = relay.address
            self._driver.open_tunnel(ip, port, relay.tls, relay.device)
        except OSError as error:
            self._fail(os.strerror(error.errno) if error.errno else str(error), now)

    def _relays(self) -> list[Relay]:
        relays = relays_to_try(self._said, self._topology, self._address, self._uplinks)
        relays.sort(key=lambda relay: relay != self._proven)
        return relays

    def _serve(self, heard_at: int, now: int) -> None:
        if not self._up_since:
            self._up_since = now
            self._failure = ""
            log.info("tunnel_up", relay=str(self._relay))
            self._report(TunnelChanged(up=True))
        if heard_at:
            self._proven = self._relay
            self._pause_ms = PAUSE_MS
        patience_ms = SILENT_MS if heard_at else FIRST_ANSWER_MS
        if now - max(heard_at, self._up_since) >= patience_ms:
            self._fail("nothing comes back by it", now)

    def _fail(self, why: str, now: int) -> None:
        """Turn to the next relay; after the last one wait a while."""
        failure = f"{self._relay}: {why}"
        if failure != self._failure:
            log.info("tunnel_failed", relay=str(self._relay), why=why)
        self._failure = failure
        self._hang_up()
        if not self._untried:
            self._next_at = now + self._pause_ms
            self._pause_ms = min(2 * self._pause_ms, MAX_PAUSE_MS)

    def _leave(self, now: int) -> None:
        """UDP works: use it, and close the tunnel once peers have had time to notice."""
        if self._up_since:
            log.info("tunnel_left", relay=str(self._relay))
            self._driver.leave_tunnel()
            self._left_at = now
            self._note_down()
        if now - self._left_at >= LEAVING_MS:
            self._close()

    def _close(self) -> None:
        """There is no use for a tunnel."""
        self._failure = ""
        if self._relay is not None:
            self._hang_up()
        self._untried.clear()

    def _hang_up(self) -> None:
        self._driver.close_tunnel()
        self._relay = None
        self._note_down()

    def _note_down(self) -> None:
        if self._up_since:
            self._up_since = 0
            self._report(TunnelChanged(up=False))


def _udp_slots(peer: Peer) -> Iterator[Slot]:
    return (slot for slot in peer.slots if slot.path.socket != ALL_SOCKETS)


def _allowed(said: ServiceSettings) -> bool:
    return said.allow_tcp_fallback_relay or said.force_tcp_relay


def relays_to_try(
    said: ServiceSettings,
    topology: Topology,
    own: int,
    uplinks: Callable[[InetAddress], Sequence[str]],
) -> list[Relay]:
    """The relay of the settings, by TLS and without, then each root by TLS.

    Nobody else: the stock default relay is not ours to use.
    """
    ways: list[tuple[InetAddress, bool]] = []
    if said.tcp_fallback_relay is not None:
        named = InetAddress.parse(said.tcp_fallback_relay)
        ways += [(named, True), (named, False)]
    for address in topology.upstreams:
        for endpoint in topology.worlds.endpoints(address) if address != own else ():
            if endpoint.is_ipv4 and endpoint.scope is Scope.GLOBAL:
                ways.append((InetAddress(endpoint.ip, RELAY_PORT), True))
    relays = [
        Relay(to, tls, device)
        for to, tls in dict.fromkeys(ways)
        for device in uplinks(to) or (None,)
    ]
    return relays[:MAX_RELAYS]
