"""A record of what passed through the virtual internet, for the eyes and for Wireshark."""

from __future__ import annotations

import struct
from collections import deque
from pathlib import Path

from earthline.sim.internet import Flight, Internet, Verdict
from earthline.wire.packet import HEADER_LENGTH, Verb

LINKTYPE_RAW = 101
FRAGMENT_MARK = 0xFF


class Capture:
    """Watches an `Internet`; keeps the last ``limit`` datagrams."""

    def __init__(self, internet: Internet, limit: int = 20_000) -> None:
        self.flights: deque[tuple[Flight, Verdict]] = deque(maxlen=limit)
        internet.watchers.append(self._see)

    def _see(self, flight: Flight, verdict: Verdict) -> None:
        self.flights.append((flight, verdict))

    def diagram(self, last: int = 200) -> str:
        """One line a datagram: time, sender, receiver, what can be told of it from outside."""
        recent = list(self.flights)[-last:]
        start = recent[0][0].at if recent else 0
        return "\n".join(_line(flight, verdict, start) for flight, verdict in recent)

    def write_pcap(self, path: Path) -> None:
        """Write what was seen, IPv4 only, as a pcap file of raw IP packets."""
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW))
            for flight, _verdict in self.flights:
                if len(flight.source[0]) == 4:
                    file.write(_pcap_record(flight))


def _line(flight: Flight, verdict: Verdict, start: int) -> str:
    arrow = "──▶" if verdict is Verdict.PASS else "─✗ "
    return (
        f"{(flight.at - start) / 1000:9.3f} s  {flight.sender:>10} {arrow} {flight.receiver:<12}"
        f" {len(flight.datagram):5} B  {_outside_view(flight.datagram)}"
    )


def _outside_view(datagram: bytes) -> str:
    """What an observer without keys sees: addresses, suite, hops, the verb where it is clear."""
    if len(datagram) <= 16:
        return "opener"
    destination = datagram[8:13].hex()
    if datagram[13] == FRAGMENT_MARK:
        return f"fragment {datagram[14] & 0x0F}/{datagram[14] >> 4} to {destination}"
    if len(datagram) < HEADER_LENGTH:
        return "runt"
    flags = datagram[18]
    suite = (flags >> 3) & 7
    verb = Verb(datagram[27] & 0x1F).name if suite == 0 else "sealed"
    return f"{datagram[13:18].hex()} to {destination} suite {suite} hops {flags & 7} {verb}"


def _pcap_record(flight: Flight) -> bytes:
    udp = struct.pack(">HHHH", flight.source[1], flight.destination[1], 8 + len(flight.datagram), 0)
    length = 20 + len(udp) + len(flight.datagram)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 17, 0)
    packet = ip + flight.source[0] + flight.destination[0] + udp + flight.datagram
    seconds, ms = divmod(flight.at, 1000)
    return struct.pack("<IIII", seconds, ms * 1000, len(packet), len(packet)) + packet
