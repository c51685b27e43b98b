"""Names of the devices of networks (05, 8.1)."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

from earthline.runtime.files import read_if_there

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
MASK_40 = 0xFF_FFFF_FFFF
"""The 40 bits that the name of a device is made of (05, 8.1)."""
NAME_MAX = 15
"""Linux' limit for the name of an interface, in bytes."""


def device_names(network: int) -> Iterator[str]:
    """The names to try for a network, in order: ``zt`` and 8 digits of base 32."""
    for trial in range(256):
        number = ((network ^ (network >> 24)) + trial) & MASK_40
        yield "zt" + "".join(BASE32[(number >> shift) & 31] for shift in range(35, -5, -5))


def choose_device(network: int, taken: Container[str], wished: str | None = None) -> str:
    """The first name that no interface bears; ``wished`` comes first (the user's device map)."""
    if wished and wished not in taken:
        return wished
    for name in device_names(network):
        if name not in taken:
            return name
    raise OSError(f"no interface name is free for network {network:016x}")


def device_map(home: Path) -> dict[int, str]:
    """``devicemap``: network ID to the name the user wants, from lines ``<nwid>=<name>``."""
    names: dict[int, str] = {}
    for line in (read_if_there(home / "devicemap") or b"").decode("utf-8", "replace").splitlines():
        network, _, name = line.strip().partition("=")
        if name and len(name.encode()) <= NAME_MAX and len(network) == 16:
            try:
                names[int(network, 16)] = name
            except ValueError:
                continue
    return names
