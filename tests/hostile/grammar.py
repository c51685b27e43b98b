"""What a hostile peer says: payloads of every verb, well formed, with fields drawn to hurt."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from wire_seeds import seeds

from earthline.wire.address import MAX_ADDRESS
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership, Qualifier
from earthline.wire.credentials.ownership import CertificateOfOwnership, Thing
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.mac import BROADCAST, mac_of
from earthline.wire.messages.config import (
    MAX_CONFIG,
    ConfigChunk,
    NetworkConfigRequest,
    split_config,
)
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.error import AuthenticationRequired, Error, UnwantedMulticast
from earthline.wire.messages.frame import ExtFrame, Frame, MulticastFrame
from earthline.wire.messages.multicast import MulticastGather, MulticastLike
from earthline.wire.messages.ok import (
    Gathered,
    Ok,
    OkConfigPush,
    OkHello,
    OkMulticastFrame,
    OkMulticastGather,
    OkNetwork,
    OkWhois,
)
from earthline.wire.messages.paths import PushDirectPaths, PushedPath, SprayKind, SprayRecord
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.messages.whois import Whois
from earthline.wire.multicast import MulticastGroup, group_of_ip
from earthline.wire.network_config import NetworkConfig, Route
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.rules import ACCEPT_ALL, parse_rules
from earthline.wire.world import Root, World, WorldKind

LONGEST = 9_900
"""Payload bytes of the longest packet that is delivered."""
BITS = (0, 1, 7, 8, 16, 31, 32, 47, 63, 64)


@dataclass
class Scene:
    """What whoever speaks knows: who there is, where they are, which networks there are."""

    entropy: random.Random
    identities: Sequence[Identity]
    """Everybody."""
    places: Sequence[InetAddress]
    networks: Sequence[int]
    prey: int
    """The network that may be spoilt: its controller is for sale."""
    controller: SecretIdentity
    now: int = 0

    # Fields

    def one_of(self, *choices: object) -> object:
        return self.entropy.choice(choices)

    def number(self, bits: int) -> int:
        """Small, at an edge, or anything."""
        edge = min(self.entropy.choice(BITS), bits)
        value = (1 << edge) - self.entropy.choice((0, 1))
        return min(self.entropy.choice((value, self.entropy.getrandbits(bits))), (1 << bits) - 1)

    def count(self, most: int) -> int:
        """Few, mostly; at times as many as there can be."""
        return self.entropy.choice((0, 1, 2, 3, self.entropy.randrange(most + 1), most))

    def who(self) -> int:
        known = self.entropy.choice(self.identities).address
        return self.entropy.choice((known, known, known, self.number(40)))

    def identity(self) -> Identity:
        known = self.entropy.choice(self.identities)
        key = self.entropy.choice((known.public_key, self.entropy.randbytes(64)))
        return Identity(self.entropy.choice((known.address, self.number(40))), key)

    def network(self) -> int:
        known = self.entropy.choice(self.networks)
        return self.entropy.choice((known, known, known, self.prey, self.number(64)))

    def moment(self) -> int:
        near = self.now + self.entropy.randrange(-100_000, 100_000)
        return self.entropy.choice((self.now, near, self.number(64)))

    def place(self) -> InetAddress:
        known = self.entropy.choice(self.places)
        any_v4 = InetAddress(self.entropy.randbytes(4), self.number(16))
        any_v6 = InetAddress(self.entropy.randbytes(16), self.number(16))
        other_port = InetAddress(known.ip, self.number(16))
        return self.entropy.choice((known, other_port, any_v4, any_v4, any_v6))

    def group(self) -> MulticastGroup:
        mac = self.entropy.choice((BROADCAST, self.number(48)))
        of_ip = group_of_ip(bytes((10, 1, 0, self.entropy.randrange(8))))
        return self.entropy.choice((MulticastGroup(mac, self.number(32)), of_ip))

    def data(self, most: int = 400) -> bytes:
        length = self.count(most)
        repeated = bytes([self.number(8)]) * length
        return self.entropy.choice((repeated, self.entropy.randbytes(length)))

    def mac(self) -> int:
        of_member = mac_of(self.who() or 1, self.network())
        return self.entropy.choice((of_member, BROADCAST, self.number(48)))

    # Credentials

    def certificate(self) -> CertificateOfMembership:
        who = self.identity()
        made = CertificateOfMembership.build(self.network(), self.moment(), self.number(64), who)
        if self.entropy.random() < 0.2:
            ids = sorted(self.number(8) for _ in range(self.count(8)))
            drawn = tuple(Qualifier(i, self.number(64), self.number(64)) for i in ids)
            made = CertificateOfMembership(drawn)
        return self.signed(made)

    def signed(self, thing):
        """By the controller, if it is of the network that may be spoilt; else by nobody, badly."""
        if thing.network == self.prey:
            return thing.sign(self.controller)
        return thing.sign(_FORGER)

    def tag(self) -> Tag:
        return self.signed(
            Tag(self.network(), self.moment(), self.number(32), self.number(32), self.who())
        )

    def capability(self) -> Capability:
        rules = parse_rules(ACCEPT_ALL)
        made = Capability(self.network(), self.moment(), self.number(32), rules)
        signer = self.controller if made.network == self.prey else _FORGER
        for _ in range(self.count(3)):
            made = made.sign(signer, self.who() or 1)
        return made

    def ownership(self) -> CertificateOfOwnership:
        things = tuple(
            self.entropy.choice((Thing.of_ip(self.place().ip), Thing(self.number(8), bytes(16))))
            for _ in range(self.count(16))
        )
        made = CertificateOfOwnership(
            self.network(), self.moment(), self.number(32), things, self.who()
        )
        return self.signed(made)

    def revocation(self) -> Revocation:
        made = Revocation(
            self.network(),
            self.number(32),
            self.number(32),
            self.moment(),
            self.who(),
            self.number(3),
            flags=self.number(2),
        )
        return self.signed(made)

    def some(self, draw: Callable[[], object], most: int) -> tuple:
        return tuple(draw() for _ in range(self.count(most)))

    # Configurations

    def config(self, issued_to: int) -> bytes:
        """Of the network that may be spoilt, by its own controller."""
        com = self.entropy.choice((None, self.certificate()))
        config = NetworkConfig(
            network=self.entropy.choice((self.prey, self.prey, self.network())),
            issued_to=issued_to,
            timestamp=self.moment(),
            credential_max_delta=self.number(64),
            revision=self.number(64),
            trace_target=self.who(),
            flags=self.number(8),
            multicast_limit=self.number(32),
            public=self.entropy.random() < 0.5,
            name="".join(chr(32 + self.entropy.randrange(90)) for _ in range(self.count(127))),
            mtu=self.entropy.choice((1280, 2800, 10_000, self.number(16))),
            com=com,
            capabilities=self.some(self.capability, 4),
            tags=self.some(self.tag, 8),
            ownerships=self.some(self.ownership, 4),
            specialists=self.some(lambda: self.who() | self.number(48) << 40 & (1 << 64) - 1, 16),
            routes=self.some(lambda: Route(self.place()), 8),
            static_ips=self.some(self.place, 8),
            rules=self.entropy.choice((ACCEPT_ALL, b"")),
        )
        return damaged(self.entropy, config.emit(), 0.1)

    def chunks(self, issued_to: int) -> list[bytes]:
        dictionary = self.config(issued_to)[: MAX_CONFIG - 1]
        made = split_config(self.prey, dictionary, self.number(64) or 1, self.controller)
        return [chunk.emit() for chunk in made]


_FORGER = SecretIdentity(Identity(0x0F0E0D0C0B, bytes(64)), bytes(range(64)))


def damaged(entropy: random.Random, data: bytes, chance: float) -> bytes:
    """The same, or with some bytes changed, left out or put in."""
    if entropy.random() >= chance or not data:
        return data
    changed = bytearray(data)
    for _ in range(entropy.randrange(1, 4)):
        at = entropy.randrange(len(changed) + 1)
        changed[at : at + entropy.randrange(4)] = entropy.randbytes(entropy.randrange(4))
    return bytes(changed)


# Payloads


def _ext_frame(s: Scene) -> bytes:
    certificate = s.entropy.choice((None, s.certificate()))
    flags = s.number(8) & ~1
    kind = s.entropy.choice((0x0800, 0x0806, 0x86DD, s.number(16)))
    return ExtFrame(s.network(), s.mac(), s.mac(), kind, s.data(1400), flags, certificate).emit()


def _multicast_frame(s: Scene) -> bytes:
    return MulticastFrame(
        s.network(),
        s.group(),
        s.entropy.choice((0x0800, 0x0806, 0x86DD, s.number(16))),
        s.data(1400),
        flags=s.number(8) & 8,
        certificate=s.entropy.choice((None, s.certificate())),
        gather_limit=s.entropy.choice((None, s.number(32))),
        source=s.entropy.choice((None, s.mac())),
    ).emit()


def _credentials(s: Scene) -> bytes:
    return NetworkCredentials(
        s.some(s.certificate, 8),
        s.some(s.capability, 4),
        s.some(s.tag, 8),
        s.some(s.revocation, 8),
        s.some(s.ownership, 4),
    ).emit()


def _push(s: Scene) -> bytes:
    paths = s.some(lambda: PushedPath(s.place(), s.number(8)), 60)
    target = InetAddress(s.entropy.randbytes(4), s.number(16))
    spray = s.entropy.choice((None, SprayRecord(s.entropy.choice(list(SprayKind)), target)))
    return PushDirectPaths(paths, spray).emit()


def _config_request(s: Scene) -> bytes:
    metadata = s.entropy.choice((s.data(1100), b"v=7\npv=c\nrevr=1", b"a=token:x\nv=7"))
    return NetworkConfigRequest(s.network(), metadata, s.number(64), s.number(64)).emit()


def _chunk(s: Scene) -> bytes:
    made = s.chunks(s.who())
    if made and s.entropy.random() < 0.7:
        return s.entropy.choice(made)
    total = s.number(19)
    data = s.data(1000)
    chunk = ConfigChunk(s.network(), data, s.number(64), total, s.number(18), s.number(1))
    return (
        chunk.sign(_FORGER).emit() if chunk.network != s.prey else chunk.sign(s.controller).emit()
    )


def _gather(s: Scene) -> bytes:
    certificate = s.entropy.choice((None, s.certificate()))
    return MulticastGather(s.network(), s.group(), s.number(32), certificate).emit()


def _error(s: Scene) -> bytes:
    code = s.entropy.choice((*ErrorCode, s.number(8)))
    network = s.network()
    body = s.entropy.choice(
        (
            network.to_bytes(8, "big"),
            AuthenticationRequired(network, s.data(900)).emit(),
            UnwantedMulticast(network, s.group()).emit(),
            s.identity().emit(),
        )
    )
    return Error(s.entropy.choice(list(Verb)), s.number(64), code, body).emit()


def _gathered(s: Scene) -> Gathered:
    return Gathered(s.number(32), s.some(s.who, 1_000))


def _world(s: Scene) -> bytes:
    roots = tuple(Root(s.identity(), s.some(s.place, 4)) for _ in range(s.count(4)))
    kind = s.entropy.choice(list(WorldKind))
    return World(kind, s.number(64), s.moment(), bytes(64), roots).emit()


def answer(s: Scene, verb: int, to: int) -> bytes:
    """The body of an OK to a verb."""
    match verb:
        case Verb.HELLO:
            worlds = b"".join(_world(s) for _ in range(s.count(2)))
            body = OkHello(
                s.moment(), s.number(8), s.number(8), s.number(8), s.number(16), s.place(), worlds
            ).emit()
        case Verb.WHOIS:
            body = OkWhois(s.some(s.identity, 100)).emit()
        case Verb.MULTICAST_GATHER:
            body = OkMulticastGather(s.network(), s.group(), _gathered(s)).emit()
        case Verb.MULTICAST_FRAME:
            certificate = s.entropy.choice((None, s.certificate()))
            body = OkMulticastFrame(s.network(), s.group(), certificate, _gathered(s)).emit()
        case Verb.NETWORK_CONFIG_REQUEST:
            body = s.entropy.choice(s.chunks(to) or [b""])
        case Verb.NETWORK_CONFIG:
            body = OkConfigPush(s.network(), s.number(64)).emit()
        case _:
            body = s.entropy.choice((OkNetwork(s.network()).emit(), s.data(1400)))
    return damaged(s.entropy, body, 0.1)


def _ok(s: Scene) -> bytes:
    verb = s.entropy.choice(list(Verb))
    return Ok(verb, s.number(64), answer(s, verb, s.who())).emit()


PAYLOADS: dict[int, Callable[[Scene], bytes]] = {
    Verb.NOP: lambda s: s.data(),
    Verb.HELLO: lambda s: s.data(),
    Verb.ERROR: _error,
    Verb.OK: _ok,
    Verb.WHOIS: lambda s: Whois(s.some(lambda: s.who() & MAX_ADDRESS, 200)).emit(),
    Verb.RENDEZVOUS: lambda s: Rendezvous(s.who(), s.place()).emit(),
    Verb.FRAME: lambda s: Frame(s.network(), s.number(16), s.data(1400)).emit(),
    Verb.EXT_FRAME: _ext_frame,
    Verb.ECHO: lambda s: s.data(1400),
    Verb.MULTICAST_LIKE: lambda s: MulticastLike(
        s.some(lambda: (s.network(), s.group()), 500)
    ).emit(),
    Verb.NETWORK_CREDENTIALS: _credentials,
    Verb.NETWORK_CONFIG_REQUEST: _config_request,
    Verb.NETWORK_CONFIG: _chunk,
    Verb.MULTICAST_GATHER: _gather,
    Verb.MULTICAST_FRAME: _multicast_frame,
    Verb.PUSH_DIRECT_PATHS: _push,
    Verb.ACK: lambda s: s.data(),
    Verb.QOS_MEASUREMENT: lambda s: s.data(),
    Verb.USER_MESSAGE: lambda s: s.data(4_000),
    Verb.REMOTE_TRACE: lambda s: b"x\0" * s.count(4_000),
    Verb.PATH_NEGOTIATION_REQUEST: lambda s: s.data(),
}
"""By verb."""


def payload(s: Scene, verb: int) -> bytes:
    """By the grammar, mostly; what stock nodes say, damaged; or anything."""
    dice = s.entropy.random()
    if dice < 0.7 and verb in PAYLOADS:
        return damaged(s.entropy, PAYLOADS[verb](s), 0.15)[:LONGEST]
    if dice < 0.9:
        return damaged(s.entropy, s.entropy.choice(_said(verb)), 0.9)
    return s.data(1_400)


@cache
def _said(verb: int) -> tuple[bytes, ...]:
    name = Verb(verb).name.lower() if verb in set(Verb) else "nop"
    return seeds(name)
