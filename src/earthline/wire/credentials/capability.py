"""The capability: rules that its holder may use in addition to the network's own (03, 4.4).

::

    network u64, timestamp u64, capability ID u32, u16 rule count (at most 64), rules,
    max custody chain length u8 (1 to 7),
    custody entries: to 5, from 5, signature block,
    zero address 5, additional fields

Every entry signs the body from network to chain length: neither the rules' spelling (they are
written anew to verify) nor the entries themselves are covered.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import NamedTuple

from earthline.wire.address import address_bytes, controller_of
from earthline.wire.credentials.common import (
    FindIdentity,
    Verification,
    emit_additional_fields,
    emit_signature,
    guard,
    read_signature,
    skip_additional_fields,
    verify_signed_by,
)
from earthline.wire.identity import SecretIdentity
from earthline.wire.reader import Malformed, Reader
from earthline.wire.rules import Rule, emit_rules, read_rules

MAX_RULES = 64
MAX_CUSTODY_CHAIN = 7

_HEAD = struct.Struct(">QQIH")


class Custody(NamedTuple):
    """The capability was handed on, with the signature of who did."""

    to: int
    from_: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability as read or made."""

    network: int
    timestamp: int
    capability_id: int
    rules: tuple[Rule, ...]
    max_custody_chain: int = 1
    custody: tuple[Custody, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> Capability:
        network, timestamp, number, count = _HEAD.unpack(reader.take(_HEAD.size))
        if count > MAX_RULES:
            raise Malformed(f"capability with {count} rules")
        rules = read_rules(reader, count)
        if not 1 <= (limit := reader.u8()) <= MAX_CUSTODY_CHAIN:
            raise Malformed(f"capability with a custody chain of {limit}")
        capability = cls(network, timestamp, number, rules, limit, _read_custody(reader, limit))
        skip_additional_fields(reader)
        return capability

    def emit(self) -> bytes:
        entries = (
            address_bytes(to) + address_bytes(from_) + emit_signature(signature)
            for to, from_, signature in self.custody
        )
        return self._body() + b"".join(entries) + address_bytes(0) + emit_additional_fields()

    def signed_bytes(self) -> bytes:
        return guard(self._body())

    def sign(self, holder: SecretIdentity, to: int) -> Capability:
        """Hand the capability on: the controller to a member, or its holder to another."""
        entry = Custody(to, holder.address, holder.sign(self.signed_bytes()))
        return replace(self, custody=(*self.custody, entry))

    @property
    def issued_to(self) -> int:
        """The holder: the last it was handed to; 0 if it was not issued."""
        return self.custody[-1].to if self.custody else 0

    @property
    def table(self) -> bytes:
        """The rules as a rule table (03, 6.1)."""
        return emit_rules(self.rules)

    def verify(self, find_identity: FindIdentity) -> Verification:
        """Whether an unbroken chain of custody leads from the controller to the holder."""
        holder = controller_of(self.network)
        if not self.custody:
            return Verification.INVALID
        message = self.signed_bytes()
        for to, from_, signature in self.custody:
            if from_ != holder:
                return Verification.INVALID
            verification = verify_signed_by(from_, message, signature, find_identity)
            if verification is not Verification.VALID:
                return verification
            holder = to
        return Verification.VALID

    def _body(self) -> bytes:
        head = _HEAD.pack(self.network, self.timestamp, self.capability_id, len(self.rules))
        return head + self.table + bytes([self.max_custody_chain])


def _read_custody(reader: Reader, limit: int) -> tuple[Custody, ...]:
    entries: list[Custody] = []
    while to := reader.address():
        if len(entries) == limit:
            raise Malformed(f"capability handed on more than {limit} times")
        entries.append(Custody(to, reader.address(), read_signature(reader)))
    return tuple(entries)
