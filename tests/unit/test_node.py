"""The facade: where events go, the timer, and that nothing a peer sends raises."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline import effects
from earthline.node import Node
from earthline.sim.simulation import throwaway_identities
from earthline.wire.inet import InetAddress
from earthline.wire.packet import DEFAULT_MTU, Verb
from earthline.wire.reader import Malformed

NOW = 1_700_000_000_000
OWN, CONTROLLER, PEER = itertools.islice(throwaway_identities(), 3)
NETWORK = CONTROLLER.address << 24 | 1
PATH = (1, bytes([80, 1, 0, 1]), 9993)


def new_node():
    count = itertools.count()
    return Node(OWN, lambda n: hashlib.shake_128(str(next(count)).encode()).digest(n), NOW)


def of(commands, kind):
    return [command for command in commands if isinstance(command, kind)]


def test_poll_hands_out_each_command_once():
    node = new_node()
    node.send(effects.Join(NETWORK), NOW)
    assert of(node.poll(), effects.ConfigureTap) != []
    assert node.poll() == []


def test_stored_network_goes_to_the_ethernet_engine():
    node = new_node()
    node.receive(effects.StateLoaded("network", NETWORK, b"\n"), NOW)
    assert [state.network for state in node.networks()] == [NETWORK]
    assert node.counters == {}


def test_stored_garbage_is_counted_and_harmless():
    node = new_node()
    for kind in ("planet", "moon", "peer"):
        node.receive(effects.StateLoaded(kind, 0, b"\xff" * 40), NOW)
    assert sum(node.counters.values()) == 3
    assert node.status(NOW).planet is None


def test_malformed_world_of_the_user_raises():
    with pytest.raises(Malformed):
        new_node().send(effects.TakeWorld(b"nonsense"), NOW)


def test_moon_can_be_wanted_and_no_longer_wanted():
    node = new_node()
    node.send(effects.Orbit(7, PEER.address), NOW)
    assert node.status(NOW).wanted_moons == ((7, PEER.address),)
    node.send(effects.Deorbit(7), NOW)
    assert node.status(NOW).wanted_moons == ()


def test_settings_come_as_one_value_of_which_every_part_counts():
    node, place = new_node(), InetAddress.parse("203.0.113.5/9993")
    network = effects.PhysicalNetwork(InetAddress.parse("203.0.113.0/24"), 1_400, 7)
    settings = effects.NodeSettings(
        physical_networks=(network,),
        hints={PEER.address: (place,)},
        path_allowed=lambda address, _endpoint: address != PEER.address,
        low_bandwidth=True,
        port_spray=False,
        path_mtu_discovery=False,
    )
    node.send(effects.Configure(settings), NOW)
    engine = node.peers
    assert (engine.physical.mtu(place), engine.physical.trusted_path_id(place)) == (1_400, 7)
    assert engine._seek.hints(PEER.address) == (place,)
    assert not engine.topology.usable(PEER.address, place)
    assert engine.topology.usable(CONTROLLER.address, place)
    assert engine.local.low_bandwidth
    assert node.ethernet._station.low_bandwidth
    assert not (engine.spray.enabled)
    assert not (engine.mtu._enabled)
    node.send(effects.Configure(effects.NodeSettings()), NOW)
    assert engine.physical.mtu(place) == DEFAULT_MTU
    assert engine._seek.hints(PEER.address) == ()
    assert engine.topology.usable(PEER.address, place)
    assert not (engine.local.low_bandwidth)
    assert not (node.ethernet._station.low_bandwidth)
    assert engine.spray.enabled
    assert engine.mtu._enabled


def test_settings_with_too_many_networks_change_nothing():
    node = new_node()
    network = effects.PhysicalNetwork(InetAddress.parse("203.0.113.0/24"), 1_400)
    settings = effects.NodeSettings(physical_networks=(network,) * 33, low_bandwidth=True)
    with pytest.raises(ValueError, match="at most 32"):
        node.send(effects.Configure(settings), NOW)
    assert not node.peers.local.low_bandwidth


def test_timer_never_stands_still():
    node = new_node()
    node.send(effects.Join(NETWORK), NOW)
    now = NOW
    for _ in range(200):
        now = max(now, node.next_timeout())
        node.handle_timeout(now)
        assert node.next_timeout() > now
    assert now >= NOW + 60_000


def joined_node():
    """A node on a network, that knows the controller and a peer."""
    node = new_node()
    for known in (CONTROLLER, PEER):
        node.peers.topology.add(known.public, NOW)
    node.receive(effects.SocketsChanged(()), NOW)
    node.send(effects.Join(0xFF0A000000000001), NOW)
    node.send(effects.Join(NETWORK), NOW)
    return node


NODE = joined_node()
NETWORKS = st.sampled_from([NETWORK, 0xFF0A000000000001, 0, 2**64 - 1])
PAYLOADS = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda n, rest: n.to_bytes(8, "big") + rest, NETWORKS, st.binary(max_size=300)),
)
SOURCES = st.sampled_from([CONTROLLER.address, PEER.address, OWN.address, 0x1122334455])


@given(SOURCES, st.integers(0, 31), PAYLOADS, st.integers(0, 7), st.integers(0, 2**64 - 1))
def test_no_packet_raises(source, verb, payload, hops, packet_id):
    packet = effects.PacketReceived(PATH, source, packet_id, hops, 1, verb, payload)
    NODE.receive(packet, NOW)
    NODE.poll()


@given(
    SOURCES, st.sampled_from([Verb.FRAME, Verb.EXT_FRAME, Verb.MULTICAST_FRAME]), PAYLOADS, NETWORKS
)
def test_no_refused_frame_raises(source, verb, payload, network):
    packet = effects.PacketReceived(PATH, source, 1, 0, 1, verb, payload)
    NODE.receive(effects.GateRefused(packet, network), NOW)
    NODE.poll()


@given(
    NETWORKS,
    st.binary(max_size=120),
    st.sampled_from(["member", "route", "multicast", "neighbour", "bridge", "unheard of"]),
)
def test_no_frame_of_the_tap_raises(network, frame, reason):
    NODE.receive(effects.FramePunted(network, frame, reason), NOW)
    NODE.poll()


@given(st.integers(0, 9), st.sampled_from(list(Verb)), PAYLOADS)
def test_no_error_raises(code, in_re_verb, payload):
    error = bytes([in_re_verb]) + bytes(8) + bytes([code]) + payload
    for source in (CONTROLLER.address, PEER.address):
        packet = effects.PacketReceived(PATH, source, 1, 0, 1, Verb.ERROR, error)
        NODE.receive(packet, NOW)
    NODE.poll()


@given(st.sampled_from(list(Verb)), PAYLOADS)
def test_no_answer_raises_even_if_it_was_asked_for(in_re_verb, payload):
    packet_id = 99
    NODE.peers._replies.expect(packet_id, in_re_verb, PEER.address, PATH)
    ok = bytes([in_re_verb]) + packet_id.to_bytes(8, "big") + payload
    NODE.receive(effects.PacketReceived(PATH, PEER.address, 1, 0, 1, Verb.OK, ok), NOW)
    NODE.poll()
