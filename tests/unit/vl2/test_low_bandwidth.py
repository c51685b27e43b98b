"""Low-bandwidth mode: little is asked and told, and nothing is lost (02, 1.7)."""

from __future__ import annotations

import pytest
from vl1_internet import Internet, planet
from vl2_bench import Bench, identity

from earthline import effects
from earthline.vl2.members.roster import NEVER, PUSH_PERIOD_MS
from earthline.wire.inet import InetAddress
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.config import split_config
from earthline.wire.packet import Verb

CONTROLLER = identity(0)
OWN = identity(1)
PEER = identity(2)
NETWORK = CONTROLLER.address << 24 | 1
HOUR_MS = 3_600_000


@pytest.fixture
def bench():
    bench = Bench(OWN)
    for node in (CONTROLLER, PEER):
        bench.meet(node.public)
    cached = bench.member_config(NETWORK, CONTROLLER).emit()
    bench.tell(effects.StateLoaded("network", NETWORK, cached))
    bench.advance(0)
    for chunk in split_config(NETWORK, cached, bench.now, CONTROLLER):
        bench.give_ok(CONTROLLER.address, Verb.NETWORK_CONFIG_REQUEST, chunk.emit())
    return bench


def test_configuration_is_asked_for_every_64_minutes(bench):
    bench.engine.set_low_bandwidth(True, bench.now)
    bench.forget()
    bench.advance(HOUR_MS)
    assert not bench.sent(Verb.NETWORK_CONFIG_REQUEST)
    bench.advance(5 * 60_000)
    assert bench.sent(Verb.NETWORK_CONFIG_REQUEST)


def test_credentials_are_not_pushed_again_without_a_change(bench):
    frame = mac_bytes(mac_of(PEER.address, NETWORK)) + mac_bytes(mac_of(OWN.address, NETWORK))
    bench.tap(NETWORK, frame + b"\x08\x00hello")
    due = [entry.push_due_at for entry in bench.of(effects.InstallMember)]
    assert due[-1] == bench.now + PUSH_PERIOD_MS
    bench.engine.set_low_bandwidth(True, bench.now)
    bench.settle()
    assert bench.of(effects.InstallMember)[-1].push_due_at == NEVER
    bench.engine.set_low_bandwidth(False, bench.now)
    bench.settle()
    assert bench.of(effects.InstallMember)[-1].push_due_at == due[-1]


def sent_in_an_hour(frugal: bool) -> int:
    net = Internet()
    root = net.host(1, "192.168.1.1/9993")
    leaf = net.host(2, "192.168.2.2/9993", "192.168.2.2/30000", "192.168.2.2/40000")
    leaf.engine.set_low_bandwidth(frugal, net.now)
    for host in (root, leaf):
        host.start(planet(root))
    net.run(200)
    leaf.sent.clear()
    net.run(HOUR_MS)
    assert leaf.engine.online
    ways = {InetAddress(*transmit.path[1:]) for transmit in leaf.sent}
    assert ways == {InetAddress.parse("192.168.1.1/9993")}
    sockets = {transmit.path[0] for transmit in leaf.sent}
    assert (-1 in sockets) is not frugal
    return len(leaf.sent)


def test_root_is_kept_with_fewer_datagrams():
    assert sent_in_an_hour(frugal=True) < sent_in_an_hour(frugal=False)
