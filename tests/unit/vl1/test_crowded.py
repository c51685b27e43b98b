"""Newcomers while more forged ones want to be proved than can be (02, 3.6)."""

from __future__ import annotations

import pytest
from vl1_internet import Host, identity

from earthline._native import SessionKey
from earthline.effects import HelloReceived, IdentityProved, ProveIdentity, UnknownSource
from earthline.vl1.ground.proofs import CROWD
from earthline.vl1.identities.asked import MAX_CLAIMS, MAX_PATHS
from earthline.vl1.identities.newcomers import ASK_MS
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.messages.hello import Hello
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import Suite, Verb, build


class Held(list):
    """The work of a host's other thread, where a proof takes as long as the test wants."""

    def __init__(self):
        super().__init__()
        self.proofs: list[ProveIdentity] = []

    def append(self, command):
        if isinstance(command, ProveIdentity):
            self.proofs.append(command)
        else:
            super().append(command)


@pytest.fixture
def root(trio) -> Host:
    """A root whose proofs wait."""
    trio.root.start(trio.planet)
    trio.root.work = Held()
    return trio.root


def finish_proofs(host):
    """Have all of them done."""
    while host.work.proofs:
        command = host.work.proofs.pop(0)
        valid = host.proves(command)
        host.give(IdentityProved(command.address, command.public_key, valid, 10_000))


def forged(number):
    """Somebody with a key of its own who claims an address."""
    keys = identity(9)
    return SecretIdentity(
        Identity(0x66_0000_0000 + number, keys.public.public_key), keys.private_key
    )


def path_of(number):
    return (0, bytes([20, number >> 8, number & 0xFF, 7]), 9993)


def greet(host, secret, path, packet_id=77):
    session = SessionKey(secret.agree(host.identity.public))
    payload = Hello(12, 1, 14, 1, 0, secret.public).emit(lambda tail: tail)
    packet = build(packet_id, host.address, secret.address, Verb.HELLO, payload)
    host.give(HelloReceived(path, session.seal(packet, Suite.POLY1305)))


def crowd(host, count=CROWD + 1):
    """Forged newcomers from everywhere; one is being proved, the others are in line or asked."""
    for number in range(count):
        greet(host, forged(number), path_of(number))


def asked(host, secret):
    """The IDs of the HELLOs that a newcomer was sent."""
    session = SessionKey(secret.agree(host.identity.public))
    opened = (session.open(sent.datagram) for sent in host.sent)
    return [
        int.from_bytes(packet[:8], "big")
        for packet in opened
        if packet is not None and packet[27] == Verb.HELLO
    ]


def answer(host, secret, packet_id, path, key=None):
    """An OK to a HELLO, as a stranger's packet."""
    session = SessionKey(key or secret.agree(host.identity.public))
    payload = Ok(Verb.HELLO, packet_id).emit()
    packet = build(5, host.address, secret.address, Verb.OK, payload)
    host.give(UnknownSource(path, secret.address, session.seal(packet, Suite.AES_GMAC_SIV)))


def test_first_few_newcomers_are_asked_nothing(root):
    crowd(root, CROWD)
    assert root.engine.counters["newcomer_asked"] == 0


def test_forged_newcomers_that_do_not_answer_never_come_in_line(root):
    crowd(root, 500)
    assert root.engine.counters["newcomer_asked"] == 500 - CROWD - 1
    finish_proofs(root)
    assert root.engine.counters["proof_invalid"] == CROWD + 1
    assert root.engine.counters["proof_evicted"] == 0


def test_genuine_newcomer_answers_and_is_let_in_among_forged_ones(trio, root):
    crowd(root, 500)
    trio.ann.start(trio.planet)
    trio.net.run(100)
    assert root.engine.counters["newcomer_answered"] == 1
    assert not trio.ann.direct_to(root)
    finish_proofs(root)
    trio.net.run(100)
    assert trio.ann.direct_to(root)
    assert root.direct_to(trio.ann)


def test_crowd_is_remembered_for_a_while_after_it_was_proved(trio, root):
    crowd(root, CROWD + 2)
    finish_proofs(root)
    trio.net.run(ASK_MS - 10)
    greet(root, forged(700), path_of(700))
    assert root.engine.counters["newcomer_asked"] == 2
    trio.net.run(ASK_MS)
    greet(root, forged(701), path_of(701))
    assert root.engine.counters["newcomer_asked"] == 2


@pytest.mark.parametrize("wrong", ["id", "key"])
def test_answer_that_is_none_is_that_of_any_stranger(root, wrong):
    crowd(root)
    secret = identity(30)
    greet(root, secret, path_of(999))
    (packet_id,) = asked(root, secret)
    key = identity(31).agree(root.identity.public) if wrong == "key" else None
    answer(root, secret, packet_id + (wrong == "id"), path_of(999), key)
    assert root.engine.counters["newcomer_answered"] == 0
    answer(root, secret, packet_id, path_of(999))
    assert root.engine.counters["newcomer_answered"] == 1


def test_newcomer_whose_answer_was_lost_is_asked_again(root):
    crowd(root)
    secret = identity(30)
    for packet_id in (1, 2):
        greet(root, secret, path_of(999), packet_id)
    first, second = asked(root, secret)
    assert first != second
    answer(root, secret, first, path_of(999))
    assert root.engine.counters["newcomer_answered"] == 1


def claim(host, secret, number, path):
    """Somebody else with a key of its own claims the same address."""
    other = identity(40 + number)
    claimed = Identity(secret.address, other.public.public_key)
    greet(host, SecretIdentity(claimed, other.private_key), path)


def test_keys_that_claim_the_address_of_a_newcomer_from_elsewhere_change_nothing_for_it(root):
    crowd(root)
    secret = identity(30)
    greet(root, secret, path_of(999))
    for number in range(3 * MAX_CLAIMS):
        claim(root, secret, number, path_of(1000 + number))
    (packet_id,) = asked(root, secret)
    answer(root, secret, packet_id, path_of(999))
    assert root.engine.counters["newcomer_answered"] == 1


def test_keys_that_claim_it_from_its_very_ip_have_it_asked_again(root):
    crowd(root)
    secret = identity(30)
    greet(root, secret, path_of(999))
    agreements = root.engine.counters["hello_repeated"]
    for number in range(MAX_CLAIMS):
        claim(root, secret, number, path_of(999))
    answer(root, secret, asked(root, secret)[0], path_of(999))
    assert root.engine.counters["newcomer_answered"] == 0
    greet(root, secret, path_of(999), 78)
    assert root.engine.counters["hello_repeated"] == agreements + 1
    answer(root, secret, asked(root, secret)[-1], path_of(999))
    assert root.engine.counters["newcomer_answered"] == 1


def test_answer_from_where_nobody_was_asked_is_that_of_any_stranger(root):
    crowd(root)
    secret = identity(30)
    greet(root, secret, path_of(999))
    (packet_id,) = asked(root, secret)
    answer(root, secret, packet_id, path_of(998))
    assert root.engine.counters["newcomer_answered"] == 0
    answer(root, secret, packet_id, (0, path_of(999)[1], 1_024))
    assert root.engine.counters["newcomer_answered"] == 1


def test_newcomer_is_asked_by_each_of_a_few_sockets_and_may_answer_by_any(root):
    crowd(root)
    secret = identity(30)
    for number in range(MAX_PATHS + 2):
        greet(root, secret, path_of(990 + number), number + 1)
    assert len(asked(root, secret)) == MAX_PATHS
    answer(root, secret, asked(root, secret)[-1], path_of(990 + MAX_PATHS - 1))
    assert root.engine.counters["newcomer_answered"] == 1
    assert not root.engine._hello.newcomers._asked._questions
