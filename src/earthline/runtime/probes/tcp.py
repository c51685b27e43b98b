"""Whether TCP gets through to an endpoint: an answer of any kind says that it does."""

from __future__ import annotations

import asyncio
import errno

from earthline.diagnosis.snapshot import Tcp
from earthline.wire.inet import InetAddress

_ANSWERS = (errno.ECONNREFUSED, errno.ECONNRESET)
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of `connect` where this host itself has no way there."""


async def probe_tcp(endpoint: InetAddress, timeout_s: float) -> Tcp:
    """Connect, and hang up at once."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(endpoint.ip_text, endpoint.port)
    except TimeoutError:
        return Tcp.SILENT
    except OSError as error:
        if error.errno in _ANSWERS:
            return Tcp.REFUSED
        return Tcp.NO_ROUTE if error.errno in NO_ROUTE else Tcp.SILENT
    writer.transport.abort()
    return Tcp.OPEN
