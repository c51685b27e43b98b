"""Names of the devices of networks (05, 8.1)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

import structlog

from earthline.runtime.base.files import read_if_there

log = structlog.get_logger()

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
MASK_40 = 0xFF_FFFF_FFFF
"""The 40 bits that the name of a device is made of (05, 8.1)."""
NAME_MAX = 15
"""Linux' limit for the name of an interface, in bytes."""
DEVICE_MAP = "devicemap"
_LINE = re.compile(rb"([0-9a-fA-F]{16})=(.+)")
"""Network ID and name."""


def device_names(network: int) -> Iterator[str]:
    """The names to try for a network, in order: ``zt`` and 8 digits of base 32."""
    for trial in range(256):
        number = ((network ^ (network >> 24)) + trial) & MASK_40
        yield "zt" + "".join(BASE32[(number >> shift) & 31] for shift in range(35, -5, -5))


def name_fault(name: str) -> str:
    """Why Linux calls no interface so, in a few words; empty if it may."""
    if not 0 < len(name.encode()) <= NAME_MAX:
        return f"a name has 1 to {NAME_MAX} bytes"
    if name in {".", ".."} or not name.isprintable() or set("/:% ") & set(name):
        return "no interface has such a name"
    return ""


def wish_fault(name: str, taken: Container[str]) -> str:
    """Why an interface is not called as the user wishes, in a few words; empty if it is."""
    return name_fault(name) or ("another interface has that name" if name in taken else "")


def choose_device(network: int, taken: Container[str], wished: str | None = None) -> str:
    """The first name that no interface bears; ``wished`` comes first (the user's device map)."""
    if wished and not wish_fault(wished, taken):
        return wished
    for name in device_names(network):
        if name not in taken:
            return name
    raise OSError(f"no interface name is free for network {network:016x}")


def device_map(home: Path) -> dict[int, str]:
    """``devicemap``: network ID to the name the user wants, from lines ``<nwid>=<name>``.

    Whether an interface can be called so is another question, see `wish_fault`. What is no such
    line is left aside, and the log says so: the network has the usual name then.
    """
    path = home / DEVICE_MAP
    try:
        lines = (read_if_there(path) or b"").splitlines()
    except OSError as error:
        log.warning("file_ignored", file=str(path), why=error.strerror)
        return {}
    names: dict[int, str] = {}
    damaged = []
    for number, line in enumerate(map(bytes.strip, lines), 1):
        if found := _LINE.fullmatch(line):
            names[int(found[1], 16)] = found[2].decode("utf-8", "replace")
        elif line and not line.startswith(b"#"):
            damaged.append(number)
    if damaged:
        log.warning("lines_ignored", file=str(path), first=damaged[0], lines=len(damaged))
    return names
