"""Identities: an address, the two public keys it was derived from, and secrets (01, 2).

::

    address 5, type u8 (0), public key 64, private key length u8 (0 or 64), private key 0/64

Public key: 32 bytes X25519, 32 bytes Ed25519. Private key: X25519 scalar, Ed25519 seed.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass, field

from earthline import _native
from earthline.wire.address import address_bytes, format_address, is_reserved
from earthline.wire.reader import Malformed, Reader

PUBLIC_KEY_LENGTH = 64
PRIVATE_KEY_LENGTH = 64
SIGNATURE_LENGTH = 96
IDENTITY_LENGTH = 71
"""Bytes of a public identity on the wire."""

_TYPE_V0 = 0x00
_PUBLIC = struct.Struct(">BIB64sB")
"""Up to the length of the private key; the address in two parts."""

_TEXT = re.compile(
    r"(?P<address>[0-9a-f]{10}):0:(?P<public>[0-9a-f]{128})(?::(?P<private>[0-9a-f]{128}))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's public identity. Parsing does not prove it: see `locally_valid`."""

    address: int
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read the text form, with or without secret part; ValueError otherwise (01, 2.5).

        Upper case and white space at the end are accepted, nothing sloppier.
        """
        identity, _ = _parse_text(text)
        return identity

    @classmethod
    def read(cls, reader: Reader) -> Identity:
        """Read the binary form; a private key in it is passed over (01, 2.6)."""
        high, low, kind, public_key, length = _PUBLIC.unpack(reader.take(_PUBLIC.size))
        if kind != _TYPE_V0:
            raise Malformed(f"identity of unknown type {kind:#04x}")
        if length not in (0, PRIVATE_KEY_LENGTH):
            raise Malformed(f"private key of {length} bytes")
        reader.skip(length)
        return cls(high << 32 | low, public_key)

    def emit(self) -> bytes:
        """71 bytes."""
        return address_bytes(self.address) + b"\x00" + self.public_key + b"\x00"

    def __str__(self) -> str:
        return f"{format_address(self.address)}:0:{self.public_key.hex()}"

    def locally_valid(self) -> bool:
        """Whether the address fits the key by the slow hash: some 10 ms of work (01, 2.4)."""
        return _native.validate_identity(self.address, self.public_key)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this identity signed ``message`` (01, 2.8)."""
        return _native.verify(self.public_key, message, signature)

    @property
    def hash(self) -> bytes:
        """SHA-384 of address and key, 48 bytes (01, 2.7)."""
        return hashlib.sha384(address_bytes(self.address) + self.public_key).digest()


@dataclass(frozen=True, slots=True)
class SecretIdentity:
    """An identity with its private key: ours, or a controller's or signer's in tests."""

    public: Identity
    private_key: bytes = field(repr=False)

    @classmethod
    def generate(cls, seed: bytes, threads: int) -> SecretIdentity:
        """Search for a fresh identity from 32 bytes of entropy (01, 2.3)."""
        address, public_key, private_key = _native.generate_identity(seed, threads)
        return cls(Identity(address, public_key), private_key)

    @classmethod
    def parse(cls, text: str) -> SecretIdentity:
        """Read the secret text form; ValueError for anything else (01, 2.5)."""
        identity, private_key = _parse_text(text)
        if private_key is None:
            raise ValueError(f"identity {format_address(identity.address)} has no secret part")
        return cls(identity, private_key)

    @property
    def address(self) -> int:
        return self.public.address

    @property
    def text(self) -> str:
        """The secret text form, 270 characters."""
        return f"{self.public}:{self.private_key.hex()}"

    def emit_secret(self) -> bytes:
        """135 bytes: never for the wire."""
        return self.public.emit()[:-1] + bytes([PRIVATE_KEY_LENGTH]) + self.private_key

    def sign(self, message: bytes) -> bytes:
        """96-byte signature (01, 2.8)."""
        return _native.sign(self.private_key, message)

    def agree(self, identity: Identity) -> bytes:
        """The permanent 48-byte key K shared with another identity (01, 2.9)."""
        return _native.agree(self.private_key, identity.public_key)


def _parse_text(text: str) -> tuple[Identity, bytes | None]:
    match = _TEXT.fullmatch(text.rstrip())
    if match is None:
        raise ValueError("not the text of an identity")
    address = int(match["address"], 16)
    if is_reserved(address):
        raise ValueError(f"identity with the reserved address {format_address(address)}")
    private = match["private"]
    identity = Identity(address, bytes.fromhex(match["public"]))
    return identity, None if private is None else bytes.fromhex(private)
