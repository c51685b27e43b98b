"""The dearest packets of credentials there are (see `hostile.dear`)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

from earthline.wire.credentials.capability import MAX_CUSTODY_CHAIN, MAX_RULES, Capability
from earthline.wire.credentials.ownership import MAX_THINGS, CertificateOfOwnership, Thing
from earthline.wire.credentials.revocation import FLAG_FAST_PROPAGATE, Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.rules import parse_rules
from hostile.call import LONGEST, Call, Say, some
from hostile.stage import Stage
from hostile.wire import Speaker


def _whole(*parts: tuple[bytes, ...]) -> bytes:
    """As NETWORK_CREDENTIALS has them: certificates, a zero, then each kind with its count."""
    certificates, *others = parts
    counted = (len(items).to_bytes(2, "big") + b"".join(items) for items in others)
    return b"".join(certificates) + b"\0" + b"".join(counted)


def _filled(one: bytes) -> int:
    return (LONGEST - 9) // len(one)


def _certificates(call: Call, *, same: bool) -> bytes:
    """As many as fit; each is to be verified, and none holds."""
    owner, stage = call.speaker, call.stage
    one = stage.certificate(owner)
    bad = one.sign(owner.identity)
    bad = type(one)(one.qualifiers, stage.controller.address, bad.signature)
    if same:
        return NetworkCredentials((bad,) * _filled(bad.emit())).emit()
    made = [
        type(bad)(bad.qualifiers, bad.signed_by, call.entropy.randbytes(96))
        for _ in range(_filled(bad.emit()))
    ]
    return NetworkCredentials(tuple(made)).emit()


def _tag(call: Call, number: int, signer: SecretIdentity) -> Tag:
    made = Tag(call.stage.private, call.now, number, 1, call.speaker.address).sign(signer)
    return Tag(
        made.network,
        made.timestamp,
        made.tag_id,
        made.value,
        made.issued_to,
        signed_by=call.stage.controller.address,
        signature=made.signature,
    )


def _tags(call: Call, *, same: bool) -> bytes:
    forger = call.speaker.identity
    one = _tag(call, 0, forger)
    count = _filled(one.emit())
    if same:
        return NetworkCredentials(tags=(one,) * count).emit()
    return NetworkCredentials(tags=tuple(_tag(call, n, forger) for n in range(count))).emit()


@cache
def _good_tags(speaker: Speaker, stage: Stage) -> bytes:
    """All of them hold: of a member to whom the controller gave as many, which says so again."""
    controller = stage.controller.identity
    made = [
        Tag(stage.private, stage.sim.clock.now, number, 1, speaker.address).sign(controller)
        for number in range(LONGEST // 135)
    ]
    return NetworkCredentials(tags=tuple(made)).emit()


@cache
def _capabilities(speaker: Speaker, stage: Stage) -> bytes:
    """One with the most rules, that its holder hands on to itself: by turns as often as can be."""
    rules = parse_rules(b"\x01\x00") * MAX_RULES
    made = Capability(stage.private, stage.sim.clock.now, 1, rules, MAX_CUSTODY_CHAIN)
    made = made.sign(stage.controller.identity, speaker.address)
    chains = [made]
    while len(made.custody) < MAX_CUSTODY_CHAIN:
        made = made.sign(speaker.identity, speaker.address)
        chains.append(made)
    by_turns = itertools.islice(itertools.cycle(reversed(chains)), _filled(made.emit()))
    return NetworkCredentials(capabilities=tuple(by_turns)).emit()


def _short_capabilities(call: Call) -> bytes:
    """Most links of custody per byte: no rules, and the last link is broken."""
    made = Capability(call.stage.private, call.now, call.entropy.getrandbits(32), (), 7)
    holder = call.stage.controller.identity
    for _ in range(MAX_CUSTODY_CHAIN - 1):
        made = made.sign(holder, holder.address)
    made = made.sign(call.speaker.identity, call.speaker.address)
    return NetworkCredentials(capabilities=(made,) * _filled(made.emit())).emit()


def _ownerships(call: Call) -> bytes:
    things = some(MAX_THINGS, lambda: Thing.of_ip(call.place().ip))
    stage = call.stage
    made = CertificateOfOwnership(stage.private, call.now, 1, things, call.speaker.address)
    made = made.sign(stage.controller.identity)
    return NetworkCredentials(ownerships=(made,) * _filled(made.emit())).emit()


@cache
def _revocation(stage: Stage) -> Revocation:
    """Of a tag of somebody: it holds, and is to be passed on to everybody when it is new."""
    made = Revocation(
        stage.private, 1, 1, stage.sim.clock.now, 0x1234567890, 3, flags=FLAG_FAST_PROPAGATE
    )
    return made.sign(stage.controller.identity)


def _revocations(call: Call, *, forged: bool) -> bytes:
    """The controller's, again and again; or of its own making, one like the other."""
    one = _revocation(call.stage)
    if forged:
        one = replace(one, threshold=call.now, signature=call.entropy.randbytes(96))
    return NetworkCredentials(revocations=(one,) * _filled(one.emit())).emit()


def _fresh_tags(call: Call) -> bytes:
    """All of them hold and are new: what a controller alone can give to a member."""
    signer = call.stage.controller.identity

    def one(number: int) -> Tag:
        return Tag(call.stage.private, call.now, number, 1, call.speaker.address).sign(signer)

    return NetworkCredentials(tags=tuple(map(one, range(_filled(one(0).emit()))))).emit()


def _fresh_capabilities(call: Call) -> bytes:
    """Each has as many links of custody as can be."""

    def one(number: int) -> Capability:
        made = Capability(call.stage.private, call.now, number, (), MAX_CUSTODY_CHAIN)
        for _ in range(MAX_CUSTODY_CHAIN - 1):
            made = made.sign(call.stage.controller.identity, call.stage.controller.address)
        return made.sign(call.stage.controller.identity, call.speaker.address)

    made = map(one, range(_filled(one(0).emit())))
    return NetworkCredentials(capabilities=tuple(made)).emit()


def _fresh_revocations(call: Call) -> bytes:
    """Of as many tags of a member, to be passed on to everybody."""
    signer, owner = call.stage.controller.identity, call.speaker.address

    def one(number: int) -> Revocation:
        new = Revocation(
            call.stage.private, number, number, call.now, owner, 3, flags=FLAG_FAST_PROPAGATE
        )
        return new.sign(signer)

    made = map(one, range(_filled(one(0).emit())))
    return NetworkCredentials(revocations=tuple(made)).emit()


def _unknown_signers(call: Call) -> bytes:
    """Of networks that nobody here has joined."""

    def one() -> Tag:
        network = call.address() << 24
        return Tag(network, call.now, 1, 1, call.speaker.address).sign(call.speaker.identity)

    return NetworkCredentials(tags=some(_filled(one().emit()), one)).emit()


CREDENTIALS: dict[str, Say] = {
    "same certificate": lambda call: _certificates(call, same=True),
    "certificates": lambda call: _certificates(call, same=False),
    "same tag": lambda call: _tags(call, same=True),
    "tags": lambda call: _tags(call, same=False),
    "good tags": lambda call: _good_tags(call.speaker, call.stage),
    "capabilities": lambda call: _capabilities(call.speaker, call.stage),
    "short capabilities": _short_capabilities,
    "ownerships": _ownerships,
    "revocations": lambda call: _revocations(call, forged=False),
    "forged revocations": lambda call: _revocations(call, forged=True),
    "fresh tags": _fresh_tags,
    "fresh capabilities": _fresh_capabilities,
    "fresh revocations": _fresh_revocations,
    "of other networks": _unknown_signers,
    "zeros": lambda call: b"\0" * 9,
}
"""What NETWORK_CREDENTIALS may say."""
