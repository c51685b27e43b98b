"""Whose sockets on this machine are, as the kernel says.

Any user can listen at the service's port while that is down, and can connect to it while it runs.
Rows of ``/proc/net/tcp``, addresses as words of 32 bits in the machine's order of bytes::

    sl  local_address rem_address   st tx_queue:rx_queue tr:when retrnsmt   uid
    0: 0100007F:2709 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLES = Path("/proc/thread-self/net")
LISTENS = "0A"
_LOCAL, _REMOTE, _STATE, _UID, _INODE = 1, 2, 3, 7, 9
"""Columns of a row; those of UDP are the same."""


@dataclass(frozen=True, slots=True)
class Row:
    """A socket at a port. The inode is that which processes have a descriptor of; 0: none has."""

    state: str
    inode: int


def at_port(table: str, port: int) -> list[Row]:
    """The sockets of a table (``tcp``, ``tcp6``, ``udp``, ``udp6``) whose own port it is."""
    ending = f":{port:04X}"
    return [
        Row(columns[_STATE], int(columns[_INODE]))
        for columns in _rows(table)
        if columns[_LOCAL].endswith(ending)
    ]


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
    rows = {name: list(_listening(name)) for name in {table for table, _ in places}}
    for table, place in places:
        wanted = _as_printed(ipaddress.ip_address(place).packed, port)
        if found := frozenset(uid for where, uid in rows[table] if where == wanted):
            return found
    return frozenset()


def callers(port: int) -> dict[tuple[str, int], int]:
    """The uid of each local end of a connection to a port, by its own address and port.

    Reads the whole table, which may be long.
    """
    ending = f":{port:04X}"
    found = {}
    for table in ("tcp", "tcp6"):
        for columns in _rows(table):
            if columns[_REMOTE].endswith(ending):
                found[_endpoint(columns[_LOCAL])] = int(columns[_UID])
    return found


def _listening(table: str) -> Iterator[tuple[str, int]]:
    """Address and uid of each listener: the kernel puts them before all connections."""
    for columns in _rows(table):
        if columns[_STATE] != LISTENS:
            return
        yield columns[_LOCAL], int(columns[_UID])


def _rows(table: str) -> Iterator[list[str]]:
    path = TABLES / table
    if table.endswith("6") and not path.exists():
        return  # a machine without IPv6
    with path.open(encoding="ascii") as rows:
        next(rows, None)
        yield from (row.split() for row in rows)


def _as_printed(ip: bytes, port: int) -> str:
    words = (int.from_bytes(ip[at : at + 4], sys.byteorder) for at in range(0, len(ip), 4))
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _endpoint(printed: str) -> tuple[str, int]:
    text, _, port = printed.partition(":")
    words = (int(text[at : at + 8], 16) for at in range(0, len(text), 8))
    address = ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return str(address), int(port, 16)
