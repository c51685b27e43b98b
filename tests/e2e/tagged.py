"""Raw 802.1Q frames, sent and received at an interface: it needs no VLAN interface of the kernel.

destination MAC, source MAC, 8100, tag (priority 3 bits, 1 bit, VLAN 12 bits), 88b5, payload
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time

from segments import mac_of

from earthline.lab.topology import Machine

TPID = 0x8100
EXPERIMENTAL = 0x88B5
ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 0x10
_AUXDATA = struct.Struct("=IIIHHHH")


def tagged_frame_arrives(
    source: Machine, source_device: str, target: Machine, target_device: str, tag: int
) -> bool:
    """Whether a frame sent at one interface is received at another, tag and payload intact."""
    macs = mac_of(target, target_device), mac_of(source, source_device)
    payload = os.urandom(64)
    header = b"".join(bytes.fromhex(mac.replace(":", "")) for mac in macs)
    frame = header + struct.pack(">HHH", TPID, tag, EXPERIMENTAL) + payload
    with _open(source, source_device) as out, _open(target, target_device) as back:
        for _ in range(20):
            out.send(frame)
            if _receive(back, tag, payload):
                return True
    return False


def _open(machine: Machine, device: str) -> socket.socket:
    with machine.inside():
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        opened.bind((device, ETH_P_ALL))
    opened.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    opened.settimeout(0.2)
    return opened


def _receive(back: socket.socket, tag: int, payload: bytes) -> bool:
    deadline = time.monotonic() + 1
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < deadline:
            data, ancillary, _, _ = back.recvmsg(2048, 64)
            if data.endswith(payload):
                return _tag_of(ancillary) == tag
    return False


def _tag_of(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The kernel has taken the tag out of the frame, and tells it beside."""
    for level, kind, value in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = _AUXDATA.unpack(value)
            return tci if status & VLAN_VALID else None
    return None
