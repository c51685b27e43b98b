"""Whose frames pass, and who holds our credentials (03, 4 and 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vl2_bench import WINDOW, Bench, identity

from earthline import effects
from earthline.vl2.membership import HELD_LIMIT, THRESHOLD_LIMIT, Acceptance, Membership
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import FLAG_FAST_PROPAGATE, Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.frame import Frame
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE, ROLE_MULTICAST_REPLICATOR
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
    monkeypatch.setattr("earthline.vl2.network.MEMBER_LIMIT", 20)
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


KNOWN = {CONTROLLER.address: CONTROLLER.public}.get


def tag(number, timestamp):
    return Tag(NETWORK, timestamp, number, 1, PEER.address).sign(CONTROLLER)


def revocation_of(kind, number, threshold):
    return Revocation(NETWORK, 1, number, threshold, PEER.address, kind).sign(CONTROLLER)


def test_one_member_cannot_fill_the_memory_with_tags():
    record = Membership(PEER.address)
    for number in range(HELD_LIMIT + 5):
        assert record.add(tag(number, 5 + number), KNOWN) is Acceptance.ACCEPTED_NEW
    assert sorted(record.tags) == [*range(5, HELD_LIMIT + 5)]


NUMBERED = (
    CredentialType.TAG,
    CredentialType.CAPABILITY,
    CredentialType.CERTIFICATE_OF_OWNERSHIP,
)


@pytest.mark.parametrize("kind", NUMBERED)
def test_revoked_member_does_not_come_back_with_an_old_revocation_of_something_else(kind):
    record = Membership(PEER.address)
    whole = CredentialType.CERTIFICATE_OF_MEMBERSHIP
    assert record.add(revocation_of(whole, 0, 2_000_000), KNOWN) is Acceptance.ACCEPTED_NEW
    assert record.add(com(1_000_000), KNOWN) is Acceptance.REJECTED
    assert record.add(revocation_of(kind, 7, 500_000), KNOWN) is Acceptance.ACCEPTED_NEW
    assert record.com_threshold == 2_000_000
    assert record.add(com(1_000_000), KNOWN) is Acceptance.REJECTED


@given(
    st.lists(
        st.tuples(
            st.sampled_from((CredentialType.CERTIFICATE_OF_MEMBERSHIP, *NUMBERED)),
            st.integers(0, 2),
            st.integers(0, 50),
        ),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=40)
def test_thresholds_only_ever_rise_in_whatever_order_revocations_come(revocations):
    record = Membership(PEER.address)
    highest = {}
    for kind, number, threshold in revocations:
        before = (record.com_threshold, dict(record.thresholds))
        record.add(revocation_of(kind, number, threshold), KNOWN)
        assert record.com_threshold >= before[0]
        assert all(record.thresholds[key] >= at for key, at in before[1].items())
        highest[kind, number] = max(highest.get((kind, number), 0), threshold)
    for (kind, number), threshold in highest.items():
        if kind in NUMBERED:
            assert record.thresholds.get((kind, number), 0) == threshold


def test_more_revocations_than_are_kept_one_by_one_forgive_none():
    record = Membership(PEER.address)
    for number in range(THRESHOLD_LIMIT + 3):
        revocation = revocation_of(CredentialType.TAG, number, 100 + number)
        assert record.add(revocation, KNOWN) is Acceptance.ACCEPTED_NEW
    assert len(record.thresholds) == THRESHOLD_LIMIT
    for number in range(3):
        assert record.add(tag(number, 100), KNOWN) is Acceptance.REJECTED
        assert record.add(tag(number, 5_000), KNOWN) is Acceptance.ACCEPTED_NEW


def test_credentials_of_addresses_that_no_node_has_are_rejected(bench):
    """The controller may sign what it likes; the switch knows no such member."""
    for address in (0, 0xFFFFFFFFFF):
        tag = Tag(NETWORK, bench.now, 1, 1, address).sign(CONTROLLER)
        show(bench, tags=(tag,))
        bench.advance(1_000)
    assert all(command.address for command in bench.of(effects.InstallMemberCredentials))


def test_bridge_of_an_address_that_no_node_has_is_passed_over(bench):
    impossible = 0xFFFFFFFFFF | ROLE_ACTIVE_BRIDGE
    configure(bench, specialists=(impossible, FAR.address | ROLE_ACTIVE_BRIDGE), multicast_limit=8)
    own = mac_of(OWN.address, NETWORK)
    bench.tap(NETWORK, mac_bytes(0xFFFFFFFFFFFF) + mac_bytes(own) + b"\x08\x00hello")
    bench.advance(1_000)
    assert all(command.address >> 32 != 0xFF for command in bench.of(effects.InstallMember))


def test_nothing_that_follows_a_forged_credential_is_looked_at(bench):
    """Seventy forged ones in a packet of some 300 bytes would cost as many looks at signatures."""
    good = [Tag(NETWORK, bench.now, number, 1, PEER.address).sign(CONTROLLER) for number in (1, 2)]
    forged = Tag(NETWORK, bench.now, 3, 1, PEER.address).sign(PEER)
    show(bench, com(bench.now), tags=(good[0], forged, good[1]))
    installed = bench.of(effects.InstallMemberCredentials)[-1]
    assert installed.tags == ((1, 1),)


def test_revocation_that_says_nothing_new_is_not_verified():
    def unasked(_address):
        raise AssertionError("its signature was looked at")

    record = Membership(PEER.address)
    for kind in (CredentialType.TAG, CredentialType.CERTIFICATE_OF_MEMBERSHIP):
        known = Revocation(NETWORK, 1, 0, 1_000, PEER.address, kind).sign(CONTROLLER)
        old = Revocation(NETWORK, 2, 0, 999, PEER.address, kind).sign(PEER)
        record.add(known, KNOWN)
        assert record.add(known, unasked) is Acceptance.ACCEPTED_REDUNDANT
        assert record.add(old, unasked) is Acceptance.ACCEPTED_REDUNDANT


def test_revocation_of_what_is_too_old_to_count_is_not_passed_on(bench):
    """It is not kept either: whoever repeats it would have it told to everybody each time."""
    show(bench, com(bench.now))
    bench.meet(FAR.public)
    bench.forget()
    revoke(bench, FAR.address, bench.now - WINDOW)
    assert bench.sent(Verb.NETWORK_CREDENTIALS) == []
    bench.advance(1_000)
    revoke(bench, FAR.address, bench.now - WINDOW // 2)
    assert bench.sent(Verb.NETWORK_CREDENTIALS) != []


def test_capability_that_its_holder_hands_to_itself_is_no_other_one():
    def unasked(_address):
        raise AssertionError("its signatures were looked at")

    record = Membership(PEER.address)
    issued = Capability(NETWORK, 1_000, 1, (), 7).sign(CONTROLLER, PEER.address)
    assert record.add(issued, KNOWN) is Acceptance.ACCEPTED_NEW
    handed_on = issued.sign(PEER, PEER.address).sign(PEER, PEER.address)
    assert record.add(handed_on, unasked) is Acceptance.ACCEPTED_REDUNDANT
    renewed = Capability(NETWORK, 1_001, 1, (), 7).sign(CONTROLLER, PEER.address)
    assert record.add(renewed, KNOWN) is Acceptance.ACCEPTED_NEW


def test_switch_is_told_of_a_member_once_for_all_that_it_hands_over(bench):
    tags = tuple(Tag(NETWORK, bench.now, n, n, PEER.address).sign(CONTROLLER) for n in range(1, 9))
    show(bench, com(bench.now), tags=tags)
    installed = bench.of(effects.InstallMemberCredentials)
    assert [len(command.tags) for command in installed] == [8]


def test_all_of_many_new_credentials_count_in_the_end(bench):
    """They take longer to verify than one packet may take."""
    tags = tuple(Tag(NETWORK, bench.now, n, n, PEER.address).sign(CONTROLLER) for n in range(70))
    show(bench, com(bench.now), tags=tags)
    held = bench.engine._station.networks[NETWORK].members[PEER.address].tags
    assert 0 < len(held) < 10
    bench.advance(500)
    assert len(held) == 70
    assert bench.of(effects.InstallMember)[-1].admitted
    assert len(bench.of(effects.InstallMemberCredentials)[-1].tags) == 70


def test_what_follows_on_a_forged_credential_is_not_looked_at_later_either(bench):
    made = [Tag(NETWORK, bench.now, n, n, PEER.address) for n in range(30)]
    signed = [tag.sign(CONTROLLER) for tag in made]
    signed[15] = replace(signed[14], tag_id=15)
    show(bench, com(bench.now), tags=tuple(signed))
    bench.advance(500)
    assert len(bench.engine._station.networks[NETWORK].members[PEER.address].tags) == 15


def test_revocations_of_one_packet_go_on_in_one_to_a_few_members_at_a_time(bench):
    """A receiver takes one packet of credentials a second."""
    others = [0x2000000000 + number for number in range(40)]
    network = bench.engine._station.networks[NETWORK]
    for address in others:
        network.members.put(address, address, Membership(address))
    kind = CredentialType.TAG
    revocations = tuple(
        Revocation(NETWORK, n, n, bench.now, PEER.address, kind, FLAG_FAST_PROPAGATE).sign(
            CONTROLLER
        )
        for n in range(9)
    )
    show(bench, source=PEER.address, revocations=revocations)
    told = bench.sent(Verb.NETWORK_CREDENTIALS)
    assert 0 < len(told) < len(others)
    bench.advance(1_000)
    told = bench.sent(Verb.NETWORK_CREDENTIALS)
    assert sorted(sent.to for sent in told) == others
    assert {NetworkCredentials.parse(sent.payload).revocations for sent in told} == {revocations}
