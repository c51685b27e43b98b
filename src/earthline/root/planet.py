"""Making and re-issuing planets and moons (01, 7.5 and 7.6).

A world is made from a *definition*: who signs it, and its roots. The definition holds the private
key, so it never leaves the machine that issues the world; what is given away is the signed `World`.

::

    {"id": "<10 hex digits, or 16>", "objtype": "world",
     "roots": [{"identity": "<public identity>", "stableEndpoints": ["<ip>/<port>", ...]}, ...],
     "signingKey": "<128 hex digits>", "signingKey_SECRET": "<128 hex digits>",
     "updatesMustBeSignedBy": "<128 hex digits>", "worldType": "planet" or "moon"}

The stock tools for moons read and write the same object, in the same order.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from earthline import _native
from earthline.wire.identity import PRIVATE_KEY_LENGTH, PUBLIC_KEY_LENGTH, Identity
from earthline.wire.inet import InetAddress
from earthline.wire.world import MAX_ENDPOINTS, MAX_ROOTS, Root, World, WorldKind

SIGNING_FILE = "planet.signing.json"
"""Name of a planet's definition in the home folder; only its owner may read it (mode 0600)."""

_KINDS = {"planet": WorldKind.PLANET, "moon": WorldKind.MOON}
_MAX_WORLD_ID = 0xFFFFFFFFFFFFFFFF


class DefinitionFault(ValueError):
    """A definition that makes no world. One line: the file and its fault."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair that signs revisions of a world."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, entropy: Callable[[int], bytes]) -> SigningKey:
        """A fresh pair: no proof of work, no address."""
        secret = entropy(PRIVATE_KEY_LENGTH)
        return cls(_native.public_key_of(secret), secret)


@dataclass(frozen=True, slots=True)
class WorldDefinition:
    """All it takes to issue a world."""

    kind: WorldKind
    world_id: int
    key: SigningKey
    next_key: bytes
    """Public key that must sign the revision after this one."""
    roots: tuple[Root, ...]

    def issue(self, now: int, current: World | None = None) -> World:
        """The signed world, newer than ``current`` whatever the clock says (01, 7.3)."""
        timestamp = now if current is None else max(now, current.timestamp + 1)
        unsigned = World(self.kind, self.world_id, timestamp, self.next_key, _sorted(self.roots))
        return unsigned.sign(self.key.secret)

    def with_roots(self, roots: Iterable[Root]) -> WorldDefinition:
        """The same world with other roots or endpoints; `DefinitionFault` if there are too many."""
        return _checked(replace(self, roots=tuple(roots)), "the world")

    def emit(self) -> str:
        """The text of the definition, secret key included."""
        kind = next(name for name, kind in _KINDS.items() if kind is self.kind)
        return json.dumps(
            {
                "objtype": "world",
                "worldType": kind,
                "id": f"{self.world_id:010x}",
                "signingKey": self.key.public.hex(),
                "signingKey_SECRET": self.key.secret.hex(),
                "updatesMustBeSignedBy": self.next_key.hex(),
                "roots": [_emit_root(root) for root in self.roots],
            },
            indent=1,
            sort_keys=True,
        )

    @classmethod
    def parse(cls, text: str, name: str) -> WorldDefinition:
        """Read a definition; ``name`` is the file's. Raises `DefinitionFault`."""
        try:
            definition = _read(_parsed(text))
        except KeyError as missing:
            raise DefinitionFault(f"{name}: {missing.args[0]} is missing") from None
        except (ValueError, TypeError, RecursionError) as fault:
            raise DefinitionFault(f"{name}: {fault}".splitlines()[0]) from None
        return _checked(definition, name)


def define_planet(roots: Sequence[Root], key: SigningKey, world_id: int) -> WorldDefinition:
    """A planet. Its world ID is the root that controls its Earth, if it has one (see `earth`)."""
    definition = WorldDefinition(WorldKind.PLANET, world_id, key, key.public, tuple(roots))
    return _checked(definition, "the planet")


def define_moon(identity: Identity, key: SigningKey) -> WorldDefinition:
    """A moon named after its first root, which has no endpoints yet."""
    return WorldDefinition(WorldKind.MOON, identity.address, key, key.public, (Root(identity),))


def world_file(world: World | WorldDefinition) -> str:
    """The file name of a moon: 16 hex digits of its ID."""
    return f"{world.world_id:016x}.moon"


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as fault:
        raise ValueError(f"invalid JSON: {fault}") from None


def _read(written: object) -> WorldDefinition:
    if not isinstance(written, dict):
        raise TypeError("it is not a JSON object")
    kind = _KINDS.get(_text(written, "worldType"))
    if kind is None:
        raise ValueError("worldType is neither planet nor moon")
    return WorldDefinition(
        kind=kind,
        world_id=_read_world_id(_text(written, "id")),
        key=SigningKey(
            _read_key(written, "signingKey", PUBLIC_KEY_LENGTH),
            _read_key(written, "signingKey_SECRET", PRIVATE_KEY_LENGTH),
        ),
        next_key=_read_key(written, "updatesMustBeSignedBy", PUBLIC_KEY_LENGTH),
        roots=tuple(_read_root(root) for root in _array(written, "roots")),
    )


def _read_root(written: object) -> Root:
    if not isinstance(written, dict):
        raise TypeError("roots holds something that is not an object")
    identity = Identity.parse(_text(written, "identity"))
    endpoints = _array(written, "stableEndpoints")
    return Root(identity, tuple(InetAddress.parse(str(endpoint)) for endpoint in endpoints))


def _emit_root(root: Root) -> dict[str, Any]:
    endpoints = [str(endpoint) for endpoint in root.endpoints]
    return {"identity": str(root.identity), "stableEndpoints": endpoints}


def _read_world_id(text: str) -> int:
    if not 0 < len(text) <= 16 or not set(text) <= set(string.hexdigits):
        raise ValueError("id is not a number of at most 16 hex digits")
    return int(text, 16)


def _read_key(written: dict[str, Any], key: str, length: int) -> bytes:
    text = _text(written, key)
    if len(text) != 2 * length or not set(text) <= set(string.hexdigits):
        raise ValueError(f"{key} is not {2 * length} hex digits")
    return bytes.fromhex(text)


def _text(written: dict[str, Any], key: str) -> str:
    value = written[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a string")
    return value


def _array(written: dict[str, Any], key: str) -> list[Any]:
    value = written[key]
    if not isinstance(value, list):
        raise TypeError(f"{key} is not an array")
    return value


def _checked(definition: WorldDefinition, name: str) -> WorldDefinition:
    if fault := _fault(definition):
        raise DefinitionFault(f"{name}: {fault}")
    return definition


def _fault(definition: WorldDefinition) -> str | None:
    if not 0 < definition.world_id <= _MAX_WORLD_ID:
        return "a world ID of 0 is refused"
    if not 0 < len(definition.roots) <= MAX_ROOTS:
        return f"{len(definition.roots)} roots, and 1 to {MAX_ROOTS} are possible"
    if _native.public_key_of(definition.key.secret) != definition.key.public:
        return "signingKey_SECRET does not belong to signingKey"
    if len({root.identity.address for root in definition.roots}) != len(definition.roots):
        return "one root is named twice"
    for root in definition.roots:
        if len(root.endpoints) > MAX_ENDPOINTS:
            return f"root {root.identity.address:010x} has more than {MAX_ENDPOINTS} endpoints"
        if not root.identity.locally_valid():
            return f"the identity of root {root.identity.address:010x} is not genuine"
    return None


def _sorted(roots: Iterable[Root]) -> tuple[Root, ...]:
    """Endpoints, then roots, in the order in which the stock tools put and sign them."""
    ordered = (Root(root.identity, tuple(sorted(root.endpoints, key=_rank))) for root in roots)
    return tuple(sorted(ordered, key=lambda root: root.identity.emit()))


def _rank(endpoint: InetAddress) -> tuple[bool, int, bytes]:
    """By family, port, address; ports and IPv4 addresses by their bytes read backwards."""
    port = int.from_bytes(endpoint.port.to_bytes(2, "big"), "little")
    return not endpoint.is_ipv4, port, endpoint.ip[::-1] if endpoint.is_ipv4 else endpoint.ip
