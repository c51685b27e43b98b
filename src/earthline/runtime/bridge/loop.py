"""Is there another way from an interface to the network? A probe tells, before there is a loop.

The probe is an ARP packet about an address nobody has, 169.254.x.y with random x and y. It goes
out to the LAN of the interface; if some other bridge there leads to the same network, the network's
TAP hears it: a request (RFC 5227) where that bridge knows already that we are one too, since active
bridges hear all requests (03, 8.5), an announcement as any member that listens to broadcasts.

    ff:ff:ff:ff:ff:ff  source MAC  0806 | 0001 0800 06 04 0001 | source MAC, none | none, IP
                                        | 0001 0800 06 04 0002 | source MAC, IP   | none, IP
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator

ETH_P_ARP = 0x0806
PROBES = 3
"""Of each sort."""
PROBE_WAIT_S = 0.4
"""After each probe; an address lookup across the planet takes less."""
_ARP = b"\x00\x01\x08\x00\x06\x04"
_REQUEST, _REPLY = b"\x00\x01", b"\x00\x02"
_LENGTH = 42
"""Of header and ARP packet, without padding."""


def probes(mac: bytes, target: bytes) -> tuple[bytes, bytes]:
    """Request and announcement, as Ethernet frames of 60 bytes, the shortest a wire carries."""
    header = b"\xff" * 6 + mac + ETH_P_ARP.to_bytes(2, "big") + _ARP
    frames = (
        header + _REQUEST + mac + bytes(4) + bytes(6) + target,
        header + _REPLY + mac + target + bytes(6) + target,
    )
    return frames[0].ljust(60, b"\0"), frames[1].ljust(60, b"\0")


def unused_address() -> bytes:
    """A random link-local IPv4 address, 169.254.1.0 to 169.254.254.255."""
    return bytes([169, 254, 1 + secrets.randbelow(254), secrets.randbelow(256)])


async def leads_back(interface: str, mac: str, device: str) -> bool:
    """Whether what is sent out of ``interface`` arrives at the TAP ``device``.

    Both must be up. Raises ``OSError``.
    """
    frames = probes(bytes.fromhex(mac.replace(":", "")), unused_address())
    with contextlib.ExitStack() as stack:
        out, back = (stack.enter_context(_packet_socket(name)) for name in (interface, device))
        async with _listener(back, frames) as heard:
            for _ in range(PROBES):
                for frame in frames:
                    out.send(frame)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_WAIT_S):
                        await asyncio.shield(heard)
                    return True
    return False


def _packet_socket(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    opened.setblocking(False)
    try:
        opened.bind((interface, ETH_P_ARP))
    except OSError:
        opened.close()
        raise
    return opened


@contextlib.asynccontextmanager
async def _listener(
    back: socket.socket, frames: tuple[bytes, bytes]
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(_await_one(back, frames))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _await_one(back: socket.socket, frames: tuple[bytes, bytes]) -> None:
    """Until one of the frames came in; how long its padding is does not matter."""
    loop = asyncio.get_running_loop()
    sent = {frame[:_LENGTH] for frame in frames}
    while (await loop.sock_recv(back, 2048))[:_LENGTH] not in sent:
        pass
