"""What is kept of a member: its credentials, and what was revoked of it (03, 4 and 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from admission_bench import (
    CONTROLLER,
    FAR,
    NETWORK,
    OWN,
    PEER,
    com,
    configure,
    member_bench,
    revoke,
    show,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from vl2_bench import WINDOW

from earthline import effects
from earthline.vl2.ground.membership import HELD_LIMIT, THRESHOLD_LIMIT, Acceptance, Membership
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import FLAG_FAST_PROPAGATE, Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE
from earthline.wire.packet import Verb


@pytest.fixture
def bench():
    return member_bench()


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
