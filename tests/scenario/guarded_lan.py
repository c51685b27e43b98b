"""Members of a network with rules, and the frames they try."""

from __future__ import annotations

import struct

from earthline.sim.nat import FullCone, PortRestricted
from earthline.sim.nic import EthernetFrame
from earthline.wire.computed_ip import rfc4193, six_plane
from earthline.wire.inet import InetAddress

POOL = ("10.1.0.1", "10.1.0.254")
ROUTE = "10.1.0.0/24"
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")


class Members:
    """A root that controls one network, and its members by number."""

    def __init__(self, sim, size, body, *, private=True):
        self.sim = sim
        self.root = sim.root("root", "80.1.0.1")
        self.lan = sim.network(self.root, POOL, ROUTE, private=private)
        self.change(body)
        kinds = (FullCone, PortRestricted)
        self.hosts = [sim.host(f"host-{n}", nat=kinds[n % 2]()) for n in range(size)]
        for host in self.hosts:
            host.join(self.lan)
            sim.authorize(self.root, self.lan, host)
        assert sim.run_until(lambda: sim.joined(self.lan, *self.hosts), within_ms=30_000)
        self.taps = [self._tap(host.nic(self.lan)) for host in self.hosts]
        """All frames of each member's TAP, whoever they are for."""

    def _tap(self, nic):
        frames, receive = [], nic.receive

        def overhear(data):
            frames.append(data)
            receive(data)

        nic.receive = overhear
        return frames

    def change(self, body):
        """Change the network, as an administrator does."""
        now = self.sim.clock.now
        _, commands = self.root.authority.post_network(self.lan, body, now)
        self.root.obey(commands)

    def member(self, host, body):
        """Change a member."""
        now = self.sim.clock.now
        _, commands = self.root.authority.post_member(self.lan, host.address, body, now)
        self.root.obey(commands)

    def nic(self, number):
        return self.hosts[number].nic(self.lan)

    def six_plane(self, number):
        return six_plane(self.lan, self.hosts[number].address).ip

    def rfc4193(self, number):
        return rfc4193(self.lan, self.hosts[number].address).ip

    def acquaint(self):
        """Everybody has exchanged credentials with everybody."""
        for left in self.hosts:
            for right in self.hosts:
                if left is not right:
                    assert self.sim.ping(left, right, self.lan)

    def gets(self, number, frame, within_ms=3_000):
        """Whether a member's host gets a frame as it is."""
        return self.sim.run_until(lambda: frame in self.nic(number).frames, within_ms)

    def passes(self, source, destination, ethertype, payload):
        """Whether a frame of one member's host reaches that of another."""
        sender, receiver = self.nic(source), self.nic(destination)
        frame = EthernetFrame(receiver.mac, sender.mac, ethertype, payload)
        sender.send(frame)
        return self.gets(destination, frame)


def udp(source_port, destination_port, data=bytes(20)):
    return struct.pack(">HHHH", source_port, destination_port, 8 + len(data), 0) + data


def udp4(source, destination, source_port, destination_port, data=bytes(20), *, fragment=0):
    body = udp(source_port, destination_port, data)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, fragment, 64, 17, 0)
    return head + source + destination + body


def udp6(source, destination, source_port, destination_port):
    return ip6(source, destination, 17, udp(source_port, destination_port))


def icmp4(source, destination, kind, *, fragment=0):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 28, 7, fragment, 64, 1, 0)
    return head + source + destination + bytes((kind, 0)) + bytes(6)


def ip6(source, destination, header, body, hop_limit=255):
    head = struct.pack(">IHBB", 0x60000000, len(body), header, hop_limit)
    return head + source + destination + body


def icmp6(source, destination, kind, body=bytes(20)):
    return ip6(source, destination, 58, bytes((kind, 0, 0, 0)) + body)


def fragment6(packet, offset=0, *, more=True):
    """An IPv6 packet behind a fragment header; without ``more`` at offset 0 it is whole."""
    header = struct.pack(">BBHI", packet[6], 0, offset | more, 7)
    return ip6(packet[8:24], packet[24:40], 44, header + packet[40:], packet[7])


def extended(packet, header):
    """The packet behind 8 bytes of an extension header, all of them padding."""
    padding = bytes((packet[6], 0, 1, 4)) + bytes(4)
    return ip6(packet[8:24], packet[24:40], header, padding + packet[40:], packet[7])


def tag(ethertype, vlan):
    """Put frames, (ethertype, payload), into a tag."""
    return lambda inner, payload: (ethertype, struct.pack(">HH", vlan, inner) + payload)


def snap(inner, payload, code="000000"):
    """The same behind LLC and SNAP, with a length that is not true."""
    return 60, bytes.fromhex("aaaa03" + code) + inner.to_bytes(2, "big") + payload


def neighbour_message(kind, source, destination, target, mac):
    """A solicitation (0x87) or an advertisement (0x88)."""
    option = b"\x01\x01" if kind == 0x87 else b"\x02\x01"
    return icmp6(source, destination, kind, bytes(4) + target + option + mac.to_bytes(6, "big"))


def arp(operation, mac, ip, target_ip, target_mac=0):
    head = struct.pack(">HHBBH", 1, IPV4, 6, 4, operation)
    return head + mac.to_bytes(6, "big") + ip + target_mac.to_bytes(6, "big") + target_ip


def ip(text):
    return InetAddress.parse(f"{text}/0").ip
