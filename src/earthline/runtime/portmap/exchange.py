"""One question to the gateway over UDP, repeated until it is answered (RFC 6886, 3.1).

The socket is connected, so the kernel drops what comes from any other address or port.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from earthline.runtime.portmap.lease import NotMapped, Site
from earthline.wire.reader import Malformed

GATEWAY_PORT = 5351
"""UDP port of NAT-PMP and PCP (RFC 6886, 6887)."""
FIRST_WAIT_S = 0.25
"""For the first answer, as RFC 6886 has it."""
TRIALS = 4
"""The wait doubles with each: 3.75 s in all."""
MAX_ANSWER = 1100
"""Bytes: the longest message of PCP (RFC 6887)."""

T = TypeVar("T")


class _Listener(asyncio.DatagramProtocol, Generic[T]):
    """Takes the first datagram that ``parse`` accepts."""

    def __init__(self, parse: Callable[[bytes], T]) -> None:
        self._parse = parse
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _source: Any) -> None:
        """Anything but an answer to our question is passed over: a better one may follow."""
        if self.answer.done() or len(data) > MAX_ANSWER:
            return
        try:
            self.answer.set_result(self._parse(data))
        except Malformed:
            pass
        except NotMapped as refusal:
            self.answer.set_exception(refusal)

    def error_received(self, error: Exception) -> None:
        """The gateway's kernel says that nobody listens there."""
        if not self.answer.done():
            self.answer.set_exception(
                NotMapped(f"the gateway refuses it: {getattr(error, 'strerror', None) or error}")
            )


async def ask(site: Site, question: bytes, parse: Callable[[bytes], T]) -> T:
    """Send the question until an answer parses. ``parse`` raises `Malformed` for anything else.

    Raises `NotMapped`: without an answer, or because ``parse`` did.
    """
    try:
        transport, listener = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Listener(parse),
            local_addr=(site.client, 0),
            remote_addr=(site.gateway, GATEWAY_PORT),
        )
    except OSError as error:
        raise NotMapped(f"no route to the gateway: {error.strerror or error}") from None
    try:
        return await _repeat(transport, question, listener.answer)
    finally:
        transport.close()
        listener.answer.cancel()


async def _repeat(
    transport: asyncio.DatagramTransport, question: bytes, answer: asyncio.Future[T]
) -> T:
    wait_s = FIRST_WAIT_S
    for _ in range(TRIALS):
        transport.sendto(question)
        done, _waiting = await asyncio.wait({answer}, timeout=wait_s)
        if done:
            return answer.result()
        wait_s *= 2
    raise NotMapped("the gateway does not answer")
