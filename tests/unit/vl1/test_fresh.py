"""A port that no NAT has an entry of: what is sent by it, to whom, in which order, how much."""

from __future__ import annotations

import pytest

from earthline.effects import CloseSockets, OpenSockets, SocketsOpened, Transmit
from earthline.vl1.sending.approach import OPENER_LENGTH, OPENER_TTL
from earthline.vl1.traversal import fresh
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb
from peer_engine import HERE, HONEST_NET, NOW, ROOT, SEEN, engine, known, path, place, who

SOCKET = 1_000
OURS = InetAddress(HERE.ip, 40_404)
PEERS = [InetAddress(place(HONEST_NET, 9).ip, port) for port in (9993, 20_000)]


class Meeting:
    """An engine that a root sees, and a member whose traffic it relays."""

    def __init__(self, places=PEERS, seen=(SEEN, SEEN)) -> None:
        self.commands: list[object] = []
        self.node = engine(self.commands)
        for number, surface in enumerate(seen):
            seen_by = self.node.paths.get(path(place(HONEST_NET, 100 + number)))
            self.node.surface.record(number, seen_by, surface, NOW, upstream=True)
        root = self.node.topology.peer(ROOT.address)
        to_root = path(InetAddress.parse("83.0.0.1/9993"))
        self.node._reception.received(root, to_root, 0, Verb.OK, NOW, confirmed=True)
        self.peer = known(self.node, who(1), member=True)
        for endpoint in places:
            self.peer.remember_place(endpoint)
        self.peer.punches = fresh.PATIENCE
        self.commands.clear()
        self.node._fresh.consider(self.peer, NOW)
        self.opened = [c for c in self.commands if isinstance(c, OpenSockets)]
        for command in self.opened:
            self.node.receive(SocketsOpened(command.token, ((SOCKET, OURS),)), NOW)

    def tick(self, at: int) -> list[object]:
        self.commands.clear()
        self.node._fresh.tick(NOW + at)
        return list(self.commands)

    def until_over(self) -> list[object]:
        return [c for at in range(0, 12_000, 100) for c in self.tick(at)]


def by_fresh_port(commands):
    return [c for c in commands if isinstance(c, Transmit) and c.path[0] == SOCKET]


def test_nat_is_opened_toward_every_place_before_the_peer_is_told():
    meeting = Meeting()
    sent = [c for c in meeting.tick(0) if isinstance(c, Transmit)]
    openers, told = sent[:-1], sent[-1]
    assert {InetAddress(*c.path[1:]) for c in openers} == set(PEERS)
    assert {c.path[0] for c in openers} == {SOCKET}
    assert {(len(c.datagram), c.ttl) for c in openers} == {(OPENER_LENGTH, OPENER_TTL)}
    assert told.path[1:] == path(InetAddress.parse("83.0.0.1/9993"))[1:]
    assert told.ttl == 0


def test_place_is_contacted_after_a_head_start_only():
    meeting = Meeting()
    for at in range(0, fresh.HEAD_START_MS, 100):
        assert all(c.ttl == OPENER_TTL for c in by_fresh_port(meeting.tick(at)))
    late = by_fresh_port(meeting.tick(fresh.HEAD_START_MS))
    assert {(InetAddress(*c.path[1:]), c.ttl) for c in late} == {(p, 0) for p in PEERS}


def test_place_that_is_heard_of_later_is_opened_first_too():
    meeting = Meeting()
    meeting.tick(0)
    later = InetAddress(PEERS[0].ip, 50_000)
    meeting.peer.remember_place(later)
    [opener] = by_fresh_port(meeting.tick(100))
    assert (InetAddress(*opener.path[1:]), opener.ttl) == (later, OPENER_TTL)


def test_places_of_another_realm_are_not_for_this():
    other = [InetAddress.parse("10.0.0.7/9993"), InetAddress.parse("2a00::7/9993")]
    assert not by_fresh_port(Meeting(other).until_over())


def test_what_is_sent_is_bounded_and_the_socket_closed():
    meeting = Meeting([InetAddress(PEERS[0].ip, 1_024 + n) for n in range(16)])
    said = meeting.until_over()
    assert len(by_fresh_port(said)) == fresh.MAX_PLACES * (1 + fresh.MAX_CONTACTS)
    assert CloseSockets((SOCKET,)) in said
    assert meeting.node._fresh.idle()


def test_peer_that_named_too_many_places_has_nothing_sent_there():
    meeting = Meeting()
    meeting.peer.places_full_at = NOW + 1_000_000
    assert not by_fresh_port(meeting.until_over())


@pytest.mark.parametrize("ports", [(20_000, 30_000), (20_000, 20_000)])
def test_no_port_is_tried_that_our_nat_does_not_keep(ports):
    seen = [InetAddress(SEEN.ip, port) for port in ports]
    assert not Meeting(seen=seen).opened


def test_path_that_was_found_keeps_the_socket():
    meeting = Meeting()
    meeting.tick(0)
    way = (SOCKET, *PEERS[0])
    meeting.node._reception.received(meeting.peer, way, 0, Verb.OK, NOW + 100, confirmed=True)
    meeting.peer.slots[0].path.last_in = NOW + 100
    assert not any(isinstance(c, CloseSockets) for c in meeting.until_over())
    assert SOCKET in meeting.node.local.extra
    meeting.peer.slots.clear()
    meeting.node._extra.expire(NOW + 20_000)
    assert SOCKET not in meeting.node.local.extra


def test_longer_it_was_in_vain_the_less_often_it_is_tried():
    assert [tries for tries in range(1, 70) if fresh.is_due(tries)] == [3, 7, 15, 31, 63]
