"""The second judgement of a frame: as the host behind its receiver may take it. For Rust an oracle.

Stock nodes look behind no tag, no LLC and few IPv6 extension headers, read fragments as whole
packets and believe every neighbour solicitation. `filter_frame` lets pass what passes by their
lights *and* once all that is taken off; see ``rust/core/src/rules/dress.rs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from earthline.wire.rules import Rule, RuleType, parse_rules
from reference import rules
from reference.rules import (
    ARP,
    F0,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    TCP,
    WITH_PORTS,
    Evaluation,
    Filtered,
    Frame,
    Outcome,
)

TAGS = (0x8100, 0x88A8, 0x9100)
SNAP = (bytes.fromhex("aaaa03000000"), bytes.fromhex("aaaa030000f8"))
MOST_WRAPS = 4
FRAGMENT, AUTHENTICATION = 44, 51
EXTENSIONS = (*rules.WALKED, FRAGMENT, AUTHENTICATION, 139, 140)
ASKING, SOLICITING, ADVERTISING = 0x85, 0x87, 0x88
TCP_FLAGS = 0xFFF


def evaluate(table: bytes, frame: Frame, random: int) -> Evaluation | None:
    """What one table decides in earnest; None where that is what stock nodes decide."""
    if is_plain(frame):
        return None
    wraps = list(unwrap(frame.ethertype, frame.payload))
    if len(wraps) > MOST_WRAPS + 1:
        return "drop", frame.destination, None
    bare = Bare(frame, wraps)
    settings = list(sets(table))

    def match_bare(index: int, rule: Rule, super_accept: bool) -> Outcome:
        named, refuses = settings[index]
        outcome = bare.match(rule, named, random, super_accept=super_accept)
        return Outcome(refuses, forced=True) if outcome is None else outcome

    return rules.run(table, frame, match_bare)


def filter_frame(base: bytes, capabilities: list[bytes], frame: Frame, random: int) -> Filtered:
    """What Earthline does with a frame: what lets less through, with the copies asked for."""
    outside = rules.filter_frame(base, capabilities, frame, random)
    if is_plain(frame):
        return outside
    inside = rules.filter_frame(base, capabilities, frame, random, evaluate)
    if not outside[0] or not inside[0]:
        return 0, None, []
    redirect = inside[1] if outside[1] is None else outside[1]
    return max(outside[0], inside[0]), redirect, outside[2] or inside[2]


def is_plain(frame: Frame) -> bool:
    """Whether there is nothing to look behind, and nothing that neighbours are told."""
    payload = frame.payload
    if frame.ethertype == IPV4:
        return len(payload) < 20 or not is_cut_short(payload)
    if frame.ethertype == IPV6:
        header, kind = payload[6:7], payload[40:41]
        if header == bytes((ICMPV6,)):
            return kind not in (bytes((ASKING,)), bytes((SOLICITING,)), bytes((ADVERTISING,)))
        return not header or header[0] not in EXTENSIONS
    return frame.ethertype not in (ARP, *TAGS) and frame.ethertype >= 0x0600


def is_cut_short(packet: bytes) -> bool:
    """Whether an IPv4 fragment lacks what rules ask for, or is where it may be (RFC 3128)."""
    field = int.from_bytes(packet[6:8])
    is_tcp, more, offset = packet[9] == TCP, bool(field & 0x2000), field & 0x1FFF
    needed = 4 * (packet[0] & 0x0F) + (16 if is_tcp else 8)
    return (offset == 0 and more and len(trim(IPV4, packet)) < needed) or (offset == 1 and is_tcp)


def unwrap(ethertype: int, payload: bytes) -> Iterator[tuple[int, bytes]]:
    """(ethertype, what follows it), from the outermost on."""
    yield ethertype, payload
    if ethertype in TAGS and len(payload) >= 4:
        yield from unwrap(int.from_bytes(payload[2:4]), payload[4:])
    elif ethertype < 0x0600 and payload.startswith(SNAP) and len(payload) >= 8:
        yield from unwrap(int.from_bytes(payload[6:8]), payload[8:])


def sets(table: bytes) -> Iterator[tuple[int | None, bool]]:
    """For each rule: the ethertype that its set named before it, and whether the set refuses."""
    entries = parse_rules(table, limit=1 << 30)
    named = None
    for index, rule in enumerate(entries):
        actions = (each.type for each in entries[index:] if each.type < 16)
        yield named, next(actions, None) in (RuleType.DROP, RuleType.BREAK)
        if rule.type < 16:
            named = None
        elif rule.type == RuleType.ETHERTYPE and not rule.negated:
            named = rule.fields[0]


def trim(ethertype: int, packet: bytes) -> bytes:
    """An IP packet without what follows its own length, if it has one."""
    length = int.from_bytes(packet[2:4] if ethertype == IPV4 else packet[4:6])
    return packet[: length + (0 if ethertype == IPV4 else 40)] if length else packet


# --- where things are -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """The protocol of a packet, None if it is in another fragment, and where its header is."""

    protocol: int | None
    offset: int
    partial: bool = False
    """What is not here may be in another fragment."""


def find(ethertype: int, packet: bytes) -> Found | None:
    """What an IP packet carries; None if nothing can be found in it, nor in another fragment."""
    if ethertype == IPV4 and len(packet) >= 20:
        field = int.from_bytes(packet[6:8])
        offset, more = field & 0x1FFF, bool(field & 0x2000)
        if offset == 1 and packet[9] == TCP:
            return Found(TCP, len(packet), partial=True)
        return Found(packet[9], 4 * (packet[0] & 0x0F), partial=more and offset == 0)
    if ethertype == IPV6 and len(packet) >= 40:
        return follow(packet, packet[6], 40, partial=False)
    return None


def follow(packet: bytes, header: int, offset: int, *, partial: bool) -> Found | None:
    """Behind every extension header from here on."""
    nowhere = Found(None, 0, partial=True) if partial else None
    if header not in EXTENSIONS:
        return Found(header, offset, partial) if offset <= len(packet) else nowhere
    if offset + 8 > len(packet):
        return nowhere
    following, length = packet[offset], packet[offset + 1]
    if header == FRAGMENT:
        field = int.from_bytes(packet[offset + 2 : offset + 4])
        if field >> 3 == 1 and following == TCP:
            return Found(TCP, len(packet), partial=True)
        if field >> 3:
            return Found(FRAGMENT, offset, partial)
        return follow(packet, following, offset + 8, partial=partial or bool(field & 1))
    size = 4 * length + 8 if header == AUTHENTICATION else 8 * length + 8
    return follow(packet, following, offset + size, partial=partial)


class Bare:
    """A frame without its dress."""

    def __init__(self, frame: Frame, wraps: list[tuple[int, bytes]]) -> None:
        self.frame = frame
        self.wraps = wraps
        ethertype, self.content = wraps[-1]
        self.ethertype = ethertype
        is_ip = ethertype in (IPV4, IPV6) and len(self.content) >= (20 if ethertype == IPV4 else 40)
        self.packet = trim(ethertype, self.content) if is_ip else self.content
        # Fixed headers are read as they are, even if the packet says it ends before.
        self.inner = replace(frame, ethertype=ethertype, payload=self.content)
        self.found = find(ethertype, self.packet) if is_ip else None

    def match(
        self, rule: Rule, named: int | None, random: int, *, super_accept: bool
    ) -> Outcome | None:
        """What a match says of it. None: that is in another fragment."""
        fields = rule.fields
        if rule.type == RuleType.ETHERTYPE:
            return Outcome(any(ethertype == fields[0] for ethertype, _ in self.wraps))
        if rule.type == RuleType.INTEGER_RANGE:
            behind = (payload for ethertype, payload in self.wraps if ethertype == named)
            read = replace(self.frame, payload=next(behind, self.content))
            return Outcome(rules.match_integer(fields, read))
        if rule.type == RuleType.CHARACTERISTICS:
            return self.match_characteristics(*fields)
        if rule.type == RuleType.IP_PROTOCOL:
            return self.match_protocol(*fields)
        if rule.type == RuleType.ICMP:
            return self.match_icmp(*fields)
        if rule.type in (RuleType.IP_SOURCE_PORT_RANGE, RuleType.IP_DESTINATION_PORT_RANGE):
            at = 0 if rule.type == RuleType.IP_SOURCE_PORT_RANGE else 2
            return self.match_port(*fields, at)
        is_ip = RuleType.IPV4_SOURCE <= rule.type <= RuleType.IP_TOS
        return rules.match(
            rule, self.inner if is_ip else self.frame, random, super_accept=super_accept
        )

    def hides(self, *protocols: int) -> bool:
        """Whether what these have, and is not here, may be in another fragment."""
        found = self.found
        return found is not None and found.partial and found.protocol in (None, *protocols)

    def match_protocol(self, protocol: int) -> Outcome | None:
        if self.found is None:
            return F0
        return None if self.found.protocol is None else Outcome(self.found.protocol == protocol)

    def match_port(self, low: int, high: int, at: int) -> Outcome | None:
        port = self.port(at)
        if port is not None:
            return Outcome(low <= port <= high)
        if self.hides(*WITH_PORTS):
            return None
        return F0 if self.found is None else Outcome(False)

    def port(self, at: int) -> int | None:
        found, packet = self.found, self.packet
        if found is None or found.protocol not in WITH_PORTS or len(packet) <= found.offset + 4:
            return None
        port = int.from_bytes(packet[found.offset + at : found.offset + at + 2])
        return None if port == 0 and self.ethertype == IPV6 else port

    def match_icmp(self, kind: int, code: int, flags: int) -> Outcome | None:
        protocol = ICMP if self.ethertype == IPV4 else ICMPV6
        message = self.message(protocol)
        if message is None or len(message) < 2:
            return None if self.hides(protocol) else F0
        if message[0] != kind:
            return F0
        return Outcome(message[1] == code) if flags & 0x01 else rules.F1

    def message(self, protocol: int) -> bytes | None:
        """The packet from the header of this protocol on."""
        found = self.found
        is_it = found is not None and found.protocol == protocol
        return self.packet[found.offset :] if is_it and found.offset <= len(self.packet) else None

    def match_characteristics(self, mask: int) -> Outcome | None:
        tcp = self.message(TCP)
        # Of IPv6, a segment that ends with its flags counts as one without.
        needed = 14 if self.ethertype == IPV4 else 15
        has_flags = tcp is not None and len(tcp) >= needed
        bits = (tcp[12] & 0x0F) << 8 | tcp[13] if has_flags else 0
        plain = replace(self.frame, ethertype=0x9999)
        bits |= rules.characteristics(plain) | (0x1000000000000000 if self.is_authentic() else 0)
        if not bits & mask and mask & TCP_FLAGS and self.hides(TCP) and not has_flags:
            return None
        return Outcome(bool(bits & mask))

    # --- what neighbours are told -----------------------------------------------------------------

    def is_authentic(self) -> bool:
        """Whether the sender's IP is its own, and its MAC where neighbours are told of one."""
        claim = self.claim()
        if claim is None:
            return False
        ip, is_exempt = claim
        frame = self.frame
        _, ips, _ = rules.sender_credentials(frame)
        address = frame.source.to_bytes(5, "big")
        computed = any(
            len(ip) == 16 and ip.startswith(prefix) and ip[len(prefix) :].startswith(address)
            for prefix in frame.emulated
        )
        return is_exempt or ip in ips or computed

    def claim(self) -> tuple[bytes, bool] | None:
        """The IP that a frame claims, and whether anybody may. None: it claims nothing, or lies."""
        packet, mac = self.content, self.frame.source_mac.to_bytes(6, "big")
        if self.ethertype == ARP and len(packet) >= 28:
            return (packet[14:18], False) if packet[8:14] == mac else None
        if self.ethertype == IPV4 and len(packet) >= 20:
            return packet[12:16], False
        if self.ethertype != IPV6 or len(packet) < 40:
            return None
        source, message = packet[8:24], self.message(ICMPV6) or b"\0"
        kind, target = message[0], message[8:24]
        if kind == ASKING:
            return (source, False) if self.agree(message, 8, 1, mac) else None
        if kind not in (SOLICITING, ADVERTISING):
            return source, False
        if not self.agree(message, 24, 1 if kind == SOLICITING else 2, mac):
            return None
        if kind == ADVERTISING:
            return target, False
        claimed = source if any(source) else target
        return claimed, claimed[0] == 0xFE and claimed[1] & 0xC0 == 0x80

    @staticmethod
    def agree(message: bytes, at: int, kind: int, mac: bytes) -> bool:
        """Whether the options from there on are whole, and those of the kind name this MAC."""
        if len(message) < at:
            return False
        while at < len(message):
            option = message[at : at + 8]
            if len(option) < 2 or option[1] == 0:
                return False
            if option[0] == kind and (option[1] != 1 or option[2:] != mac):
                return False
            at += 8 * option[1]
        return True
