"""Internet addresses with a port that doubles as a prefix length (01, 5.1; scopes 02, 0.1).

::

    00                       none
    01 / 02  6 bytes         Ethernet, Bluetooth: reserved, skipped
    03  u16 length, bytes    other: reserved, skipped
    04  4 bytes IP, u16 port
    06  16 bytes IP, u16 port
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from earthline.wire.reader import Malformed, Reader

_NONE = 0x00
_ETHERNET = 0x01
_BLUETOOTH = 0x02
_OTHER = 0x03
_IPV4 = 0x04
_IPV6 = 0x06

_V4_MAPPED = bytes(10) + b"\xff\xff"


class Scope(IntEnum):
    """How far an IP address reaches; the numbers order nothing (02, 0.1)."""

    NONE = 0
    MULTICAST = 1
    LOOPBACK = 2
    PSEUDO_PRIVATE = 3
    GLOBAL = 4
    LINK_LOCAL = 5
    SHARED = 6
    PRIVATE = 7


class InetAddress(NamedTuple):
    """An IP of 4 or 16 bytes, and a UDP port, prefix length or metric as the place demands."""

    ip: bytes
    port: int

    @classmethod
    def parse(cls, text: str) -> InetAddress:
        """Read ``ip/port``; a missing port is 0. Raises ValueError for anything else."""
        ip, slash, port = text.partition("/")
        if slash and not (port.isascii() and port.isdigit() and int(port) <= 0xFFFF):
            raise ValueError(f"not a port or prefix length: {text!r}")
        if "%" in ip:
            raise ValueError(f"zones are not addresses: {text!r}")
        return cls(ipaddress.ip_address(ip).packed, int(port or 0))

    def __str__(self) -> str:
        return f"{self.ip_text}/{self.port}"

    @property
    def ip_text(self) -> str:
        """The IP alone, as ``inet_ntop`` prints it."""
        if self.ip.startswith(_V4_MAPPED):
            return f"::ffff:{ipaddress.IPv4Address(self.ip[12:])}"
        return str(ipaddress.ip_address(self.ip))

    @property
    def is_ipv4(self) -> bool:
        return len(self.ip) == 4

    def emit(self) -> bytes:
        """7 or 19 bytes."""
        kind = _IPV4 if self.is_ipv4 else _IPV6
        return bytes([kind]) + self.ip + self.port.to_bytes(2, "big")

    @property
    def scope(self) -> Scope:
        """How far the IP reaches (02, 0.1)."""
        return _scope_of_ipv4(self.ip) if self.is_ipv4 else _scope_of_ipv6(self.ip)

    @property
    def bits(self) -> int:
        """Length of the IP in bits: 32 or 128."""
        return 8 * len(self.ip)

    @property
    def netmask_valid(self) -> bool:
        """Whether the port is a possible prefix length."""
        return self.port <= self.bits

    @property
    def netmask(self) -> InetAddress:
        """The mask of the prefix length; ValueError where that is too long."""
        return self._with(self._mask())

    @property
    def network(self) -> InetAddress:
        """The address with its host bits cleared."""
        return self._with(int.from_bytes(self.ip, "big") & self._mask())

    @property
    def broadcast(self) -> InetAddress | None:
        """The address with its host bits set; None for IPv6 and /32."""
        if len(self.ip) != 4 or self.port >= 32:
            return None
        last = int.from_bytes(self.ip, "big") | 0xFFFFFFFF >> self.port
        return InetAddress(last.to_bytes(4, "big"), self.port)

    @property
    def is_network(self) -> bool:
        """Whether a prefix (neither everything nor one host) is named, with no host bit set."""
        return 0 < self.port < self.bits and self.network == self

    @property
    def is_default_route(self) -> bool:
        return self.port == 0 and not any(self.ip)

    def contains(self, other: InetAddress) -> bool:
        """Whether ``other`` lies in this network (01, 5.1).

        An IPv6 network written with host bits contains nothing, as at stock nodes.
        """
        length = len(self.ip)
        host_bits = 8 * length - self.port
        if len(other.ip) != length or host_bits < 0:
            return False
        base = int.from_bytes(self.ip, "big") >> host_bits << host_bits
        if length != 4 and base != int.from_bytes(self.ip, "big"):
            return False
        return int.from_bytes(other.ip, "big") >> host_bits << host_bits == base

    def _mask(self) -> int:
        bits = 8 * len(self.ip)
        if self.port > bits:
            raise ValueError(f"prefix length {self.port} of a {bits}-bit address")
        ones = (1 << bits) - 1
        return ones >> self.port ^ ones

    def _with(self, number: int) -> InetAddress:
        return InetAddress(number.to_bytes(len(self.ip), "big"), self.port)


class Subnets:
    """Networks of which one may hold an address: a look for each prefix length there is."""

    def __init__(self, networks: Iterable[InetAddress]) -> None:
        found: dict[tuple[int, int, int], set[int]] = {}
        for network in networks:
            mask = int.from_bytes(network.netmask.ip, "big")
            same = found.setdefault((network.port, len(network.ip), mask), set())
            same.add(int.from_bytes(network.network.ip, "big"))
        self._narrowest_first = sorted(found.items(), reverse=True)
        """Prefix length, length of the IP and mask; and the networks' first addresses."""

    def longest(self, address: InetAddress) -> int:
        """The prefix length of the narrowest that holds an address; -1 if none does."""
        number, length = int.from_bytes(address.ip, "big"), len(address.ip)
        for (prefix, of_length, mask), firsts in self._narrowest_first:
            if of_length == length and number & mask in firsts:
                return prefix
        return -1

    def __contains__(self, address: InetAddress) -> bool:
        return self.longest(address) >= 0


def read_inet(reader: Reader) -> InetAddress | None:
    """Read one record; reserved types read as None. Raises `Malformed` for unknown types."""
    kind = reader.u8()
    if kind == _IPV4:
        return InetAddress(reader.take(4), reader.u16())
    if kind == _IPV6:
        return InetAddress(reader.take(16), reader.u16())
    if kind in (_ETHERNET, _BLUETOOTH):
        reader.skip(6)
    elif kind == _OTHER:
        reader.sized()
    elif kind != _NONE:
        raise Malformed(f"internet address of unknown type {kind:#04x}")
    return None


def emit_inet(address: InetAddress | None) -> bytes:
    """1, 7 or 19 bytes; None is the null address."""
    return b"\x00" if address is None else address.emit()


_PSEUDO_PRIVATE_BLOCKS = frozenset((6, 11, 21, 22, 25, 26, 28, 29, 30, 51, 55, 56))

_IPV4_SCOPES: tuple[tuple[int, int, Scope], ...] = (
    (0x00000000, 8, Scope.NONE),
    (0xFF000000, 8, Scope.NONE),
    (0x7F000000, 8, Scope.LOOPBACK),
    (0xE0000000, 4, Scope.MULTICAST),
    (0xF0000000, 4, Scope.PSEUDO_PRIVATE),
    (0xA9FE0000, 16, Scope.LINK_LOCAL),
    (0x0A000000, 8, Scope.PRIVATE),
    (0xAC100000, 12, Scope.PRIVATE),
    (0xC0A80000, 16, Scope.PRIVATE),
    (0x64400000, 10, Scope.PRIVATE),
    (0xC0000200, 24, Scope.PRIVATE),
    (0xC6120000, 15, Scope.PRIVATE),
    (0xC6336400, 24, Scope.PRIVATE),
    (0xCB007100, 24, Scope.PRIVATE),
)
"""(base, prefix length, scope), first match wins."""


def _rows_for(first: int) -> tuple[tuple[int, int, Scope], ...]:
    """Those that an address with this first byte can match."""
    if first in _PSEUDO_PRIVATE_BLOCKS:
        return ((first << 24, 8, Scope.PSEUDO_PRIVATE),)
    return tuple(row for row in _IPV4_SCOPES if (first ^ row[0] >> 24) >> max(8 - row[1], 0) == 0)


_IPV4_ROWS = tuple(_rows_for(first) for first in range(0x100))
"""Of most first bytes there are none, and scopes are asked for with every packet."""


def _scope_of_ipv4(ip: bytes) -> Scope:
    number = int.from_bytes(ip, "big")
    for base, bits, scope in _IPV4_ROWS[ip[0]]:
        if (number ^ base) >> (32 - bits) == 0:
            return scope
    return Scope.GLOBAL


_IPV6_LOOPBACKS = (bytes(15) + b"\x01", b"\xfe\x80" + bytes(13) + b"\x01")


def _scope_of_ipv6(ip: bytes) -> Scope:
    if not any(ip):
        return Scope.NONE
    if ip[0] == 0xFF:
        return Scope.MULTICAST
    if ip in _IPV6_LOOPBACKS or ip[:13] == _V4_MAPPED + b"\x7f":
        return Scope.LOOPBACK
    if ip[0] == 0xFE and ip[1] & 0xC0 == 0x80:
        return Scope.LINK_LOCAL
    if ip[0] & 0xFE == 0xFC:
        return Scope.PRIVATE
    return Scope.GLOBAL
