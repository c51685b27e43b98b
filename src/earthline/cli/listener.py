"""Who listens at a local TCP port, as the kernel says: only the service may have the token.

While the service is down any user can listen at its port, and would be told the token by the first
command that root types.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path

TABLES = Path("/proc/thread-self/net")
_LISTENS = "0A"
_ADDRESS, _STATE, _UID = 1, 3, 7
"""Columns of a row."""


def listeners(ip: str, port: int) -> frozenset[int] | None:
    """The uids of who would accept a connection to a loopback address; None for other addresses.

    ``OSError`` where the kernel does not tell. The most exact address wins, as it does there.
    """
    address = ipaddress.ip_address(ip.partition("%")[0])
    if not address.is_loopback:
        return None
    places = [("tcp6", ip), ("tcp6", "::")]
    if address.version == 4:
        places = [("tcp", ip), ("tcp", "0.0.0.0"), ("tcp6", f"::ffff:{ip}"), ("tcp6", "::")]
    rows = {name: list(_listening(TABLES / name)) for name in {table for table, _ in places}}
    for table, place in places:
        wanted = _as_printed(ipaddress.ip_address(place).packed, port)
        if found := frozenset(uid for where, uid in rows[table] if where == wanted):
            return found
    return frozenset()


def _as_printed(ip: bytes, port: int) -> str:
    """Words of 32 bits in the machine's order of bytes, and the port."""
    words = (int.from_bytes(ip[at : at + 4], sys.byteorder) for at in range(0, len(ip), 4))
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _listening(table: Path) -> Iterator[tuple[str, int]]:
    """Address and uid of each listener: the kernel puts them before all connections."""
    if table.name == "tcp6" and not table.exists():
        return  # a machine without IPv6
    with table.open(encoding="ascii") as rows:
        next(rows, None)
        for row in rows:
            columns = row.split()
            if columns[_STATE] != _LISTENS:
                return
            yield columns[_ADDRESS], int(columns[_UID])


def owners_of(home: Path) -> frozenset[int]:
    """Who may run the service of a home folder: root, its owner, and we ourselves."""
    trusted = {0, os.geteuid()}
    with contextlib.suppress(OSError):  # a folder that is hidden from us, or not there
        trusted.add(home.stat().st_uid)
    return frozenset(trusted)
