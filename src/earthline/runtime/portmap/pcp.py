"""PCP, the MAP opcode (RFC 6887). Fields are big-endian; IPs have 16 bytes, IPv4 is mapped.

::

    question  02 01  u16 0          u32 lifetime (s)  16 bytes own IP
    answer    02 81  00  u8 result  u32 lifetime (s)  u32 epoch  12 bytes 0
    then      12 bytes nonce  u8 17 (UDP)  3 bytes 0
              u16 internal port  u16 outside port  16 bytes outside IP

Only who knows the nonce may change a mapping, so ours is the same in every run.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from earthline.runtime.portmap.exchange import ask
from earthline.runtime.portmap.lease import (
    LIFETIME_S,
    Lease,
    NotMapped,
    Site,
    candidates,
    reachable,
)
from earthline.wire.reader import Malformed

VERSION = 2
MAP = 1
ANSWER = 0x80
UDP = 17
NONCE_LENGTH = 12
UNSUPPORTED_VERSION = 1
NO_RESOURCES = 8
CANNOT_PROVIDE_EXTERNAL = 11
RESULTS = {
    UNSUPPORTED_VERSION: "it does not speak PCP",
    2: "it is not allowed there, or the port is another program's",
    3: "it takes the request for malformed",
    4: "it does not map ports",
    5: "it does not know an option",
    6: "it takes an option for malformed",
    7: "it has no network itself",
    NO_RESOURCES: "it has no room left",
    9: "it does not map UDP",
    10: "we have too many ports already",
    CANNOT_PROVIDE_EXTERNAL: "it cannot give such a port",
    12: "there is another NAT between us and it",
    13: "too many remote peers",
}
_ANOTHER_PORT = (NO_RESOURCES, CANNOT_PROVIDE_EXTERNAL)

_V4_MAPPED = bytes(10) + b"\xff\xff"
_QUESTION = struct.Struct(">BBHI16s")
_ANSWER = struct.Struct(">BBBBII12x")
_MAPPING = struct.Struct(">12sB3xHH16s")


@dataclass(frozen=True, slots=True)
class MapQuestion:
    """Lifetime 0 removes the mapping."""

    nonce: bytes
    client: bytes
    """Our IPv4."""
    internal_port: int
    external_port: int
    lifetime_s: int

    def emit(self) -> bytes:
        """60 bytes."""
        head = _QUESTION.pack(VERSION, MAP, 0, self.lifetime_s, _V4_MAPPED + self.client)
        anywhere = _V4_MAPPED + bytes(4)
        ports = (self.internal_port, self.external_port)
        return head + _MAPPING.pack(self.nonce, UDP, *ports, anywhere)


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """What the gateway says of a mapping."""

    result: int
    lifetime_s: int = 0
    external_port: int = 0
    external_ip: bytes = b""
    """IPv4, or IPv6 where the gateway has only that outside."""


def parse_map_answer(data: bytes, nonce: bytes, internal_port: int) -> MapAnswer:
    """The answer to our question and to no other; `Malformed` for anything else."""
    if len(data) >= 4 and data[0] != VERSION and data[1] & ANSWER:
        return MapAnswer(UNSUPPORTED_VERSION)  # the layout of other versions is not known
    if len(data) < _ANSWER.size:
        raise Malformed("PCP answer is cut off")
    version, opcode, _, result, lifetime_s, _epoch = _ANSWER.unpack_from(data)
    if (version, opcode) != (VERSION, MAP | ANSWER):
        raise Malformed("not the PCP answer asked for")
    if result == UNSUPPORTED_VERSION:
        return MapAnswer(result)
    if len(data) < _ANSWER.size + _MAPPING.size:
        raise Malformed("PCP answer without its mapping")
    answered, protocol, internal, external, ip = _MAPPING.unpack_from(data, _ANSWER.size)
    if (answered, protocol, internal) != (nonce, UDP, internal_port):
        raise Malformed("PCP answer to a question of somebody else")
    external_ip = ip[12:] if ip.startswith(_V4_MAPPED) else ip
    return MapAnswer(result, lifetime_s, external, external_ip)


def reason(result: int) -> str:
    """A result in words."""
    return f"the gateway says no: {RESULTS.get(result, f'result {result}')}"


class Pcp:
    """A `Client` that speaks PCP."""

    name = "pcp"

    def __init__(self, site: Site, nonce: bytes) -> None:
        self._site = site
        self._nonce = nonce

    async def map(self, wished: int) -> Lease:
        answer = MapAnswer(NO_RESOURCES)
        for port in candidates(wished):
            answer = await self._ask(port, LIFETIME_S)
            if answer.result not in _ANOTHER_PORT:
                break
        if answer.result:
            raise NotMapped(reason(answer.result))
        if not answer.lifetime_s:
            raise NotMapped("the gateway maps the port for no time at all")
        return Lease(
            reachable(self._site, answer.external_ip, answer.external_port), answer.lifetime_s
        )

    async def release(self) -> None:
        answer = await self._ask(0, 0)
        if answer.result:
            raise NotMapped(reason(answer.result))

    async def _ask(self, external_port: int, lifetime_s: int) -> MapAnswer:
        internal, nonce = self._site.port, self._nonce
        client = ipaddress.IPv4Address(self._site.client).packed
        question = MapQuestion(nonce, client, internal, external_port, lifetime_s).emit()
        return await ask(self._site, question, lambda data: parse_map_answer(data, nonce, internal))
