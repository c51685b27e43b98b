"""A member of a private network, and what others may show it."""

from __future__ import annotations

from vl2_bench import WINDOW, Bench, identity

from earthline import effects
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import FLAG_FAST_PROPAGATE, Revocation
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.frame import Frame
from earthline.wire.packet import Verb

CONTROLLER = identity(0)
OWN = identity(1)
PEER = identity(2)
FAR = identity(3)
NETWORK = CONTROLLER.address << 24 | 1
FRAME = Frame(NETWORK, 0x0800, b"hello").emit()
ASKING = NETWORK.to_bytes(8, "big")


def configure(bench, **changes):
    config = bench.member_config(NETWORK, CONTROLLER, **changes)
    bench.command(effects.SendConfig(NETWORK, OWN.address, config.emit(), 1))


def member_bench():
    """A member of a private network that has met its controller and a peer."""
    bench = Bench(OWN)
    for node in (CONTROLLER, PEER):
        bench.meet(node.public)
    cached = bench.member_config(NETWORK, CONTROLLER).emit()
    bench.tell(effects.StateLoaded("network", NETWORK, cached))
    bench.forget()
    return bench


def com(timestamp, member=PEER):
    built = CertificateOfMembership.build(NETWORK, timestamp, WINDOW, member.public)
    return built.sign(CONTROLLER)


def show(bench, *certificates, source=PEER.address, **others):
    payload = NetworkCredentials(certificates=certificates, **others).emit()
    bench.give(source, Verb.NETWORK_CREDENTIALS, payload)


def revoke(bench, source, threshold, target=PEER.address):
    kind = CredentialType.CERTIFICATE_OF_MEMBERSHIP
    revocation = Revocation(NETWORK, 1, 0, threshold, target, kind, FLAG_FAST_PROPAGATE).sign(
        CONTROLLER
    )
    show(bench, source=source, revocations=(revocation,))
    return revocation


def asked(bench):
    return len(bench.sent(Verb.ERROR))


def unicast(bench, peer=PEER):
    to, own = mac_of(peer.address, NETWORK), mac_of(OWN.address, NETWORK)
    bench.tap(NETWORK, mac_bytes(to) + mac_bytes(own) + b"\x08\x00" + b"hello")
