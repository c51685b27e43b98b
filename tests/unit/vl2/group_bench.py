"""A member of a public network, with a root and six peers, and what goes on in its groups."""

from __future__ import annotations

from vl2_bench import identity

from earthline import effects
from earthline.wire.mac import BROADCAST, mac_bytes, mac_of
from earthline.wire.messages.multicast import MulticastLike
from earthline.wire.messages.ok import Gathered, OkMulticastGather
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import Verb

CONTROLLER = identity(0)
OWN = identity(1)
ROOT = identity(2)
PEERS = [identity(number) for number in range(3, 9)]
NETWORK = CONTROLLER.address << 24 | 1
OWN_MAC = mac_of(OWN.address, NETWORK)
MDNS = MulticastGroup(0x01005E0000FB, 0)
ASKED_IP = bytes([10, 0, 0, 9])
ARP_GROUP = MulticastGroup(BROADCAST, int.from_bytes(ASKED_IP, "big"))
ARP = bytes.fromhex("0806000108000604 0001") + bytes(16) + ASKED_IP


def configured(bench, **changes):
    config = bench.member_config(NETWORK, CONTROLLER, **changes)
    bench.command(effects.SendConfig(NETWORK, OWN.address, config.emit(), 1))
    bench.forget()
    return bench


def multicast(bench, mac=MDNS.mac, rest=b"\x08\x00" + b"frame", source=OWN_MAC):
    bench.tap(NETWORK, mac_bytes(mac) + mac_bytes(source) + rest)


def arp(bench):
    multicast(bench, BROADCAST, ARP)


def like(bench, member, *groups, network=NETWORK):
    message = MulticastLike(tuple((network, group) for group in groups))
    bench.give(member.address, Verb.MULTICAST_LIKE, message.emit())


def gathered(bench, group, *members):
    answer = OkMulticastGather(
        NETWORK, group, Gathered(len(members), tuple(m.address for m in members))
    )
    bench.give_ok(ROOT.address, Verb.MULTICAST_GATHER, answer.emit())


def receivers(bench):
    return [sent.to for sent in bench.sent(Verb.MULTICAST_FRAME)]


def addresses(*nodes):
    return sorted(node.address for node in nodes)
