"""A small HTTP client for the local API: the standard library alone, since start-up time counts."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline.runtime.base.files import read_if_there
from earthline.runtime.host.tcp_table import listeners

STOCK_HOME = Path("/var/lib/zerotier-one")
TIMEOUT_S = 60.0


class NoService(Exception):
    """Nobody answers at the service's port, or we cannot tell where or as whom to ask."""


class NotListening(NoService):
    """Nobody accepts a connection there: nothing was asked, so it may be tried again."""


class NotTheService(NoService):
    """Somebody answers who is not to know the token: one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of a response."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The parsed body; ValueError if it is no JSON."""
        return json.loads(self.body)


def stock_home() -> Path:
    """Of the programs that stand in for stock ones: ``$ZEROTIER_HOME``, else theirs (05, 2)."""
    return Path(os.environ.get("ZEROTIER_HOME") or STOCK_HOME)


def read_token(home: Path) -> str | None:
    """The token of the home folder, else the user's own copy (05, 6.1)."""
    user = Path(os.environ.get("HOME", "/")) / ".zeroTierOneAuthToken"
    for path in (home / "authtoken.secret", user):
        try:
            token = (read_if_there(path) or b"").decode("utf-8").strip()
        except (OSError, ValueError):
            continue
        if token:
            return token
    return None


def owners_of(home: Path) -> frozenset[int]:
    """Who may run the service of a home folder: root, its owner, and we ourselves."""
    trusted = {0, os.geteuid()}
    with contextlib.suppress(OSError):  # a folder that is hidden from us, or not there
        trusted.add(home.stat().st_uid)
    return frozenset(trusted)


def _connect(connection: http.client.HTTPConnection) -> None:
    try:
        connection.connect()
    except OSError as error:
        raise NotListening(error.strerror or str(error)) from None


@dataclass(frozen=True, slots=True)
class Client:
    """Where the service answers, and the token that opens it."""

    port: int
    token: str
    host: str = "127.0.0.1"
    home: Path | None = None
    """Of the service: its owner, root or we ourselves may listen there."""

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """One exchange; `NoService` if there is no connection. ``body`` is sent as JSON."""
        with self.asked(method, path, body) as response:
            return Answer(response.status, response.read())

    @contextlib.contextmanager
    def asked(self, method: str, path: str, body: Any = None) -> Iterator[http.client.HTTPResponse]:
        """The same, for answers that are read bit by bit as they come."""
        headers = {"X-ZT1-Auth": self.token}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        try:
            _connect(connection)
            if self.token:
                self._check_listener(connection.sock.getpeername()[0])
            connection.request(method, path, payload, headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise NoService(str(error) or type(error).__name__) from None
        finally:
            connection.close()

    def _check_listener(self, ip: str) -> None:
        """`NotTheService` if another user has the port, once we are connected to somebody.

        Of other machines, which only the user can name, nothing is known.
        """
        try:
            found = listeners(ip, self.port)
        except OSError as error:
            raise NotTheService(
                f"cannot find out who listens on port {self.port}, so no token is sent: {error}"
            ) from None
        strangers = frozenset() if found is None else found - owners_of(self.home or stock_home())
        if strangers or found == frozenset():
            who = f"user {min(strangers)}" if strangers else "no process"
            raise NotTheService(
                f"the token is not sent: {who} listens on port {self.port}, not the "
                "service: `ss -ltnp` shows what that is"
            )
