"""What plugs into a simulated TAP: a minimal host stack that resolves, pings, and answers.

Enough IPv4 to see a LAN work: ARP (RFC 826), ICMP echo (RFC 792), and raw Ethernet frames for the
rest.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from earthline.wire.inet import InetAddress
from earthline.wire.mac import BROADCAST, is_multicast

ARP = 0x0806
IPV4 = 0x0800
ECHO_REQUEST = 8
ECHO_REPLY = 0
ICMP = 1
HELD_PACKETS = 16
KEPT_FRAMES = 1024


@dataclass(frozen=True, slots=True)
class EthernetFrame:
    """Destination MAC (6), source MAC (6), ethertype (2), payload."""

    destination: int
    source: int
    ethertype: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> EthernetFrame:
        """From at least 14 bytes."""
        return cls(
            int.from_bytes(data[0:6]),
            int.from_bytes(data[6:12]),
            int.from_bytes(data[12:14]),
            data[14:],
        )

    def emit(self) -> bytes:
        """The frame without check sequence."""
        head = self.destination.to_bytes(6) + self.source.to_bytes(6)
        return head + self.ethertype.to_bytes(2) + self.payload


@dataclass(frozen=True, slots=True)
class Pong:
    """An echo reply: who answered, with what sequence number, when (virtual ms)."""

    source: bytes
    sequence: int
    at: int


class Nic:
    """The host's end of one network's TAP."""

    def __init__(
        self, mac: int, transmit: Callable[[bytes], None], clock_now: Callable[[], int]
    ) -> None:
        self.mac = mac
        self.addresses: tuple[InetAddress, ...] = ()
        self.pongs: list[Pong] = []
        self.frames: deque[EthernetFrame] = deque(maxlen=KEPT_FRAMES)
        """What arrived that this stack has no answer for, newest last."""
        self.neighbours: dict[bytes, int] = {}
        self._transmit = transmit
        self._now = clock_now
        self._held: dict[bytes, deque[bytes]] = {}

    @property
    def ipv4(self) -> bytes:
        """The first IPv4 address. Raises ``LookupError`` where there is none."""
        for address in self.addresses:
            if len(address.ip) == 4:
                return address.ip
        raise LookupError("no IPv4 address")

    # Sending

    def send(self, frame: EthernetFrame) -> None:
        """Put any frame on the wire."""
        self._transmit(frame.emit())

    def broadcast(self, ethertype: int, payload: bytes) -> None:
        """Put a broadcast frame on the wire."""
        self.send(EthernetFrame(BROADCAST, self.mac, ethertype, payload))

    def ping(self, destination: bytes, sequence: int = 1, size: int = 56) -> None:
        """Send an echo request, resolving the address first; the answer shows up in `pongs`."""
        echo = _icmp(ECHO_REQUEST, 0x4C41, sequence, bytes(size))
        packet = _ipv4(self.ipv4, destination, echo)
        if destination in self.neighbours:
            self._send_ip(destination, packet)
            return
        self._held.setdefault(destination, deque(maxlen=HELD_PACKETS)).append(packet)
        self.resolve(destination)

    def resolve(self, destination: bytes) -> None:
        """Broadcast an ARP request."""
        self.broadcast(ARP, self._arp(1, 0, destination))

    def _send_ip(self, destination: bytes, packet: bytes) -> None:
        self.send(EthernetFrame(self.neighbours[destination], self.mac, IPV4, packet))

    def _arp(self, operation: int, target_mac: int, target_ip: bytes) -> bytes:
        head = struct.pack(">HHBBH", 1, IPV4, 6, 4, operation)
        return head + self.mac.to_bytes(6) + self.ipv4 + target_mac.to_bytes(6) + target_ip

    # Receiving

    def receive(self, data: bytes) -> None:
        """Take a frame that the node wrote to the TAP."""
        frame = EthernetFrame.parse(data)
        if frame.destination != self.mac and not is_multicast(frame.destination):
            return
        if frame.ethertype == ARP and len(frame.payload) >= 28 and self.addresses:
            self._on_arp(frame.payload)
        elif not (frame.ethertype == IPV4 and self._on_ipv4(frame)):
            self.frames.append(frame)

    def _on_arp(self, payload: bytes) -> None:
        operation = int.from_bytes(payload[6:8])
        sender_mac, sender_ip = int.from_bytes(payload[8:14]), payload[14:18]
        if payload[24:28] != self.ipv4:
            return
        self.neighbours[sender_ip] = sender_mac
        if operation == 1:
            reply = self._arp(2, sender_mac, sender_ip)
            self.send(EthernetFrame(sender_mac, self.mac, ARP, reply))
        for packet in self._held.pop(sender_ip, ()):
            self._send_ip(sender_ip, packet)

    def _on_ipv4(self, frame: EthernetFrame) -> bool:
        packet = frame.payload
        if len(packet) < 28 or packet[9] != ICMP or packet[16:20] != self.ipv4:
            return False
        source, echo = packet[12:16], packet[20:]
        identifier, sequence = struct.unpack(">HH", echo[4:8])
        if echo[0] == ECHO_REPLY:
            self.pongs.append(Pong(source, sequence, self._now()))
        elif echo[0] == ECHO_REQUEST:
            self.neighbours.setdefault(source, frame.source)
            reply = _icmp(ECHO_REPLY, identifier, sequence, echo[8:])
            self._send_ip(source, _ipv4(self.ipv4, source, reply))
        return True


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _icmp(kind: int, identifier: int, sequence: int, data: bytes) -> bytes:
    rest = struct.pack(">HH", identifier, sequence) + data
    checksum = _checksum(bytes((kind, 0, 0, 0)) + rest)
    return struct.pack(">BBH", kind, 0, checksum) + rest


def _ipv4(source: bytes, destination: bytes, payload: bytes) -> bytes:
    head = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0, 64, ICMP)
    checksum = _checksum(head + source + destination)
    return head + struct.pack(">H", checksum) + source + destination + payload
