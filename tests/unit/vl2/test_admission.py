"""Whose frames pass, and who holds our credentials (03, 4 and 5)."""

from __future__ import annotations

import pytest
from vl2_bench import WINDOW, Bench, identity

from earthline import effects
from earthline.vl2.membership import HELD_LIMIT, Acceptance, Membership
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import FLAG_FAST_PROPAGATE, Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.frame import Frame
from earthline.wire.packet import ErrorCode, Verb

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


@pytest.fixture
def bench():
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


def test_frame_that_overtook_its_credentials_is_delivered_when_they_come(bench):
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert bench.frames == []
    bench.advance(300)
    show(bench, com(bench.now))
    assert [frame[-5:] for _, frame in bench.frames] == [b"hello"]


def test_credentials_are_asked_for_once_a_second_while_a_frame_waits(bench):
    for _ in range(10):
        bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert asked(bench) == 1
    bench.advance(999)
    assert asked(bench) == 1
    bench.advance(1)
    assert asked(bench) == 2
    bench.advance(60_000)
    assert asked(bench) == 5


def test_frame_is_held_for_5_s_only(bench):
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    bench.advance(5_000)
    show(bench, com(bench.now))
    assert bench.frames == []


def test_admitted_flow_stays_in_the_switch(bench):
    show(bench, com(bench.now))
    bench.forget()
    for _ in range(100):
        bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert len(bench.frames) == 100
    assert bench.punts == 0


def test_certificate_signed_by_somebody_else_admits_nobody(bench):
    forged = CertificateOfMembership.build(NETWORK, bench.now, WINDOW, PEER.public).sign(PEER)
    show(bench, forged)
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert bench.frames == []
    assert bench.engine._station.networks[NETWORK].members == {}


def test_certificate_of_one_member_does_not_admit_another(bench):
    bench.meet(FAR.public)
    show(bench, com(bench.now, FAR), source=PEER.address)
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert bench.frames == []
    bench.wire(FAR.address, Verb.FRAME, FRAME)
    assert len(bench.frames) == 1


def test_credentials_of_an_unknown_controller_wait_for_it(bench):
    del bench.underlay.known[CONTROLLER.address]
    show(bench, com(bench.now))
    assert bench.underlay.asked == [CONTROLLER.address]
    (packet,) = bench.underlay.deferred
    bench.meet(CONTROLLER.public)
    bench.underlay.handlers[Verb.NETWORK_CREDENTIALS](packet, bench.now)
    bench.settle()
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert len(bench.frames) == 1


def test_revoked_member_is_put_out_and_the_others_are_told(bench):
    bench.meet(FAR.public)
    show(bench, com(bench.now))
    show(bench, com(bench.now, FAR), source=FAR.address)
    bench.forget()

    revocation = revoke(bench, CONTROLLER.address, bench.now)
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert bench.frames == []
    expected = NetworkCredentials(revocations=(revocation,)).emit()
    told = {(s.to, s.payload) for s in bench.sent(Verb.NETWORK_CREDENTIALS)}
    assert told == {(PEER.address, expected), (FAR.address, expected)}


def test_revocation_is_passed_on_once_and_not_to_its_sender(bench):
    show(bench, com(bench.now, FAR), source=FAR.address)
    bench.forget()
    for _ in range(3):
        revoke(bench, FAR.address, bench.now)
    assert [s.to for s in bench.sent(Verb.NETWORK_CREDENTIALS)] == [PEER.address]


def test_revoked_member_comes_back_with_a_newer_certificate(bench):
    show(bench, com(bench.now))
    revoke(bench, CONTROLLER.address, bench.now)
    show(bench, com(bench.now))
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert bench.frames == []
    show(bench, com(bench.now + 1))
    assert len(bench.frames) == 1


def test_member_whose_certificate_fell_behind_is_put_out(bench):
    show(bench, com(bench.now))
    bench.now += WINDOW + 1
    configure(bench)
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert bench.frames == []
    show(bench, com(bench.now))
    assert len(bench.frames) == 1


def test_credentials_are_pushed_before_the_first_frame_and_once_per_configuration(bench):
    for _ in range(20):
        unicast(bench)
    verbs = [sent.verb for sent in bench.sent() if sent.to == PEER.address]
    assert verbs == [Verb.NETWORK_CREDENTIALS] + [Verb.FRAME] * 20
    assert bench.punts == 1

    bench.now += 60_000
    configure(bench)
    bench.forget()
    for _ in range(20):
        unicast(bench)
    pushed = bench.sent(Verb.NETWORK_CREDENTIALS)
    assert len(pushed) == 1
    assert NetworkCredentials.parse(pushed[0].payload).certificates[0].timestamp == bench.now
    assert len(bench.sent(Verb.FRAME)) == 20


def test_credentials_are_pushed_again_after_500_s_without_change(bench):
    unicast(bench)
    bench.forget()
    bench.now += 499_999
    unicast(bench)
    assert bench.sent(Verb.NETWORK_CREDENTIALS) == []
    bench.now += 1
    unicast(bench)
    assert len(bench.sent(Verb.NETWORK_CREDENTIALS)) == 1


def test_peer_that_asks_gets_our_credentials_once_a_second(bench):
    def ask():
        bench.give_error(PEER.address, Verb.FRAME, ErrorCode.NEED_MEMBERSHIP_CERTIFICATE, ASKING)

    for _ in range(5):
        ask()
    assert len(bench.sent(Verb.NETWORK_CREDENTIALS)) == 1
    bench.now += 1_000
    ask()
    assert len(bench.sent(Verb.NETWORK_CREDENTIALS)) == 2


def test_public_network_admits_everybody_without_credentials(bench):
    configure(bench, public=True, com=None)
    bench.forget()
    bench.wire(PEER.address, Verb.FRAME, FRAME)
    assert len(bench.frames) == 1
    unicast(bench)
    assert [s.verb for s in bench.sent() if s.to == PEER.address] == [Verb.FRAME]


def test_frame_for_an_unreachable_member_leaves_once_there_is_a_route(bench):
    unicast(bench, FAR)
    assert FAR.address in bench.underlay.asked
    assert bench.sent(Verb.FRAME) == []
    bench.advance(1_000)
    bench.meet(FAR.public)
    assert [sent.to for sent in bench.sent(Verb.FRAME)] == [FAR.address]


def test_frames_for_the_unreachable_do_not_pile_up(bench):
    for _ in range(2_000):
        unicast(bench, FAR)
    assert len(bench.engine._waiting._frames) == 256
    bench.advance(5_000)
    assert len(bench.engine._waiting._frames) == 0


def test_member_sends_its_many_credentials_in_packets_that_arrive(bench):
    tags = tuple(
        Tag(NETWORK, bench.now, number, 1, OWN.address).sign(CONTROLLER) for number in range(100)
    )
    configure(bench, tags=tags)
    bench.forget()
    unicast(bench)
    pushed = bench.sent(Verb.NETWORK_CREDENTIALS)
    assert all(len(sent.payload) <= 9_900 for sent in pushed)
    sent_tags = [t for s in pushed for t in NetworkCredentials.parse(s.payload).tags]
    assert {tag.tag_id for tag in sent_tags} == set(range(100))


def test_one_member_cannot_fill_the_memory_with_tags():
    record, known = Membership(PEER.address), {CONTROLLER.address: CONTROLLER.public}
    outcomes = [
        record.add(Tag(NETWORK, 5, number, 1, PEER.address).sign(CONTROLLER), known.get)
        for number in range(HELD_LIMIT + 1)
    ]
    assert outcomes[-1] is Acceptance.REJECTED
    assert len(record.tags) == HELD_LIMIT
