"""uvicorn's HTTP, with an end to connections that do not come to the point.

uvicorn waits for ever for the first request, for the rest of one, and for whoever does not read.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from earthline.api.http.connections import Connections


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection may take, in seconds, and how much its heads may hold, in bytes."""

    head_s: float = 10.0
    """From the connection, or the first byte of a further request, to the end of its head."""
    body_s: float = 30.0
    """From there to the end of its body. The largest one takes a fraction of that."""
    unread_s: float = 30.0
    """What was sent and is not acknowledged, or not read, for so long never will be."""
    head_bytes: int = 1 << 16


class BoundedHttp(HttpToolsProtocol):
    """A `connections.Connection`: one that ends when its time is up, or when there are too many."""

    def __init__(self, connections: Connections, patience: Patience, **more: Any) -> None:
        super().__init__(**more)
        self._all = connections
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0

    # --- as the others see it ---------------------------------------------------------------------

    @property
    def source(self) -> tuple[str, int]:
        """Of a connection that is gone already: nobody's."""
        return self.client or ("0.0.0.0", 0)

    @property
    def busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def end(self) -> None:
        self.transport.abort()

    # --- life -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        opened = transport.get_extra_info("socket")
        unread_ms = int(self._patience.unread_s * 1000)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread_ms)
        self._expect_within(self._patience.head_s)
        self._all.enter(self, self.loop.time())

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self._all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._patience.head_bytes:
            self.end()
        elif self._in_head and self._deadline is None and not self.busy:
            # Blank lines before a request, which are none yet.
            self._expect_within(self._patience.head_s)

    # --- one request ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._deadline is None:
            self._expect_within(self._patience.head_s)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._in_head = False
        self._expect_within(self._patience.body_s)
        self._all.used(self)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0
        self._expect_nothing()

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self.end)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
