"""A lab router that maps ports for its inside: miniupnpd, a real gateway's daemon."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import dataclass

from earthline.lab.topology import Host, Router

DAEMON = shutil.which("miniupnpd", path="/usr/sbin:/usr/bin:/sbin:/bin")
REFUSED = {
    "pcp": "",
    "nat-pmp": "insert rule ip router local {who} udp dport 5351 @th,64,8 2 reject",
    "upnp": "insert rule ip router local {who} udp dport 5351 reject",
}
"""What a router that is to be asked by one protocol does not let in."""

_CHAINS = """
add rule ip router local iifname lan accept
add rule ip router forwarded ct status dnat accept
table inet miniupnpd {
    chain forward { type filter hook forward priority 10; policy accept; jump mapped; }
    chain mapped { }
    chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump to_inside; }
    chain to_inside { }
    chain postrouting { type nat hook postrouting priority 90; policy accept; jump to_outside; }
    chain to_outside { }
}
"""
_CONFIG = """
ext_ifname=wan
listening_ip=lan
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
min_lifetime=10
max_lifetime=86400
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=mapped
upnp_nat_chain=to_inside
upnp_nat_postrouting_chain=to_outside
uuid=5f3c1d2e-0000-4000-8000-000000000001
serial=1
model_number=1
system_uptime=no
force_igd_desc_v1={igd_v1}
allow 1024-65535 0.0.0.0/0 1024-65535
"""


@dataclass(frozen=True)
class Mapped:
    """A port as the router forwards it."""

    external_port: int
    client: str
    internal_port: int


class Gateway:
    """The daemon on a router of the lab. All but ``friend`` can speak one protocol with it only."""

    def __init__(
        self, router: Router, protocol: str, *, friend: str = "", igd_v1: bool = False
    ) -> None:
        self._router = router
        who = f"ip saddr != {friend}" if friend else ""
        router.run(["nft", "-f", "-"], text=_CHAINS + REFUSED[protocol].format(who=who))
        config = router.directory / "miniupnpd.conf"
        config.write_text(_CONFIG.format(igd_v1="yes" if igd_v1 else "no"))
        pid_file = router.directory / "miniupnpd.pid"
        router.start([str(DAEMON), "-d", "-f", str(config), "-P", str(pid_file)])

    def mapped(self) -> list[Mapped]:
        """What it forwards now."""
        shown = self._router.run(["nft", "-j", "list", "chain", "inet", "miniupnpd", "to_inside"])
        rules = [
            entry["rule"]["expr"] for entry in json.loads(shown)["nftables"] if "rule" in entry
        ]
        return [_mapped(expressions) for expressions in rules]


def _mapped(expressions: list) -> Mapped:
    ports = [
        e["match"]["right"]
        for e in expressions
        if "match" in e and isinstance(e["match"]["right"], int)
    ]
    target = next(e["dnat"] for e in expressions if "dnat" in e)
    return Mapped(ports[-1], str(target["addr"]), target["port"])


def ask_for_port(host: Host, gateway: str, port: int) -> int:
    """Have a port mapped to a host by NAT-PMP, spoken by hand; the outside port given."""
    question = bytes([0, 1, 0, 0]) + port.to_bytes(2, "big") * 2 + (3600).to_bytes(4, "big")
    with host.inside():
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asker:
        asker.settimeout(1)
        asker.connect((gateway, 5351))
        for _ in range(20):
            try:
                asker.send(question)
                answer = asker.recv(100)
            except OSError:
                continue
            assert answer[:4] == bytes([0, 0x81, 0, 0])
            return int.from_bytes(answer[10:12], "big")
    raise AssertionError("the gateway does not answer")
