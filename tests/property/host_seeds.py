"""Good inputs to start from, by target of `host_targets`."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from controller_seeds import ASK, CONTROLLER, MEMBER, NETWORK_OBJECT, SELF, STOCK_MEMBER
from host_targets import NONCE, SEPARATOR, SITE

from earthline.root.planet import SigningKey, WorldDefinition, define_planet
from earthline.sim.simulation import throwaway_identities
from earthline.vl1.peers.cache import record_of
from earthline.wire.inet import InetAddress
from earthline.wire.network_config import NetworkConfig, Route
from earthline.wire.rules import ACCEPT_ALL
from earthline.wire.world import Root

_MAPPED = bytes(10) + b"\xff\xff" + bytes((80, 1, 2, 3))


def _nat_pmp() -> Iterator[bytes]:
    yield struct.pack(">BBHI4s", 0, 128, 0, 77, bytes((80, 1, 2, 3)))
    yield struct.pack(">BBHIHHI", 0, 129, 0, 77, SITE.port, 40_001, 600)
    yield struct.pack(">BBH", 0, 129, 4)


def _pcp() -> Iterator[bytes]:
    for result, ip in ((0, _MAPPED), (0, b"\x2a\x01" + bytes(14)), (8, bytes(16))):
        head = struct.pack(">BBBBII12x", 2, 0x81, 0, result, 600, 77)
        yield head + NONCE + struct.pack(">B3xHH", 17, SITE.port, 40_001) + ip


def _ssdp() -> Iterator[bytes]:
    place = f"http://{SITE.gateway}:5000/root.xml"
    yield f"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: {place}\r\n\r\n".encode()
    yield f"HTTP/1.1 200 OK\r\nLocation:{place}?a=[b\r\nlocation: http://[::1/\r\n".encode()


_SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
_DESCRIPTION = f"""<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">
<specVersion><major>1</major><minor>0</minor></specVersion><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<friendlyName>r</friendlyName><manufacturer>m</manufacturer><modelName>n</modelName>
<UDN>uuid:1</UDN><serviceList><service><serviceType>{_SERVICE}</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><SCPDURL>/scpd.xml</SCPDURL>
<controlURL>/control</controlURL><eventSubURL>/event</eventSubURL></service></serviceList>
</device></root>"""
_ACTIONS = {
    "GetExternalIPAddress": ([], ["NewExternalIPAddress"]),
    "GetSpecificPortMappingEntry": (
        ["NewRemoteHost", "NewExternalPort", "NewProtocol"],
        ["NewInternalPort", "NewInternalClient", "NewPortMappingDescription", "NewLeaseDuration"],
    ),
    "AddPortMapping": (
        [
            *("NewRemoteHost", "NewExternalPort", "NewProtocol", "NewInternalPort"),
            *("NewInternalClient", "NewEnabled", "NewPortMappingDescription", "NewLeaseDuration"),
        ],
        [],
    ),
}


def _scpd() -> str:
    actions = "".join(
        f"<action><name>{name}</name><argumentList>"
        + "".join(
            f"<argument><name>{argument}</name><direction>{direction}</direction>"
            f"<relatedStateVariable>{argument}</relatedStateVariable></argument>"
            for direction, arguments in zip(("in", "out"), both, strict=True)
            for argument in arguments
        )
        + "</argumentList></action>"
        for name, both in _ACTIONS.items()
    )
    names = sorted({name for both in _ACTIONS.values() for part in both for name in part})
    variables = "".join(
        f'<stateVariable sendEvents="no"><name>{name}</name>'
        f"<dataType>{'ui2' if name.endswith('Port') else 'string'}</dataType></stateVariable>"
        for name in names
    )
    return (
        '<scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major>'
        f"<minor>0</minor></specVersion><actionList>{actions}</actionList>"
        f"<serviceStateTable>{variables}</serviceStateTable></scpd>"
    )


def _soap(action: str, values: dict[str, object]) -> str:
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<u:{action}Response xmlns:u="{_SERVICE}">{fields}</u:{action}Response>'
        "</s:Body></s:Envelope>"
    )


def _upnp() -> Iterator[bytes]:
    address = _soap("GetExternalIPAddress", {"NewExternalIPAddress": "80.1.2.3"})
    entry = {
        "NewInternalPort": SITE.port,
        "NewInternalClient": SITE.client,
        "NewPortMappingDescription": "ZeroTier/0a1b2c3d4e@40000",
        "NewLeaseDuration": 3_600,
    }
    held = _soap("GetSpecificPortMappingEntry", entry)
    texts = (_DESCRIPTION, _scpd(), address, address, held, _soap("AddPortMapping", {}))
    yield SEPARATOR.join(text.encode() for text in texts)
    yield SEPARATOR.join(text.encode() for text in (*texts[:3], "<Fault>714</Fault>", *texts[4:]))


def _local_conf() -> Iterator[bytes]:
    yield json.dumps(
        {
            "physical": {
                "10.0.0.0/24": {"blacklist": True, "trustedPathId": 7, "mtu": 1_400},
                "fd00::/8": {"blacklist": False},
            },
            "virtual": {"0a1b2c3d4e": {"try": ["10.0.0.2/9993"], "blacklist": ["10.0.0.0/8"]}},
            "settings": {
                "primaryPort": 9993,
                "portMappingEnabled": True,
                "allowManagementFrom": ["127.0.0.0/8"],
                "interfacePrefixBlacklist": ["eth"],
                "defaultBondingPolicy": "none",
                "peerSpecificBonds": {"0a1b2c3d4e": "custom"},
                "tcpRelay": {"listen": ["0.0.0.0/443"], "maxClients": 5},
            },
        }
    ).encode()
    yield b"{}"


def _planet() -> WorldDefinition:
    genuine = next(throwaway_identities())
    key = SigningKey(genuine.public.public_key, genuine.private_key)
    root = Root(genuine.public, (InetAddress(bytes((80, 1, 0, 1)), 9_993),))
    return define_planet([root], key, genuine.address << 24 | 1)


def _planet_json() -> Iterator[bytes]:
    yield _planet().emit().encode()


def _planet_file() -> Iterator[bytes]:
    yield _planet().issue(1_795_000_000_000).emit()


def _stored_state() -> Iterator[bytes]:
    place = InetAddress(bytes((80, 1, 0, 1)), 9_993)
    yield record_of(MEMBER.public, 12, addresses=[place], genuine=True)
    yield from _planet_file()
    yield NetworkConfig(
        CONTROLLER << 24 | 3,
        SELF.address,
        static_ips=(InetAddress(bytes((10, 7, 0, 3)), 16),),
        routes=(Route(InetAddress(bytes((10, 7, 0, 0)), 16)),),
        rules=ACCEPT_ALL,
    ).emit()


_SCRIPT = """# who may do what
macro ssh($port) accept ipprotocol tcp and dport $port and not chr tcp_syn; ;
tag department id 1000 enum 100 sales enum 200 engineering default sales;
cap superuser id 1000 accept ipprotocol tcp; ;
drop not ethertype ipv4 and not ethertype arp and not ethertype ipv6;
include ssh(22);
accept tand department 100 100 or tdiff department 0;
break chr tcp_syn and not chr tcp_ack;
accept;
"""


def _archive() -> Iterator[bytes]:
    parts = (json.dumps(part).encode() for part in (NETWORK_OBJECT, STOCK_MEMBER))
    yield SEPARATOR.join(parts)


HOST_SEEDS: dict[str, tuple[bytes, ...]] = {
    "nat_pmp": tuple(_nat_pmp()),
    "pcp": tuple(_pcp()),
    "ssdp": tuple(_ssdp()),
    "upnp": tuple(_upnp()),
    "local_conf": tuple(_local_conf()),
    "trusted_paths": (b"# old\n4d=192.168.40.0/24\nff=fd00::/8\n",),
    "planet_file": tuple(_planet_file()),
    "planet_json": tuple(_planet_json()),
    "stored_state": tuple(_stored_state()),
    "rule_script": (_SCRIPT.encode(), b"accept;"),
    "rule_frame": (b"tcp 10.1.1.1:5000 > 10.1.1.2:22 flags syn", b"icmp6 from 0a1b2c3d4e type 135"),
    "controller_request": (ASK, ASK + b"\na=token:x"),
    "archive": tuple(_archive()),
}
"""By target."""
