"""The dearest packets there are of each verb: what is priced (`hostile.price`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from earthline.vl1.verbs.push import MAX_PER_SCOPE
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.mac import BROADCAST, mac_of
from earthline.wire.messages.config import ConfigChunk, NetworkConfigRequest
from earthline.wire.messages.error import AuthenticationRequired, Error, UnwantedMulticast
from earthline.wire.messages.frame import FLAG_ACKNOWLEDGE, ExtFrame, Frame, MulticastFrame
from earthline.wire.messages.hello import Hello
from earthline.wire.messages.multicast import MulticastGather, MulticastLike
from earthline.wire.messages.ok import (
    Gathered,
    Ok,
    OkHello,
    OkMulticastFrame,
    OkMulticastGather,
    OkWhois,
)
from earthline.wire.messages.paths import (
    MAX_RECORDS,
    PushDirectPaths,
    PushedPath,
    SprayKind,
    SprayRecord,
)
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.messages.whois import Whois
from earthline.wire.multicast import BROADCAST_GROUP, MulticastGroup
from earthline.wire.packet import ErrorCode, Suite, Verb
from hostile.call import LONGEST, Call, Say, some
from hostile.dear_credentials import CREDENTIALS
from hostile.stage import CROWDED
from hostile.wire import Speaker, made_up


def _bomb(_: Call) -> bytes:
    return bytes(LONGEST)


def _noise(call: Call) -> bytes:
    return call.entropy.randbytes(1_200)


# Networks


def _request(call: Call, network: int, metadata: bytes) -> bytes:
    return NetworkConfigRequest(network, metadata, 0, 0).emit()


_ASK = b"v=7\nvend=1\npv=c\nmajv=1\nminv=e\nrevv=1\nmr=400\nmc=80\nmcr=40\nmt=80\nf=0\nrevr=1\no=x"


def _chunk(call: Call, length: int) -> bytes:
    """Of a network that the node is in, with a signature that does not hold."""
    chunk = ConfigChunk(
        call.stage.private, bytes(length), call.entropy.getrandbits(63) + 1, 400_000, 0, 1
    )
    return chunk.sign(call.speaker.identity).emit()


def _multicast(call: Call, **fields: object) -> bytes:
    group = MulticastGroup(BROADCAST, call.entropy.getrandbits(32))
    return MulticastFrame(call.stage.private, group, 0x0806, bytes(1_400), **fields).emit()


def _ext(call: Call, **fields: object) -> bytes:
    network = call.stage.private
    here, there = mac_of(call.host.address, network), mac_of(call.speaker.address, network)
    return ExtFrame(network, here, there, 0x0800, bytes(1_400), **fields).emit()


def _group(call: Call) -> MulticastGroup:
    return MulticastGroup(call.entropy.getrandbits(47), call.entropy.getrandbits(32))


def _likes(call: Call, *, networks: bool = False) -> bytes:
    def one() -> tuple[int, MulticastGroup]:
        network = call.address() << 24 if networks else call.stage.private
        return network, _group(call)

    return MulticastLike(some(LONGEST // 18, one)).emit()


def _same_like(call: Call) -> bytes:
    return MulticastLike(((call.stage.private, BROADCAST_GROUP),) * (LONGEST // 18)).emit()


def _spray(call: Call, kind: SprayKind) -> bytes:
    return PushDirectPaths((), SprayRecord(kind, call.place())).emit()


def _paths(call: Call, count: int, flags: int = 0) -> bytes:
    return PushDirectPaths(some(count, lambda: PushedPath(call.place(), flags))).emit()


def _paths6(call: Call) -> bytes:
    def one() -> PushedPath:
        return PushedPath(InetAddress(b"\x2a\x01" + call.entropy.randbytes(14), 1_024))

    return PushDirectPaths(some(LONGEST // 24 - 1, one)).emit()


def _every_scope(call: Call) -> bytes:
    """What takes longest to find of no use, and as many as are tried of each scope and family."""
    heads = (b"\x0b", b"\x0a", b"\x4d", b"\xfd" + bytes(12), b"\x2a\x01" + bytes(11))
    tried = [head + call.entropy.randbytes(3) for head in heads for _ in range(MAX_PER_SCOPE)]
    virtual = [bytes((10, 1, 0, number)) for number in range(MAX_RECORDS - len(tried))]
    return PushDirectPaths(
        tuple(PushedPath(InetAddress(ip, 1_024)) for ip in (*virtual, *tried))
    ).emit()


def _error(code: ErrorCode, body: Callable[[Call], bytes]) -> Say:
    return lambda call: Error(Verb.HELLO, call.asked(Verb.HELLO), code, body(call)).emit()


def _network_id(call: Call) -> bytes:
    return call.stage.private.to_bytes(8, "big")


def _answer(verb: Verb, body: Callable[[Call], bytes]) -> Say:
    return lambda call: Ok(verb, call.asked(verb), body(call)).emit()


def _ok_hello(call: Call) -> bytes:
    """With as many worlds as there is room for: everybody's own."""
    planet = call.stage.sim.planet.emit()
    worlds = planet * ((LONGEST - 60) // len(planet))
    return OkHello(call.now, 12, 1, 14, 1, call.place(), worlds).emit()


def _identities(call: Call) -> bytes:
    def one() -> Identity:
        return Identity(call.address(), call.entropy.randbytes(64))

    return OkWhois(some((LONGEST - 9) // 71, one)).emit()


def _gathered(call: Call) -> bytes:
    members = some(1_900, call.address)
    answer = OkMulticastFrame(call.stage.private, BROADCAST_GROUP, None, Gathered(1_900, members))
    return answer.emit()


def _asked_for(call: Call) -> bytes:
    """As many members of a group as can be named, while a frame to it waits for some."""
    call.stage.ask_for_members(call.host, call.wire)
    members = some((LONGEST - 33) // 5, call.address)
    gathered = Gathered(len(members), members)
    answer = OkMulticastGather(call.stage.private, BROADCAST_GROUP, gathered)
    return Ok(Verb.MULTICAST_GATHER, call.asked(Verb.MULTICAST_GATHER), answer.emit()).emit()


def _moons(call: Call) -> bytes:
    """A HELLO inside a sealed packet: with all the moons there is room for."""
    stale = (call.stage.sim.planet.world_id, 0)
    hello = Hello(
        12,
        1,
        14,
        1,
        call.now,
        call.speaker.identity.public,
        call.place(),
        *stale,
        some(540, _moon(call)),
    )
    return hello.emit(lambda tail: tail)


def _moon(call: Call) -> Callable[[], tuple[int, int]]:
    return lambda: (call.entropy.getrandbits(64), 0)


DEAREST: dict[Verb, dict[str, Say]] = {
    Verb.NOP: {"noise": _noise, "bomb": _bomb},
    Verb.HELLO: {"moons": _moons},
    Verb.ERROR: {
        "bomb": _bomb,
        "certificate": _error(ErrorCode.NEED_MEMBERSHIP_CERTIFICATE, _network_id),
        "sign-on": _error(
            ErrorCode.NETWORK_AUTHENTICATION_REQUIRED,
            lambda call: AuthenticationRequired(call.stage.private, bytes(9_000)).emit(),
        ),
        "denied": _error(ErrorCode.NETWORK_ACCESS_DENIED, _network_id),
        "not found": _error(ErrorCode.OBJECT_NOT_FOUND, _network_id),
        "collision": _error(
            ErrorCode.IDENTITY_COLLISION,
            lambda call: Identity(call.host.address, bytes(64)).emit(),
        ),
        "unwanted": _error(
            ErrorCode.UNWANTED_MULTICAST,
            lambda call: UnwantedMulticast(call.stage.private, BROADCAST_GROUP).emit(),
        ),
    },
    Verb.OK: {
        "bomb": _bomb,
        "worlds": _answer(Verb.HELLO, _ok_hello),
        "identities": _answer(Verb.WHOIS, _identities),
        "members": _answer(Verb.MULTICAST_FRAME, _gathered),
        "members that were asked for": _asked_for,
        "echo": _answer(Verb.ECHO, lambda call: bytes(LONGEST - 9)),
        "chunk": _answer(Verb.NETWORK_CONFIG_REQUEST, lambda call: _chunk(call, 9_700)),
    },
    Verb.WHOIS: {
        "known": lambda call: Whois((call.stage.bob.address,) * (LONGEST // 5)).emit(),
        "different": lambda call: Whois(
            tuple(w.speaker.address for w in call.stage.strangers)
        ).emit(),
        "unknown": lambda call: Whois(some(LONGEST // 5, call.address)).emit(),
    },
    Verb.RENDEZVOUS: {
        "known": lambda call: Rendezvous(call.stage.bob.address, call.place()).emit()
    },
    Verb.FRAME: {
        "frame": lambda call: Frame(call.stage.private, 0x0800, bytes(1_400)).emit(),
        "of another network": lambda call: Frame(1 << 40, 0x0800, bytes(1_400)).emit(),
    },
    Verb.EXT_FRAME: {
        "acknowledged": lambda call: _ext(call, flags=FLAG_ACKNOWLEDGE),
        "certificate": lambda call: _ext(call, certificate=call.stage.certificate(call.speaker)),
    },
    Verb.ECHO: {"noise": _noise, "bomb": _bomb},
    Verb.MULTICAST_LIKE: {
        "different": _likes,
        "networks": lambda call: _likes(call, networks=True),
        "same": _same_like,
    },
    Verb.NETWORK_CREDENTIALS: CREDENTIALS,
    Verb.NETWORK_CONFIG_REQUEST: {
        "private": lambda call: _request(call, call.stage.private, _ASK),
        "public": lambda call: _request(call, call.stage.public, _ASK),
        "nowhere": lambda call: _request(call, call.stage.private + 99, _ASK),
        "metadata": lambda call: _request(call, call.stage.public, b"a=1\n" * 2_000),
        "not ours": lambda call: _request(call, 1 << 40, _ASK),
    },
    Verb.NETWORK_CONFIG: {"chunk": lambda call: _chunk(call, 9_700)},
    Verb.MULTICAST_GATHER: {
        "all": lambda call: MulticastGather(call.stage.private, BROADCAST_GROUP, 0xFFFFFFFF).emit(),
        "crowd": lambda call: MulticastGather(call.stage.private, CROWDED, 0xFFFFFFFF).emit(),
        "certificate": lambda call: MulticastGather(
            call.stage.private,
            BROADCAST_GROUP,
            0xFFFFFFFF,
            call.stage.certificate(call.speaker),
        ).emit(),
    },
    Verb.MULTICAST_FRAME: {
        "gather": lambda call: _multicast(call, gather_limit=0xFFFFFFFF),
        "replicate": lambda call: _multicast(call, flags=8),
        "certificate": lambda call: _multicast(
            call, certificate=call.stage.certificate(call.speaker)
        ),
    },
    Verb.PUSH_DIRECT_PATHS: {
        "8": lambda call: _paths(call, 8),
        "800": lambda call: _paths(call, 800),
        "redirect": lambda call: _paths(call, 800, 2),
        "forget": lambda call: _paths(call, 800, 1),
        "IPv6": _paths6,
        "of every scope": _every_scope,
        "offer": lambda call: _spray(call, SprayKind.OFFER),
        "acceptance": lambda call: _spray(call, SprayKind.ACCEPTANCE),
        "unknown records": lambda call: (0xFFFF).to_bytes(2, "big") + bytes(LONGEST - 2),
    },
    Verb.ACK: {"bomb": _bomb},
    Verb.QOS_MEASUREMENT: {"bomb": _bomb},
    Verb.USER_MESSAGE: {"bomb": _bomb},
    Verb.REMOTE_TRACE: {"bomb": lambda call: b"x\0" * (LONGEST // 2)},
    Verb.PATH_NEGOTIATION_REQUEST: {"bomb": _bomb},
}
"""By verb: what it costs most to handle, as far as anybody knows."""


# HELLO in the clear


def _hello(call: Call, speaker: Speaker, **fields: object) -> list[bytes]:
    stale = (call.stage.sim.planet.world_id, 0)
    return speaker.hello(
        call.host.identity.public, call.now, sent_to=call.place(), planet=stale, **fields
    )


def _known_hello(call: Call) -> list[bytes]:
    return _hello(call, call.speaker, moons=some(60, _moon(call)))


def _false_address(call: Call) -> list[bytes]:
    return _hello(call, Speaker(made_up(call.entropy), call.entropy))


def _taken_address(call: Call) -> list[bytes]:
    other = made_up(call.entropy)
    public = Identity(call.stage.bob.address, other.public.public_key)
    return _hello(call, Speaker(SecretIdentity(public, other.private_key), call.entropy))


def _forged(data: list[bytes]) -> list[bytes]:
    """The same with a MAC that does not hold."""
    return [piece[:19] + bytes(8) + piece[27:] for piece in data]


HELLOS: dict[str, Callable[[Call], list[bytes]]] = {
    "known": _known_hello,
    "known, forged": lambda call: _forged(_known_hello(call)),
    "false address": _false_address,
    "false address, forged": lambda call: _forged(_false_address(call)),
    "taken address": _taken_address,
}


# Rows


@dataclass(frozen=True)
class Row:
    """A packet to be priced."""

    verb: Verb
    what: str
    sender: str
    path: str
    target: str

    def __str__(self) -> str:
        return (
            f"{self.verb.name} ({self.what}) of a {self.sender}, {self.path}, to the {self.target}"
        )


SENDERS = ("stranger", "member")
PATHS = ("proved path", "unproved path")
TARGETS = ("node", "root", "controller")


def rows() -> Iterator[Row]:
    """Every one."""
    for target in TARGETS:
        for path in PATHS:
            for verb in Verb:
                for what in DEAREST[verb]:
                    for sender in SENDERS:
                        yield Row(verb, what, sender, path, target)
            for what in HELLOS:
                yield Row(Verb.HELLO, what, "sender in the clear", path, target)
        for verb in Verb:
            for sender in ("forger of a known address", "forger of an unknown address"):
                yield Row(verb, next(iter(DEAREST[verb])), sender, "unproved path", target)


def datagrams(row: Row, call: Call) -> list[bytes]:
    """The packet of a row, new."""
    if row.sender == "sender in the clear":
        return HELLOS[row.what](call)
    said = DEAREST[row.verb][row.what](call)
    if row.sender == "forger of an unknown address":
        forger = Speaker(made_up(call.entropy), call.entropy)
        return forger.packet(call.host.identity.public, row.verb, said)
    made = call.speaker.packet(
        call.host.identity.public, row.verb, said, suite=Suite.AES_GMAC_SIV, compress=True
    )
    return _forged(made) if row.sender.startswith("forger") else made
