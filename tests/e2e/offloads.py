"""What is seen of an offload from outside: the kernel's flags, and how much it moves at once."""

from __future__ import annotations

import socket
import struct
from contextlib import closing
from dataclasses import dataclass

from pyroute2 import Ethtool

from earthline.lab import Host
from earthline.lab.service import Service
from earthline.lab.transfer import family_of
from earthline.runtime.settings.settings import OffloadSettings

OFFLOADS = tuple(OffloadSettings.model_fields)
_FEATURES = {
    "tx-tcp-segmentation": "tso",
    "tx-tcp6-segmentation": "tso",
    "tx-udp-segmentation": "uso",
}
_UDP_SEGMENT = 103
_SOL_PACKET, _PACKET_VNET_HDR = 263, 15
_VNET = struct.Struct("=BBHHHH")
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_TCP = struct.Struct(">HHIIBBHHH")
_IS_PARTIAL, _TCP_OVER_IPV4 = 1, 1
_MORE_FRAGMENTS = 0x2000
_PATIENCE_S = 20


def left_to_us(host: Host, device: str) -> dict[str, bool]:
    """Which features the kernel has a TAP for, by name."""
    with host.inside(), closing(Ethtool()) as ethtool:
        known = ethtool.get_features(device).features
    return {name: bool(known[name].enable) for name in _FEATURES}


def asked_for(offload: dict[str, bool]) -> dict[str, bool]:
    """Which of them settings ask for."""
    return {name: offload[which] for name, which in _FEATURES.items()}


def has_vnet_header(host: Host, device: str) -> bool:
    """Whether frames of a TAP have a header before them that says what is left to do."""
    return "vnet_hdr on" in host.run(["ip", "-d", "link", "show", device])


def has_queues(host: Host, device: str) -> bool:
    """Whether a TAP has several queues, one for each thread."""
    shown = host.run(["ip", "-d", "link", "show", device])
    return "multi_queue" in shown and "multi_queue off" not in shown


def counted(service: Service) -> dict[str, int]:
    """Frames and datagrams of a service, and the kernel's calls for datagrams of its host."""
    lines = service.host.run(["cat", "/proc/net/snmp"]).splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith("Udp: "))
    kernel = dict(zip(names, map(int, values), strict=True))
    return {
        **service.counters(),
        "sends": kernel["OutDatagrams"],
        "receives": kernel["InDatagrams"],
    }


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts what two services do from now on, one of them sending to the other."""

    source: Service
    target: Service
    before: tuple[dict[str, int], dict[str, int]]

    @classmethod
    def start(cls, source: Service, target: Service) -> Meter:
        return cls(source, target, (counted(source), counted(target)))

    def shares(self) -> dict[str, float]:
        """Calls of the kernel per frame or datagram: 1 is one by one, less is many at a time."""
        sent, taken = (
            {name: value - before.get(name, 0) for name, value in counted(service).items()}
            for service, before in zip((self.source, self.target), self.before, strict=True)
        )
        return {
            "read": sent["tap_rx"] / sent["frames_tx"],
            "gso": sent["sends"] / sent["udp_tx"],
            "gro": taken["receives"] / taken["udp_rx"],
            "join": taken["tap_tx"] / taken["frames_rx"],
        }


def bound(host: Host, ip: str) -> socket.socket:
    """A UDP socket at an address of a host."""
    with host.inside():
        opened = socket.socket(family_of(ip), socket.SOCK_DGRAM)
    opened.settimeout(_PATIENCE_S)
    opened.bind((ip, 0))
    return opened


def send_at_once(sender: socket.socket, to: tuple[str, int], datagrams: list[bytes]) -> None:
    """Send datagrams of one size, the last may be shorter, by one call."""
    size = len(datagrams[0]).to_bytes(2, "little")
    sender.sendmsg([b"".join(datagrams)], [(socket.SOL_UDP, _UDP_SEGMENT, size)], 0, to)


def put_impossible(host: Host, device: str, macs: bytes) -> None:
    """Give a TAP what no TCP makes: a stretch of it, to be cut, in a fragment of an IP packet."""
    data = bytes(5000)
    vnet = _VNET.pack(_IS_PARTIAL, _TCP_OVER_IPV4, 54, 1000, 34, 16)
    ends = socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2")
    ip = _IPV4.pack(0x45, 0, 40 + len(data), 1, _MORE_FRAGMENTS, 64, socket.IPPROTO_TCP, 0, *ends)
    tcp = _TCP.pack(1000, 2000, 1, 1, 0x50, 0x10, 1000, 0, 0)
    with host.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        raw.bind((device, 0))
        raw.send(vnet + macs + b"\x08\x00" + ip + tcp + data)
