"""Whatever a peer sends gives an event or a counted drop, and never raises."""

from __future__ import annotations

import functools

from hypothesis import given, settings
from hypothesis import strategies as st
from vl1_internet import Internet, planet

from earthline.effects import HelloReceived, PacketReceived, UnknownSource
from earthline.wire.packet import Verb

PATHS = st.tuples(
    st.sampled_from([0, -1]),
    st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)),
    st.integers(0, 0xFFFF),
)
PAYLOADS = st.binary(max_size=400)


@functools.cache
def running():
    net = Internet()
    root, ann, bob = (net.host(n, f"192.168.{n}.1/9993") for n in (1, 2, 3))
    for host in (root, ann, bob):
        host.start(planet(root))
    net.run(100)
    ann.engine.topology.add(bob.identity.public, net.now)
    ann.net.drops = lambda *_: True
    return ann, root, bob


@given(
    verb=st.integers(0, 31),
    payload=PAYLOADS,
    path=PATHS,
    hops=st.integers(0, 7),
    root=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_any_payload_of_a_known_peer_is_survived(verb, payload, path, hops, root):
    ann, upstream, bob = running()
    source = upstream if root else bob
    ann.give(PacketReceived(path, source.address, 1, hops, 3, verb, payload))
    assert ann.engine.peer(source.address) is not None


@given(
    verb=st.sampled_from([Verb.OK, Verb.ERROR]),
    in_re=st.integers(0, 31),
    payload=PAYLOADS,
    root=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_any_answer_to_what_we_asked_is_survived(verb, in_re, payload, root):
    ann, upstream, bob = running()
    source = upstream if root else bob
    path = (0, *source.addresses[0])
    ann.engine._replies.expect(5, in_re, source.address, path)
    body = bytes([in_re]) + (5).to_bytes(8, "big") + payload
    ann.give(PacketReceived(path, source.address, 1, 0, 3, verb, body))
    assert ann.engine.peer(upstream.address) is not None


@given(packet=st.binary(max_size=300), path=PATHS)
@settings(max_examples=200, deadline=None)
def test_any_unauthenticated_bytes_are_survived_and_make_no_peer(packet, path):
    ann, _, _ = running()
    before = set(ann.engine.topology.peers)
    ann.give(HelloReceived(path, packet))
    if len(packet) >= 28:
        ann.give(UnknownSource(path, int.from_bytes(packet[13:18], "big"), packet))
    assert set(ann.engine.topology.peers) == before
