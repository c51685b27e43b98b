"""Events made of what the node has the host do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from earthline import effects
from earthline.runtime.node import happenings
from earthline.runtime.node.event_kinds import KINDS
from earthline.runtime.node.events import Events
from earthline.runtime.node.happenings import LOOK_AGAIN_MS, LOOKED_AT_ONCE, Happenings
from earthline.vl1.reasons import Explained, Reason, State
from earthline.vl1.status import Places
from earthline.wire.inet import InetAddress

PEER = 0x0A1B2C3D4E
NETWORK = 0x1122334455000001
PATH = 1, bytes((203, 0, 113, 5)), 9993
OTHER = 1, bytes((203, 0, 113, 6)), 9993
DIRECT = Explained(State.DIRECT, Reason.NONE)
TRYING = Explained(State.RELAYED, Reason.TRYING)
OUR_NAT = Explained(State.RELAYED, Reason.OUR_NAT)
NOW = 1_000_000


class Told:
    """Happenings of a node that says what it is to say, and the events of them."""

    def __init__(self) -> None:
        self.node: Any = SimpleNamespace(
            explain=lambda address, _now: self.explained.get(address),
            networks=lambda: self.networks,
            upstreams=(),
            places=Places((), (), ()),
        )
        self.explained: dict[int, Explained] = {}
        self.networks: list[Any] = []
        self.bus = Events(1)
        self.happenings = Happenings(self.bus, self.node)
        self._observers = self.happenings.observers()
        self.listener = self.bus.listen(None)

    def see(self, *commands: Any) -> list[dict[str, Any]]:
        for command in commands:
            self._observers[type(command)](command)
        return self.events()

    def look(self, now: int) -> list[dict[str, Any]]:
        self.happenings.look(now)
        return self.events()

    def events(self) -> list[dict[str, Any]]:
        found = [event.as_object() for event in self.listener.waiting]
        self.listener.waiting.clear()
        return [{key: value for key, value in event.items() if key != "at"} for event in found]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(happenings, "now_ms", lambda: NOW)
    told = Told()
    told.look(NOW)
    return told


def session(peer: int = PEER, suite: int = 1) -> effects.InstallSession:
    return effects.InstallSession(peer, bytes(48), suite, bytes(64))


def route(direct: bool, peer: int = PEER) -> effects.InstallRoute:
    return effects.InstallRoute(peer, PATH, direct=direct)


def test_peer_is_new_once(told: Told) -> None:
    assert told.see(session(), session(suite=3)) == [{"event": "peer.new", "address": "0a1b2c3d4e"}]
    assert told.see(effects.RemoveSession(PEER), effects.RemoveSession(PEER)) == [
        {"event": "peer.gone", "address": "0a1b2c3d4e"}
    ]


def test_paths_are_found_and_lost(told: Told) -> None:
    told.see(session(), effects.InstallPaths(PEER, (PATH,)))
    address = "0a1b2c3d4e"
    assert told.see(effects.InstallPaths(PEER, (OTHER,))) == [
        {"event": "peer.path_lost", "address": address, "path": "203.0.113.5/9993"},
        {"event": "peer.path_found", "address": address, "path": "203.0.113.6/9993"},
    ]


def test_peer_becomes_direct_and_relayed_with_its_reason(told: Told) -> None:
    told.see(session())
    told.explained[PEER] = DIRECT
    address = "0a1b2c3d4e"
    assert told.see(route(direct=True)) == [
        {"event": "peer.direct", "address": address, "path": "203.0.113.5/9993"}
    ]
    assert told.see(route(direct=True)) == []
    told.explained[PEER] = TRYING
    assert told.see(route(direct=False)) == [
        {"event": "peer.relayed", "address": address, "reason": "trying"}
    ]


def test_reason_that_becomes_another_one_is_told(told: Told) -> None:
    told.see(session())
    told.explained[PEER] = TRYING
    told.see(route(direct=False))
    told.explained[PEER] = OUR_NAT
    assert told.look(NOW + LOOK_AGAIN_MS - 1) == []
    assert told.look(NOW + LOOK_AGAIN_MS) == [
        {"event": "peer.relayed", "address": "0a1b2c3d4e", "reason": OUR_NAT.reason.value}
    ]
    assert told.look(NOW + 2 * LOOK_AGAIN_MS) == []
    told.explained[PEER] = TRYING
    assert len(told.look(NOW + 3 * LOOK_AGAIN_MS)) == 1


def test_many_reasons_are_looked_at_some_at_a_time(told: Told) -> None:
    peers = range(1, 3 * LOOKED_AT_ONCE)
    for peer in peers:
        told.explained[peer] = TRYING
        told.see(session(peer), route(direct=False, peer=peer))
    told.explained = dict.fromkeys(peers, OUR_NAT)
    seen = [len(told.look(NOW + LOOK_AGAIN_MS)) for _ in range(4)]
    assert seen == [LOOKED_AT_ONCE, LOOKED_AT_ONCE, LOOKED_AT_ONCE - 1, 0]


def test_nothing_is_kept_of_a_peer_that_is_gone(told: Told) -> None:
    told.explained[PEER] = TRYING
    told.see(session(), effects.InstallPaths(PEER, (PATH,)), route(direct=False))
    told.see(effects.RemoveSession(PEER))
    assert told.see(effects.InstallPaths(PEER, ()), route(direct=False)) == []
    kept = (table for table in vars(told.happenings).values() if isinstance(table, dict))
    assert not any(PEER in table for table in kept)


def test_network_is_joined_configured_and_left(told: Told) -> None:
    name = f"{NETWORK:016x}"
    joined = effects.ConfigureTap(NETWORK, 1, 2800)
    assert told.see(joined, joined) == [{"event": "network.joined", "network": name}]
    fields = {"network": name, "status": "ACCESS_DENIED"}
    assert told.see(effects.Report("network_status", fields)) == [
        {"event": "network.status", **fields}
    ]
    told.networks = [
        SimpleNamespace(
            network=NETWORK, name="office", addresses=[InetAddress.parse("10.0.0.2/24")]
        )
    ]
    configured = told.happenings.observers()[effects.InstallNetwork]
    configured(SimpleNamespace(network=NETWORK))
    assert told.events() == [
        {
            "event": "network.configured",
            "network": name,
            "name": "office",
            "addresses": ["10.0.0.2/24"],
        }
    ]
    left = effects.RemoveNetwork(NETWORK)
    assert told.see(left, left) == [{"event": "network.left", "network": name}]


def test_node_says_where_it_is_and_whether_it_is_online(told: Told) -> None:
    assert told.see(effects.Report("online", {}), effects.Report("offline", {})) == [
        {"event": "node.online"},
        {"event": "node.offline"},
    ]
    assert told.see(effects.Report("address_claimed", {})) == []
    told.node.upstreams = (PEER,)
    told.node.places = Places((), (), (InetAddress(*PATH[1:]),))
    assert told.look(NOW) == [
        {"event": "node.upstreams", "upstreams": ["0a1b2c3d4e"]},
        {
            "event": "node.addresses",
            "listening": [],
            "mapped": [],
            "surfaces": ["203.0.113.5/9993"],
        },
    ]
    assert told.look(NOW) == []


def test_every_way_to_reach_a_peer_is_a_kind() -> None:
    assert {f"peer.{state.value}" for state in State} <= set(KINDS)
