"""Whose frames pass, and who holds our credentials (03, 4 and 5)."""

from __future__ import annotations

import pytest
from admission_bench import (
    ASKING,
    CONTROLLER,
    FAR,
    FRAME,
    NETWORK,
    OWN,
    PEER,
    asked,
    com,
    configure,
    member_bench,
    revoke,
    show,
    unicast,
)
from vl2_bench import WINDOW

from earthline import effects
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.tag import Tag
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE, ROLE_MULTICAST_REPLICATOR
from earthline.wire.packet import ErrorCode, Verb


@pytest.fixture
def bench():
    return member_bench()


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
    assert len(bench.engine._station.networks[NETWORK].members) == 0


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


def test_member_that_is_revoked_itself_asks_what_became_of_it_at_once(bench):
    configure(bench)
    bench.advance(10_000)
    bench.forget()
    for _ in range(3):
        revoke(bench, FAR.address, bench.now, target=OWN.address)
        bench.advance(0)
    assert len(bench.sent(Verb.NETWORK_CONFIG_REQUEST)) == 1
    bench.advance(20_000)
    assert len(bench.sent(Verb.NETWORK_CONFIG_REQUEST)) == 5

    configure(bench, timestamp=bench.now + 1)
    bench.forget()
    bench.advance(59_000)
    assert bench.sent(Verb.NETWORK_CONFIG_REQUEST) == []


def test_revocation_of_an_earlier_certificate_of_ours_is_no_reason_to_ask(bench):
    configure(bench)
    bench.advance(10_000)
    bench.forget()
    revoke(bench, FAR.address, bench.now - 20_000, target=OWN.address)
    bench.advance(0)
    assert bench.sent(Verb.NETWORK_CONFIG_REQUEST) == []


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


def ask(bench, source):
    bench.give_error(source.address, Verb.FRAME, ErrorCode.NEED_MEMBERSHIP_CERTIFICATE, ASKING)


def test_peer_that_asks_for_want_of_a_frame_gets_our_credentials_once_a_second(bench):
    unicast(bench)
    bench.now += 1_000
    bench.forget()
    for _ in range(5):
        ask(bench, PEER)
    assert len(bench.sent(Verb.NETWORK_CREDENTIALS)) == 1
    bench.now += 1_000
    ask(bench, PEER)
    assert len(bench.sent(Verb.NETWORK_CREDENTIALS)) == 2


def test_stranger_that_asks_gets_no_credentials_and_no_record(bench):
    ask(bench, PEER)
    assert bench.sent(Verb.NETWORK_CREDENTIALS) == []
    assert len(bench.engine._station.networks[NETWORK].members) == 0
    assert bench.underlay.counted == ["credentials_asked_by_stranger"]


def test_member_we_never_send_frames_to_gets_no_credentials_for_the_asking(bench):
    show(bench, com(bench.now))
    bench.forget()
    ask(bench, PEER)
    assert bench.sent(Verb.NETWORK_CREDENTIALS) == []


@pytest.mark.parametrize("role", [ROLE_ACTIVE_BRIDGE, ROLE_MULTICAST_REPLICATOR])
def test_bridge_or_replicator_gets_frames_without_a_push_and_so_our_credentials_when_it_asks(
    bench, role
):
    configure(bench, specialists=(PEER.address | role,))
    bench.forget()
    ask(bench, PEER)
    assert [sent.to for sent in bench.sent(Verb.NETWORK_CREDENTIALS)] == [PEER.address]


def test_who_hands_over_its_own_certificate_is_trusted(bench):
    show(bench, com(bench.now))
    assert bench.underlay.trusted_peers == [PEER.address]
    show(bench, com(bench.now))
    assert bench.underlay.trusted_peers == [PEER.address] * 2


def test_who_hands_over_the_certificate_of_somebody_else_is_not_trusted(bench):
    bench.meet(FAR.public)
    show(bench, com(bench.now, FAR), source=PEER.address)
    show(bench, com(bench.now, FAR), source=PEER.address)
    assert bench.underlay.trusted_peers == []
    assert FAR.address in bench.engine._station.networks[NETWORK].members
    assert PEER.address not in bench.engine._station.networks[NETWORK].members


def test_who_shows_an_outdated_or_revoked_certificate_of_its_own_is_not_trusted(bench):
    show(bench, com(bench.now - WINDOW - 1))
    assert bench.underlay.trusted_peers == []
    revoke(bench, CONTROLLER.address, bench.now)
    show(bench, tags=(Tag(NETWORK, bench.now, 1, 1, PEER.address).sign(CONTROLLER),))
    assert bench.underlay.trusted_peers == []


def test_flood_of_named_members_leaves_those_that_proved_themselves(bench, monkeypatch):
    monkeypatch.setattr("earthline.vl2.ground.network.MEMBER_LIMIT", 20)
    bench.command(effects.Leave(NETWORK))
    bench.command(effects.Join(NETWORK))
    configure(bench)
    show(bench, com(bench.now))
    unicast(bench, FAR)
    network = bench.engine._station.networks[NETWORK]
    bench.forget()
    for address in range(0x1000000000, 0x1000000100):
        bench.engine._credentials.make_ready(network, address, bench.now)
    bench.settle()
    assert len(network.members) == 20
    assert PEER.address in network.members
    assert FAR.address in network.members
    installed = {command.address for command in bench.of(effects.InstallMember)}
    removed = {command.address for command in bench.of(effects.RemoveMember)}
    assert installed - removed == set(network.members) - {PEER.address, FAR.address}


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
