"""Contact of a place: our NAT is opened at once, and what is to arrive follows a little later."""

from __future__ import annotations

import pytest

from earthline.effects import Transmit
from earthline.vl1.sending import approach
from earthline.vl1.sending.approach import HEAD_START_MS, OPENER_LENGTH, OPENER_TTL
from earthline.vl1.sending.contact import toward
from earthline.vl1.surface.nat import Filtering
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb
from peer_engine import HONEST_NET, NOW, SEEN, engine, known, path, place, who

THERE = place(HONEST_NET, 9)


class Contacting:
    """An engine behind a NAT, and a member that names places of it."""

    def __init__(self, seen=SEEN) -> None:
        self.commands: list[object] = []
        self.node = engine(self.commands)
        for number in range(2):
            seen_by = self.node.paths.get(path(place(HONEST_NET, 100 + number)))
            self.node.surface.record(number, seen_by, seen, NOW, upstream=True)
        self.peer = known(self.node, who(1), member=True)
        self.commands.clear()

    def sent(self):
        """(path, TTL) of each datagram since this was asked last."""
        sent = [(c.path, c.ttl) for c in self.commands if isinstance(c, Transmit)]
        self.commands.clear()
        return sent

    def look(self, where=THERE, *, first=True):
        self.node._approach.look_at(self.peer, where, NOW, first=first)
        return self.sent()

    def tick(self, at):
        self.node._approach.tick(NOW + at)
        return self.sent()


def test_new_place_has_an_opener_at_once_and_contact_after_the_head_start():
    contacting = Contacting()
    contacting.node._approach.look_at(contacting.peer, THERE, NOW, first=True)
    [opener] = contacting.commands
    assert (len(opener.datagram), opener.ttl) == (OPENER_LENGTH, OPENER_TTL)
    contacting.commands.clear()
    assert not contacting.tick(HEAD_START_MS - 1)
    assert contacting.tick(HEAD_START_MS) == [(toward(THERE), 0)]
    assert contacting.node._approach.idle()


def test_place_that_was_sent_to_before_is_contacted_at_once():
    assert Contacting().look(first=False) == [(toward(THERE), 0)]


@pytest.mark.parametrize("where", ["10.0.0.7/9993", "2a00::7/9993"])
def test_place_that_our_nat_does_not_lead_to_is_contacted_at_once(where):
    there = InetAddress.parse(where)
    assert Contacting().look(there) == [(toward(there), 0)]


def test_node_that_can_be_met_anyway_does_not_wait():
    contacting = Contacting()
    contacting.node.nat.examined(Filtering.INDEPENDENT, None)
    assert contacting.look() == [(toward(THERE), 0)]
    assert Contacting(seen=InetAddress.parse("81.0.0.1/9993")).look() == [(toward(THERE), 0)]


def test_peer_that_came_first_is_not_contacted_again():
    contacting = Contacting()
    contacting.look()
    way = (0, *THERE)
    contacting.node._reception.received(contacting.peer, way, 0, Verb.OK, NOW, confirmed=True)
    contacting.sent()
    assert not contacting.tick(HEAD_START_MS)


def test_place_of_an_introduction_that_the_peer_names_too_is_opened_by_all_sockets():
    contacting = Contacting()
    contacting.node._approach.introduced(contacting.peer, path(THERE), NOW)
    assert not contacting.sent()
    assert contacting.look() == [(toward(THERE), OPENER_TTL)]
    assert not contacting.look()
    assert contacting.tick(HEAD_START_MS) == [(toward(THERE), 0)]


def test_introduction_is_followed_by_the_socket_that_it_came_by():
    contacting = Contacting()
    contacting.node._approach.introduced(contacting.peer, path(THERE), NOW)
    assert contacting.tick(HEAD_START_MS) == [(path(THERE), 0)]


def test_of_too_many_places_the_rest_is_contacted_at_once(monkeypatch):
    monkeypatch.setattr(approach, "MAX_WAITING", 1)
    contacting = Contacting()
    contacting.look()
    other = place(HONEST_NET, 10)
    assert contacting.look(other) == [(toward(other), 0)]


def test_peer_that_named_too_many_places_has_nothing_sent_there():
    contacting = Contacting()
    contacting.peer.places_full_at = NOW + 1_000_000
    assert not contacting.look()
    assert not contacting.tick(HEAD_START_MS)
    assert contacting.node.counters["places_too_many"] == 1


def test_our_nat_is_judged_once_for_all_places_that_a_packet_names(monkeypatch):
    contacting = Contacting()
    judged = []
    report = contacting.node.nat.report
    monkeypatch.setattr(contacting.node.nat, "report", lambda: judged.append(1) or report())
    for number in range(16):
        assert contacting.look(place(HONEST_NET, number))[0][1] == OPENER_TTL
    assert len(judged) == 1
    contacting.node._approach.look_at(contacting.peer, THERE, NOW + 1, first=True)
    contacting.node.nat.examined(Filtering.INDEPENDENT, None)
    there = place(HONEST_NET, 100)
    contacting.node._approach.look_at(contacting.peer, there, NOW + 2, first=True)
    assert contacting.sent()[-1] == (toward(there), 0)
