"""What an ECHO to a node took, for the API."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from earthline.effects import EchoAnswered, Path, SendEcho

WAIT_S = 5.0
"""As long as a packet waits for a way to its node (02, 5.1)."""
AGAIN_S = 0.7
"""One that is not answered is sent again, out of step with others: a node answers one per path and
166 ms (02, 4.10), and the search for a path's MTU asks by ECHO, too."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How an answer came back."""

    took_ms: float
    path: Path
    hops: int
    """Roots that passed it on."""


class Pings:
    """ECHOs that are under way. ``send`` takes a command to the node."""

    def __init__(self, send: Callable[[SendEcho], None]) -> None:
        self._send = send
        self._waiting: dict[bytes, tuple[asyncio.Future[Answered], int]] = {}
        """By payload: who waits, and when it was sent, in ns."""

    async def ask(self, address: int) -> Answered | None:
        """Send one, and wait for its answer; None if there is none in `WAIT_S`."""
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        sent = []
        try:
            for _ in range(round(WAIT_S / AGAIN_S)):
                payload = secrets.token_bytes(16)
                sent.append(payload)
                self._waiting[payload] = answer, time.monotonic_ns()
                self._send(SendEcho(address, payload))
                await asyncio.wait([answer], timeout=AGAIN_S)
                if answer.done():
                    return answer.result()
            return None
        finally:
            for payload in sent:
                del self._waiting[payload]

    def answered(self, answer: EchoAnswered) -> None:
        """Carry out the node's command: tell who waits."""
        waiting, sent_at = self._waiting.get(answer.payload, (None, 0))
        if waiting is not None and not waiting.done():
            took = time.monotonic_ns() - sent_at
            waiting.set_result(Answered(took / 1e6, answer.path, answer.hops))
