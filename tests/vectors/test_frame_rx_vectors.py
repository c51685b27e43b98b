"""frame_rx.json: what a stock node does with a packet of a peer (03, 7.2 and 8.6; 01, 6).

A whole node on a switch knows the sender and the controller, and no root.
"""

from __future__ import annotations

from collections import deque

import pytest
from frame_cases import certificate, config_of, ethernet
from vl2_bench import NOW, entropy

from earthline import effects
from earthline._native import SessionKey, Switch, decompress
from earthline.node import Node
from earthline.vl1.ground.work import prove
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.mac import mac_bytes
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.packet import Verb, build

PATH = (1, bytes([80, 1, 0, 1]), 9993)
FLAGS, VERB = 18, 27


class Lab:
    """One node, and what a peer sees of it."""

    def __init__(self, case):
        self.own = SecretIdentity.parse(case["self_secret"])
        self.sender = SecretIdentity.parse(case["sender_secret"])
        self.controller = Identity.parse(case["controller_identity"])
        self.network = int(case["network_id"], 16)
        self.key = SessionKey(self.own.agree(self.sender.public))
        self.frames, self.replies = [], []
        self.switch = Switch(self.own.address, bytes(32))
        self.node = Node(self.own, entropy(), NOW)
        for peer in (self.sender.public, self.controller):
            record = b"\x02" + peer.emit() + bytes(10)
            self.tell(effects.StateLoaded("peer", peer.address, record))
        # It has answered us by this path: what it asks for is not held back until it does.
        self.node.peers.peer(self.sender.address).proved[PATH] = NOW
        config = config_of(case, self.own.address, certificate(case["our_certificate"]))
        self.tell(effects.StateLoaded("network", self.network, config.emit()))

    def tell(self, event):
        self.node.receive(event, NOW)
        self._settle()

    def packet(self, packet_id, verb, payload):
        """From the sender, relayed once, with suite 1."""
        sealed = bytearray(
            self.key.seal(build(packet_id, self.own.address, self.sender.address, verb, payload), 1)
        )
        sealed[FLAGS] |= 1
        self._outcome(self.switch.ingest_datagrams([(*PATH, bytes(sealed))], NOW))
        self._settle()

    def is_behind_sender(self, mac):
        """Whether a frame to a MAC goes to the sender without the engines being asked."""
        self.switch.apply([effects.InstallRoute(self.sender.address, PATH, direct=True)], NOW)
        ours = mac_bytes(mac) + mac_bytes(self.mac) + b"\x08\x00"
        output = self.switch.ingest_frames([(self.network, ours + bytes(20))], NOW)
        opened = [self._opened(datagram) for *_, datagram in output.datagrams]
        return [packet[VERB] for packet in opened] == [Verb.EXT_FRAME]

    @property
    def mac(self):
        (state,) = self.node.networks()
        return state.mac

    def _settle(self):
        queue = deque(self.node.poll())
        while queue:
            command = queue.popleft()
            if type(command) in effects.SWITCH_COMMANDS:
                self._outcome(self.switch.apply([command], NOW))
            elif isinstance(command, effects.Transmit):
                self._sent(command.path, command.datagram)
            elif isinstance(command, effects.ProveIdentity):
                address, key = command.address, command.public_key
                self.node.receive(effects.IdentityProved(address, key, prove(command), 0), NOW)
            queue.extend(self.node.poll())

    def _outcome(self, output):
        self.frames += output.frames
        for *path, datagram in output.datagrams:
            self._sent(tuple(path), datagram)
        for event in output.punts:
            self.node.receive(event, NOW)

    def _sent(self, path, datagram):
        assert path == PATH
        packet = self._opened(datagram)
        self.replies.append((packet[VERB] & 0x1F, packet[28:].hex()))

    def _opened(self, datagram):
        return decompress(self.key.open(datagram))


@pytest.mark.vectors("frame_rx")
def test_frame_rx(case, document):
    lab = Lab(case)
    theirs = certificate(case["sender_certificate"])
    if theirs is not None:
        credentials = NetworkCredentials(certificates=(theirs,))
        lab.packet(1, Verb.NETWORK_CREDENTIALS, credentials.emit())
    lab.frames.clear()
    lab.replies.clear()

    lab.packet(int(case["packet_id"], 16), case["verb"], bytes.fromhex(case["payload"]))

    assert lab.frames == [(lab.network, ethernet(frame)) for frame in case["frames_to_tap"]]
    assert lab.replies == [(reply["verb"], reply["payload"]) for reply in case["replies"]]
    learned = [route["mac"] for route in case["bridge_routes_learned"]]
    for mac in foreign_macs(document):
        assert lab.is_behind_sender(int(mac, 16)) == (mac in learned)


def foreign_macs(document):
    """The MACs behind bridges that any case of a file tells of."""
    return {route["mac"] for case in document["cases"] for route in case["bridge_routes_learned"]}
