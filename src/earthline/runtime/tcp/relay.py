"""The TCP relay that this node may be, for nodes that have no UDP (02, 8.3).

It runs as long as the settings say where it listens, on a thread of its own.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

import structlog

from earthline._native import TcpRelay
from earthline.runtime.settings.settings import SettingsFile, TcpRelaySettings
from earthline.wire.inet import InetAddress

log = structlog.get_logger()

RESERVED_FILES = 1024
"""Open files that are left to the rest of the service."""
FILES_PER_CLIENT = 2
"""Open files: its TCP connection and its UDP socket."""


@dataclass(frozen=True, slots=True)
class RelayState:
    """What there is to know of the relay."""

    listening_on: tuple[InetAddress, ...]
    """Empty while there is none."""
    clients: int
    failure: str
    """Why it is not, or not any more, what the settings say, in one line."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a relay is started with."""

    listen: tuple[InetAddress, ...]
    certificate: tuple[bytes, bytes] | None
    clients: int


class RelayRole:
    """Starts, restarts and ends the relay as the settings say."""

    def __init__(self, settings: SettingsFile, home: Path) -> None:
        """Paths in the settings are relative to ``home``."""
        self._settings = settings
        self._home = home
        self._relay: TcpRelay | None = None
        self._plan: _Plan | None = None
        self._failure = ""

    @property
    def state(self) -> RelayState:
        """As of now."""
        if self._relay is None:
            return RelayState((), 0, self._failure)
        bound = tuple(InetAddress(ip, port) for ip, port in self._relay.bound())
        return RelayState(bound, self._relay.clients(), self._failure)

    def counters(self) -> dict[str, int]:
        """What the running relay counts."""
        return {} if self._relay is None else self._relay.counters()

    def check(self) -> None:
        """Bring the relay to what is wanted now; one that does not start is tried again."""
        said = self._settings.parsed.settings.tcp_relay
        try:
            plan = self._planned(said)
            if plan != self._plan or (self._relay is None and plan.listen):
                self.close()
                self._start(plan)
            self._failure = ""
        except OSError as error:
            self._note(_in_words(error))

    def close(self) -> None:
        """End it. Idempotent."""
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def _planned(self, said: TcpRelaySettings) -> _Plan:
        certificate = None
        if said.tls is not None:
            chain, key = self._home / said.tls.certificate, self._home / said.tls.key
            certificate = (chain.read_bytes(), key.read_bytes())
        listen = tuple(InetAddress.parse(text) for text in said.listen)
        return _Plan(listen, certificate, said.max_clients)

    def _start(self, plan: _Plan) -> None:
        self._plan = plan
        if plan.listen:
            clients = room_for(plan.clients)
            self._relay = TcpRelay(plan.listen, plan.certificate, clients)
            log.info("tcp_relay_started", listen=[str(at) for at in plan.listen], clients=clients)

    def _note(self, failure: str) -> None:
        if failure != self._failure:
            wanted = self._settings.parsed.settings.tcp_relay.listen
            log.warning("tcp_relay_failed", listen=list(wanted), why=failure)
        self._failure = failure


def _in_words(error: OSError) -> str:
    said = os.strerror(error.errno) if error.errno else str(error)
    return f"{error.filename}: {said}" if error.filename else said


def room_for(clients: int) -> int:
    """How many of so many clients the process may hold; its limit of files is raised for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = RESERVED_FILES + FILES_PER_CLIENT * clients
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return clients
    return max(1, min(clients, (soft - RESERVED_FILES) // FILES_PER_CLIENT))
