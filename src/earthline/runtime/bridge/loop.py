"""Is there another way from an interface to the network? A probe tells, before there is a loop.

The probe is an ARP probe (RFC 5227) for an address nobody has, 169.254.x.y with random x and y. It
goes out to the LAN of the interface; if some other bridge there leads to the same network, the
network's TAP hears it, since an active bridge hears all ARP requests (03, 8.5).

    ff:ff:ff:ff:ff:ff  source MAC  0806 | 0001 0800 06 04 0001 | source MAC, 0.0.0.0 | 0, target IP
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator

ETH_P_ARP = 0x0806
PROBES = 3
PROBE_WAIT_S = 0.4
"""After each probe; an address lookup across the planet takes less."""
_ARP_REQUEST = b"\x00\x01\x08\x00\x06\x04\x00\x01"


def arp_probe(mac: bytes, target: bytes) -> bytes:
    """An ARP probe as an Ethernet frame of 60 bytes, the shortest a wire carries."""
    header = b"\xff" * 6 + mac + ETH_P_ARP.to_bytes(2, "big")
    return (header + _ARP_REQUEST + mac + bytes(4) + bytes(6) + target).ljust(60, b"\0")


def unused_address() -> bytes:
    """A random link-local IPv4 address, 169.254.1.0 to 169.254.254.255."""
    return bytes([169, 254, 1 + secrets.randbelow(254), secrets.randbelow(256)])


async def leads_back(interface: str, mac: str, device: str) -> bool:
    """Whether what is sent out of ``interface`` arrives at the TAP ``device``.

    Both must be up. Raises ``OSError``.
    """
    station, target = bytes.fromhex(mac.replace(":", "")), unused_address()
    frame = arp_probe(station, target)
    with contextlib.ExitStack() as stack:
        out, back = (stack.enter_context(_packet_socket(name)) for name in (interface, device))
        async with _listener(back, frame) as heard:
            for _ in range(PROBES):
                out.send(frame)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(heard), PROBE_WAIT_S)
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
async def _listener(back: socket.socket, frame: bytes) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(_await_frame(back, frame))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _await_frame(back: socket.socket, frame: bytes) -> None:
    """Until the frame came in; how long its padding is does not matter."""
    loop = asyncio.get_running_loop()
    while not (await loop.sock_recv(back, 2048)).startswith(frame[:42]):
        pass
