"""Ethernet frames in a short notation, such as ``tcp 10.1.1.1:5000 > 10.1.1.2:443``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from earthline.controller.rules_script.names import ETHERTYPES, IP_PROTOCOLS
from earthline.wire.mac import BROADCAST, parse_mac

NOTATION = """\
tcp|udp|sctp|udplite IP:PORT > IP:PORT   ports; IPv6 as [fd00::1]:443
icmp|icmp6 IP > IP                       an echo request, or type N code N
ip PROTOCOL IP > IP                      any other protocol, by number or name
arp IP > IP                              a broadcast; with reply: an answer
ethertype TYPE                           any other frame, by number or name

after it: flags syn,ack or none (of TCP; syn by itself), type N, code N, tos N,
size BYTES (after the Ethernet header), from MAC, to MAC,
vlan N (rules see ethertype 0x8100 and no VLAN ID, and judge once more what is behind)"""

TCP_FLAGS = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10}
TCP_FLAGS |= {"urg": 0x20, "ece": 0x40, "cwr": 0x80, "ns": 0x100}

VLAN_TAG = 0x8100
"""EtherType of a frame with a VLAN tag."""
MAX_PAYLOAD = 10_000
"""Bytes: the largest MTU of a network."""

_SMALLEST = 46
"""Bytes of payload that Ethernet pads to, for frames whose content nobody named."""
_ECHO_REQUEST = {4: 8, 6: 128}
"""Type of an echo request in ICMP, by IP version."""
_ARP_SENDER = 8
"""Offset of the sender's MAC in an ARP packet."""
_TARGET_OF = {135: 1, 136: 0}
"""Neighbour solicitation and advertisement: which end they carry as their target."""
_OPTIONS = {"flags", "type", "code", "tos", "vlan", "size", "from", "to"}
_PORT = re.compile(r"[0-9]{1,5}")
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,8}|[0-9]{1,10}")

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"


class FrameFault(ValueError):
    """A text that describes no frame. One line: what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rules see of a frame, its sender and receiver aside."""

    ethertype: int
    payload: bytes
    """After the Ethernet header."""
    source_mac: int | None = None
    """None: the sender's own."""
    destination_mac: int | None = None
    """None: the receiver's own."""
    names_source_at: int | None = None
    """Where in the payload the source MAC stands once more, as in ARP."""


def read_frame(text: str) -> Frame:
    """Build the frame that ``text`` describes in the `NOTATION`. Raises `FrameFault`."""
    words = text.split()
    kind = _BUILDERS.get(words[0]) if words else None
    if kind is None:
        raise FrameFault(f"a frame begins with one of {', '.join(_BUILDERS)}")
    taken, build = kind
    if len(words) <= taken:
        raise FrameFault(f"{words[0]!r} needs more after it, as in {_EXAMPLES[words[0]]!r}")
    options = _Options(words[taken + 1 :])
    ethertype, payload, group = build(words[: taken + 1], options)
    frame = Frame(
        ethertype,
        payload,
        options.mac("from"),
        options.mac("to") if "to" in options.given else group,
        _ARP_SENDER if words[0] == "arp" else None,
    )
    return _tagged(_sized(frame, options), options)


class _Options:
    """What stands after the two ends: pairs of a word and its value, and ``reply``."""

    def __init__(self, words: list[str]) -> None:
        self.given: dict[str, str] = {}
        self.reply = "reply" in words
        rest = [word for word in words if word != "reply"]
        for name, value in zip(rest[::2], [*rest[1::2], ""], strict=False):
            if name not in _OPTIONS or not value:
                raise FrameFault(
                    f"{name!r} is not understood: options are {_listed(_OPTIONS)} VALUE"
                )
            self.given[name] = value

    def number(self, name: str, most: int, default: int) -> int:
        return _number(self.given[name], name, most) if name in self.given else default

    def mac(self, name: str) -> int | None:
        try:
            return parse_mac(self.given[name]) if name in self.given else None
        except ValueError:
            raise FrameFault(f"{self.given[name]!r} is no MAC address") from None

    def tcp_flags(self) -> int:
        text = self.given.get("flags", "syn")
        names = [] if text == "none" else text.split(",")
        unknown = [name for name in names if name not in TCP_FLAGS]
        if unknown:
            raise FrameFault(f"{unknown[0]!r} is no TCP flag: known are {_listed(TCP_FLAGS)}, none")
        return sum({TCP_FLAGS[name] for name in names})


# --- kinds ----------------------------------------------------------------------------------------

_Built: TypeAlias = "tuple[int, bytes, int | None]"
"""Ethertype, payload, and the MAC address that follows from the destination, if any does."""


def _with_ports(words: list[str], options: _Options) -> _Built:
    kind, source_text, _, destination_text = _ends(words)
    source, source_port = _ip_and_port(source_text)
    destination, destination_port = _ip_and_port(destination_text)
    ports = source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
    if kind == "tcp":
        offset_and_flags = 5 << 12 | options.tcp_flags()
        rest = bytes(8) + offset_and_flags.to_bytes(2, "big") + bytes(6)
    else:
        rest = bytes(4) if kind != "sctp" else bytes(8)
    return _ip(source, destination, IP_PROTOCOLS[kind], ports + rest, options)


def _icmp(words: list[str], options: _Options) -> _Built:
    kind, source_text, _, destination_text = _ends(words)
    source, destination = _address(source_text), _address(destination_text)
    version = 6 if kind == "icmp6" else 4
    if source.version != version:
        raise FrameFault(f"{kind} is of IPv{version}: {source_text!r} is not")
    number = options.number("type", 0xFF, _ECHO_REQUEST[version])
    content = bytes((number, options.number("code", 0xFF, 0))) + bytes(6)
    if version == 6 and number in _TARGET_OF:
        content += (source, destination)[_TARGET_OF[number]].packed
    return _ip(source, destination, IP_PROTOCOLS[kind], content, options)


def _any_ip(words: list[str], options: _Options) -> _Built:
    protocol = words[1]
    number = IP_PROTOCOLS.get(protocol)
    if number is None:
        number = _number(protocol, "IP protocol", 0xFF)
    _, source, _, destination = _ends([words[0], *words[2:]])
    return _ip(_address(source), _address(destination), number, bytes(8), options)


def _arp(words: list[str], options: _Options) -> _Built:
    _, source_text, _, destination_text = _ends(words)
    source, destination = _address(source_text), _address(destination_text)
    if source.version != 4 or destination.version != 4:
        raise FrameFault("arp is of IPv4: both its addresses must be")
    operation = 2 if options.reply else 1
    head = bytes.fromhex("000108000604") + operation.to_bytes(2, "big")
    payload = head + bytes(6) + source.packed + bytes(6) + destination.packed
    return ETHERTYPES["arp"], payload, None if options.reply else BROADCAST


def _other(words: list[str], _options: _Options) -> _Built:
    number = ETHERTYPES.get(words[1])
    if number is None:
        number = _number(words[1], "ethertype", 0xFFFF)
    return number, bytes(_SMALLEST), None


_Builder: TypeAlias = "Callable[[list[str], _Options], _Built]"
_BUILDERS: dict[str, tuple[int, _Builder]] = {
    "tcp": (3, _with_ports),
    "udp": (3, _with_ports),
    "sctp": (3, _with_ports),
    "udplite": (3, _with_ports),
    "icmp": (3, _icmp),
    "icmp6": (3, _icmp),
    "ip": (4, _any_ip),
    "arp": (3, _arp),
    "ethertype": (1, _other),
}
"""By the first word: how many words belong to it, and what builds the frame."""

_EXAMPLES = {
    **dict.fromkeys(("tcp", "udp", "sctp", "udplite"), "tcp 10.1.1.1:5000 > 10.1.1.2:443"),
    "icmp": "icmp 10.1.1.1 > 10.1.1.2",
    "icmp6": "icmp6 fd00::1 > fd00::2",
    "ip": "ip esp 10.1.1.1 > 10.1.1.2",
    "arp": "arp 10.1.1.1 > 10.1.1.2",
    "ethertype": "ethertype 0x88cc",
}


# --- headers --------------------------------------------------------------------------------------


def _ip(
    source: Address, destination: Address, protocol: int, content: bytes, options: _Options
) -> _Built:
    if source.version != destination.version:
        raise FrameFault(f"{source} and {destination} are not of the same IP version")
    tos = options.number("tos", 0xFF, 0)
    length = max(options.number("size", MAX_PAYLOAD, 0), _HEADER[source.version] + len(content))
    if source.version == 4:
        head = (
            bytes((0x45, tos)) + length.to_bytes(2, "big") + bytes(4) + bytes((64, protocol, 0, 0))
        )
        ethertype = ETHERTYPES["ipv4"]
    else:
        label = (6 << 28 | tos << 20).to_bytes(4, "big")
        head = label + (length - _HEADER[6]).to_bytes(2, "big") + bytes((protocol, 64))
        ethertype = ETHERTYPES["ipv6"]
    payload = head + source.packed + destination.packed + content
    return ethertype, payload, _group_mac(destination)


_HEADER = {4: 20, 6: 40}
"""Bytes of an IP header by version."""


def _group_mac(destination: Address) -> int | None:
    """The MAC address of an IP multicast group; None for a single host."""
    if destination.version == 4 and int(destination) == 0xFFFFFFFF:
        return BROADCAST
    if not destination.is_multicast:
        return None
    if destination.version == 4:
        return 0x01005E000000 | int(destination) & 0x7FFFFF
    return 0x333300000000 | int(destination) & 0xFFFFFFFF


def _sized(frame: Frame, options: _Options) -> Frame:
    size = options.number("size", MAX_PAYLOAD, len(frame.payload))
    if size < len(frame.payload):
        raise FrameFault(f"size {size} is too small: the headers alone have {len(frame.payload)}")
    return replace(frame, payload=frame.payload.ljust(size, b"\0"))


def _tagged(frame: Frame, options: _Options) -> Frame:
    """The frame behind an 802.1Q tag, where it is to have one."""
    if "vlan" not in options.given:
        return frame
    tag = options.number("vlan", 0xFFF, 0).to_bytes(2, "big")
    tag += frame.ethertype.to_bytes(2, "big")
    at = frame.names_source_at
    return replace(
        frame,
        ethertype=VLAN_TAG,
        payload=tag + frame.payload,
        names_source_at=None if at is None else at + len(tag),
    )


# --- words ----------------------------------------------------------------------------------------


def _ends(words: list[str]) -> tuple[str, str, str, str]:
    kind, source, arrow, destination = words
    if arrow != ">":
        raise FrameFault(f"{arrow!r} stands where > must: as in {_EXAMPLES[kind]!r}")
    return kind, source, arrow, destination


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise FrameFault(f"{text!r} is no IP address") from None


def _ip_and_port(text: str) -> tuple[Address, int]:
    ip, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port):
        raise FrameFault(f"{text!r} has no port: write 10.1.1.1:443 or [fd00::1]:443")
    bracketed = ip.startswith("[") and ip.endswith("]")
    if bracketed != (":" in ip):
        raise FrameFault(f"{text!r}: an IPv6 address with a port stands in brackets, [fd00::1]:443")
    return _address(ip.strip("[]")), _number(port, "port", 0xFFFF)


def _number(text: str, what: str, most: int) -> int:
    value = int(text, 0 if text[:2] == "0x" else 10) if _NUMBER.fullmatch(text) else -1
    if not 0 <= value <= most:
        raise FrameFault(f"{text!r} is no {what}: that is a number from 0 to {most}")
    return value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
