"""UDP sockets beside the ordinary ones, which the node has opened and closed as it needs them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import structlog

from earthline.effects import CloseSockets, OpenSockets, SocketsOpened
from earthline.runtime.sockets.sockets import Place, Sockets, UdpDriver
from earthline.wire.inet import InetAddress

log = structlog.get_logger()

FIRST_NUMBER = 1 << 20
"""The ordinary sockets are counted from 1."""
MAX_EXTRA = 512
"""Sockets beside the ordinary ones: two sprays of 256."""


class ExtraSockets:
    """Carries out `OpenSockets` and `CloseSockets`."""

    def __init__(
        self, driver: UdpDriver, ordinary: Sockets, report: Callable[[SocketsOpened], None]
    ) -> None:
        self._driver = driver
        self._ordinary = ordinary
        self._report = report
        self._numbers = itertools.count(FIRST_NUMBER)
        self._open: set[int] = set()

    def open(self, command: OpenSockets) -> None:
        """Open as many as may be; report those there are."""
        place = self._ordinary.place_of(command.like)
        count = min(command.count, MAX_EXTRA - len(self._open))
        opened = [] if place is None else self._bind(place, count)
        self._report(SocketsOpened(command.token, tuple(opened)))

    def _bind(self, place: Place, count: int) -> list[tuple[int, InetAddress]]:
        opened = []
        ways = self._ordinary.ways_from(place)
        for _ in range(count):
            number = next(self._numbers)
            try:
                port = self._driver.add_udp(number, place.ip, 0, place.device)
            except OSError as error:
                log.warning("extra_socket_not_bound", error=error.strerror or str(error))
                break
            self._driver.set_ways(number, ways)
            self._open.add(number)
            opened.append((number, InetAddress(place.ip, port)))
        return opened

    def close(self, command: CloseSockets) -> None:
        """Close sockets opened here; others are left alone."""
        for number in command.sockets:
            if number in self._open:
                self._open.discard(number)
                self._driver.remove_udp(number)
