"""Networks whose rules ask for tags, capabilities or ownership, and what tries to get through."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import Any

from segments import ping, pool

from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Machine

Json = dict[str, Any]

DROP, ACCEPT, BREAK = ({"type": f"ACTION_{name}"} for name in ("DROP", "ACCEPT", "BREAK"))
IPV4 = {"type": "MATCH_ETHERTYPE", "etherType": 0x0800}
VLAN = {"type": "MATCH_ETHERTYPE", "etherType": 0x8100}
UDP = {"type": "MATCH_IP_PROTOCOL", "ipProtocol": 17}
TCP = {"type": "MATCH_IP_PROTOCOL", "ipProtocol": 6}
DEPARTMENT, OURS, OTHER = 1, 100, 200
CAPABILITY, OPEN_PORT = 7, 5001

SAME_DEPARTMENT: Json = {
    "rules": [
        IPV4,
        {"type": "MATCH_TAGS_DIFFERENCE", "id": DEPARTMENT, "value": 0, "not": True},
        DROP,
        ACCEPT,
    ],
    "tags": [{"id": DEPARTMENT, "default": OURS}],
}
"""IPv4 flows only between members whose department is the same."""

UDP_BY_CAPABILITY: Json = {
    "rules": [UDP, BREAK, ACCEPT],
    "capabilities": [
        {
            "id": CAPABILITY,
            "rules": [
                UDP,
                {"type": "MATCH_IP_DEST_PORT_RANGE", "start": OPEN_PORT, "end": OPEN_PORT},
                ACCEPT,
            ],
        }
    ],
}
"""The rules leave UDP open; the capability allows its holder to send to one port."""

CONNECTIONS_BY_CAPABILITY: Json = {
    "rules": [
        {"type": "MATCH_CHARACTERISTICS", "mask": f"{0x02:016x}"},
        {"type": "MATCH_CHARACTERISTICS", "mask": f"{0x10:016x}", "not": True},
        BREAK,
        ACCEPT,
    ],
    "capabilities": [{"id": CAPABILITY, "rules": [TCP, ACCEPT]}],
}
"""A first TCP segment, SYN without ACK, passes for the holder of the capability alone."""


def only_owned_sources(protocol: Json, judge: str) -> Json:
    """No spoofed source IPs in one protocol: the ``sender`` or the ``receiver`` finds them out."""
    inbound = {"type": "MATCH_CHARACTERISTICS", "mask": f"{1 << 63:016x}"}
    authentic = {"type": "MATCH_CHARACTERISTICS", "mask": f"{1 << 60:016x}"}
    side = {**inbound, "not": judge == "sender"}
    return {"rules": [protocol, side, {**authentic, "not": True}, DROP, ACCEPT]}


@dataclass(frozen=True)
class Guarded:
    """A private network with rules, on a controller that may be of either kind."""

    controller: Service
    network: str

    @classmethod
    def make(cls, controller: Service, net: str, body: Json) -> Guarded:
        """With addresses from ``net``, such as ``10.90.1``."""
        settings = pool(f"{net}.0/24", f"{net}.10", f"{net}.99", private=True, **body)
        path = f"/controller/network/{controller.address}______"
        return cls(controller, str(controller.request("POST", path, settings)["id"]))

    def change(self, address: str, body: Json) -> None:
        """Change a member, as an administrator does."""
        path = f"/controller/network/{self.network}/member/{address}"
        self.controller.request("POST", path, body)

    def let_in(self, *services: Service) -> None:
        for service in services:
            service.join(self.network)
            self.change(service.address, {"authorized": True})
        for service in services:
            service.wait_ip(self.network)


def reaches(source: Machine, target: str) -> bool:
    """A ping after a fresh ARP, which carries the credentials that IPv4 may be held back for."""
    source.run(["ip", "neighbour", "flush", "to", target])
    return ping(source, target)


def demand_reach(source: Machine, target: str) -> None:
    wait_until(f"{source.name} reaches {target}", lambda: reaches(source, target), timeout_s=60)


def demand_apart(source: Machine, target: str) -> None:
    """Soon, and then for good."""
    wait_until(f"{source.name} is kept off {target}", lambda: not reaches(source, target))
    assert not any(reaches(source, target) for _ in range(3))


def udp_arrives(
    source: Machine, source_ip: str, target: Machine, target_ip: str, port: int
) -> bool:
    """Whether a datagram from one address is received at another."""
    with target.inside():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with source.inside():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.bind((target_ip, port))
        receiver.settimeout(0.2)
        sender.bind((source_ip, 0))
        for _ in range(15):
            sender.sendto(b"right", (target_ip, port))
            with contextlib.suppress(TimeoutError):
                return receiver.recvfrom(100) == (b"right", (source_ip, sender.getsockname()[1]))
    return False
