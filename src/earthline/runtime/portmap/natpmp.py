"""NAT-PMP (RFC 6886). Fields are big-endian; an answer's opcode is the question's plus 128.

::

    outside address?  00 00
    answer            00 80  u16 result  u32 epoch  4 bytes IP
    map UDP           00 01  u16 0       u16 internal port  u16 wished port  u32 lifetime (s)
    answer            00 81  u16 result  u32 epoch  u16 internal port  u16 port  u32 lifetime (s)

There is no nonce. An answer is taken only from the gateway's address and port, at a port of ours
that is another for each question, about the internal port asked for, and with an epoch that the
gateway can have by then: whoever else is on our network has to hear what we say to make one up.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

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

VERSION = 0
ADDRESS = 0
MAP_UDP = 1
ANSWER = 0x80
OUT_OF_RESOURCES = 4
RESULTS = {
    1: "it does not speak this version",
    2: "it is not allowed there",
    3: "it has no address itself",
    OUT_OF_RESOURCES: "it has no such port left",
    5: "it does not know the request",
}

SLACK_S = 2.0
"""What an epoch may be off by, besides the inexact clock of a gateway (RFC 6886, 3.6)."""
INEXACT = 1 / 8

T = TypeVar("T")

_MAP = struct.Struct(">BBHHHI")
_HEAD = struct.Struct(">BBHI")
_ADDRESS = struct.Struct(">BBHI4s")
_MAPPED = struct.Struct(">BBHIHHI")


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """What the gateway says of a mapping; ports and lifetime are 0 where it refused."""

    result: int
    external_port: int = 0
    lifetime_s: int = 0


ADDRESS_QUESTION = bytes([VERSION, ADDRESS])


def map_question(internal_port: int, external_port: int, lifetime_s: int) -> bytes:
    """Lifetime 0 removes the mapping of the internal port."""
    return _MAP.pack(VERSION, MAP_UDP, 0, internal_port, external_port, lifetime_s)


def parse_address_answer(data: bytes) -> bytes:
    """The gateway's outside IPv4; `NotMapped` if it has none to tell."""
    result = _result_of(data, ADDRESS)
    if result:
        raise NotMapped(reason(result))
    if len(data) < _ADDRESS.size:
        raise Malformed("NAT-PMP address answer is cut off")
    ip: bytes = _ADDRESS.unpack_from(data)[4]
    return ip


def parse_map_answer(data: bytes, internal_port: int) -> MapAnswer:
    """The answer about the mapping of an internal port."""
    result = _result_of(data, MAP_UDP)
    if result:
        return MapAnswer(result)
    if len(data) < _MAPPED.size:
        raise Malformed("NAT-PMP mapping answer is cut off")
    *_, internal, external, lifetime_s = _MAPPED.unpack_from(data)
    if internal != internal_port:
        raise Malformed("NAT-PMP answer about another port")
    if lifetime_s and not external:
        raise Malformed("NAT-PMP answer that maps no port")
    return MapAnswer(result, external, lifetime_s)


def _result_of(data: bytes, opcode: int) -> int:
    if len(data) < _HEAD.size:
        raise Malformed("NAT-PMP answer is cut off")
    version, answered, result, _epoch = _HEAD.unpack_from(data)
    if version != VERSION or answered != opcode | ANSWER:
        raise Malformed("not the NAT-PMP answer asked for")
    return int(result)


def reason(result: int) -> str:
    """A result in words."""
    return f"the gateway says no: {RESULTS.get(result, f'result {result}')}"


class Uptime:
    """For how long a gateway has been up, by what it says: each answer has to agree with the last.

    It goes on, or begins anew after a restart; all else is another's. What is refused changes
    nothing, so whoever came first is believed: when that was not the gateway, it does not answer
    any more, and the next client of it begins anew.
    """

    def __init__(self) -> None:
        self._said: tuple[int, float] | None = None

    def note(self, epoch: int, now: float) -> None:
        """An answer that came at ``now``, in seconds; `Malformed` if it cannot be the gateway's."""
        if self._said is not None:
            before, at = self._said
            passed = now - at
            slack = SLACK_S + passed * INEXACT
            goes_on = abs(epoch - before - passed) <= slack
            if not goes_on and epoch > passed + slack:
                raise Malformed("NAT-PMP answer with an epoch that is not the gateway's")
        self._said = epoch, now


def epoch_of(data: bytes) -> int:
    """Seconds since the gateway forgot what it had mapped."""
    if len(data) < _HEAD.size:
        raise Malformed("NAT-PMP answer is cut off")
    epoch: int = _HEAD.unpack_from(data)[3]
    return epoch


class NatPmp:
    """A `Client` that speaks NAT-PMP."""

    name = "nat-pmp"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._uptime = Uptime()

    async def map(self, wished: int) -> Lease:
        ip = await ask(self._site, ADDRESS_QUESTION, self._checked(parse_address_answer))
        answer = MapAnswer(OUT_OF_RESOURCES)
        for port in candidates(wished):
            answer = await self._ask(port, LIFETIME_S)
            if answer.result != OUT_OF_RESOURCES:
                break
        if answer.result:
            raise NotMapped(reason(answer.result))
        if not answer.lifetime_s:
            raise NotMapped("the gateway maps the port for no time at all")
        return Lease(reachable(self._site, ip, answer.external_port), answer.lifetime_s)

    async def release(self) -> None:
        answer = await self._ask(0, 0)
        if answer.result:
            raise NotMapped(reason(answer.result))

    async def _ask(self, external_port: int, lifetime_s: int) -> MapAnswer:
        internal = self._site.port
        question = map_question(internal, external_port, lifetime_s)
        parse = self._checked(lambda data: parse_map_answer(data, internal))
        return await ask(self._site, question, parse)

    def _checked(self, parse: Callable[[bytes], T]) -> Callable[[bytes], T]:
        """The same, for answers that the gateway itself can have given."""

        def parsed(data: bytes) -> T:
            refusal = None
            try:
                answer = parse(data)
            except NotMapped as error:
                refusal = error
            self._uptime.note(epoch_of(data), asyncio.get_running_loop().time())
            if refusal is not None:
                raise refusal
            return answer

        return parsed
