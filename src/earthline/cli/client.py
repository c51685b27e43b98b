"""A small HTTP client for the local API: the standard library alone, since start-up time counts."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline.runtime.files import read_if_there
from earthline.runtime.tcp_table import listeners

STOCK_HOME = Path("/var/lib/zerotier-one")
TIMEOUT_S = 60.0


class NoService(Exception):
    """Nobody answers at the service's port, or we cannot tell where or as whom to ask."""


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


def default_home() -> Path:
    """``$ZEROTIER_HOME``, else the stock folder (05, 2)."""
    return Path(os.environ.get("ZEROTIER_HOME") or STOCK_HOME)


def read_port(home: Path) -> int | None:
    """The port of the service on a home folder, None if it never ran there."""
    try:
        port = int((read_if_there(home / "zerotier-one.port") or b"").decode("ascii").strip())
    except (OSError, ValueError):
        return None
    return port if 0 < port <= 0xFFFF else None


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
        headers = {"X-ZT1-Auth": self.token}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        try:
            connection.connect()
            if self.token:
                self._check_listener(connection.sock.getpeername()[0])
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
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
                f"cannot tell who listens at port {self.port}, so the token is not sent: {error}"
            ) from None
        strangers = frozenset() if found is None else found - owners_of(self.home or default_home())
        if strangers or found == frozenset():
            who = f"user {min(strangers)}" if strangers else "nobody any more"
            raise NotTheService(
                f"the token is not sent: {who} listens at port {self.port}, not the service"
            )
