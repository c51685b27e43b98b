"""The rules engine as the specification tells it: slow, readable, an oracle for Rust (03, 6).

Nothing here is shipped. `evaluate` takes what the function of the native module takes, and gives
the same answer: that of stock nodes. `rules_in_earnest` judges a frame a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earthline.wire.rules import Rule, RuleType, parse_rules

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMPV6, SCTP, UDP_LITE = 1, 6, 17, 0x3A, 132, 136
WITH_PORTS = (TCP, UDP, SCTP, UDP_LITE)
WALKED = (0, 43, 60, 135)
"""IPv6 extension headers that are stepped over: hop-by-hop, routing, destination, mobility."""
BROADCAST = 0xFFFFFFFFFFFF
OBSERVING = (RuleType.TEE, RuleType.WATCH, RuleType.REDIRECT)

Credentials = tuple[list[tuple[int, int]], list[bytes], list[int]]
"""Tags as (ID, value), IPs, MACs."""
Copy = tuple[int, int, bool]
"""Observer, bytes, whether to acknowledge."""


@dataclass(frozen=True)
class Frame:
    """A frame, who sends it to whom, and what is known of both."""

    inbound: bool
    own: int
    source: int
    destination: int
    source_mac: int
    destination_mac: int
    ethertype: int
    vlan: int
    payload: bytes
    own_credentials: Credentials
    other_credentials: Credentials
    unknown_match: bool
    emulated: list[bytes]


@dataclass(frozen=True)
class Outcome:
    """What a match says. Forced: NOT does not turn it. Lenient: the next DROP is passed by."""

    holds: bool
    forced: bool = False
    lenient: bool = False


F0 = Outcome(False, forced=True)
F1 = Outcome(True, forced=True)
LENIENT = Outcome(True, forced=True, lenient=True)


# --- one table (03, 6.3) --------------------------------------------------------------------------


Evaluation = tuple[str, int, Copy | None]
"""Verdict, destination, and the copy asked for."""


def evaluate(table: bytes, frame: Frame, random: int) -> Evaluation:
    """What stock nodes decide."""

    def match_stock(_: int, rule: Rule, super_accept: bool) -> Outcome:
        return match(rule, frame, random, super_accept=super_accept)

    return run(table, frame, match_stock)


def run(table: bytes, frame: Frame, match_of: Callable[[int, Rule, bool], Outcome]) -> Evaluation:
    """Left to right; ``match_of`` says what the match at an index gives."""
    state, super_accept, skip_drop = True, False, False
    copy: Copy | None = None

    def decided(verdict: str, destination: int = frame.destination) -> tuple[str, int, Copy | None]:
        return verdict, destination, copy

    for index, rule in enumerate(parse_rules(table, limit=1 << 30)):
        if rule.type >= 16:
            if not state and not rule.alternative:
                continue
            outcome = match_of(index, rule, super_accept)
            skip_drop = skip_drop or outcome.lenient
            holds = outcome.holds if outcome.forced else outcome.holds != rule.negated
            state = (state or holds) if rule.alternative else (state and holds)
        elif not state:
            if frame.inbound and rule.type in OBSERVING and observer(rule) == frame.own:
                super_accept = True
            state = True
        elif rule.type == RuleType.DROP:
            if not skip_drop:
                return decided("drop")
            skip_drop = False
        elif rule.type == RuleType.ACCEPT:
            return decided("super_accept" if super_accept else "accept")
        elif rule.type == RuleType.PRIORITY:
            return decided("accept")
        elif rule.type == RuleType.BREAK:
            return decided("no_match")
        elif rule.type in OBSERVING:
            who = observer(rule)
            if who == frame.source:
                continue
            if who == frame.own:
                if frame.inbound:
                    return decided("super_accept")
            elif who == frame.destination:
                continue
            elif rule.type == RuleType.REDIRECT:
                return decided("redirect", who)
            else:
                whole = len(frame.payload)
                length = min(whole, rule.fields[2] or whole)
                copy = (who, length, rule.type == RuleType.WATCH)
    return decided("no_match")


def observer(rule: Rule) -> int:
    """The node that TEE, WATCH and REDIRECT name: the low 40 bits."""
    return rule.fields[0] & 0xFFFFFFFFFF


# --- base rules, then capabilities (03, 6.7) ------------------------------------------------------


Filtered = tuple[int, int | None, list[Copy]]
"""0, 1 or 2; the node the frame is redirected to; the copies to send, in order."""


def filter_frame(
    base: bytes,
    capabilities: list[bytes],
    frame: Frame,
    random: int,
    evaluate: Callable[[bytes, Frame, int], Evaluation] = evaluate,
) -> Filtered:
    """What stock nodes do with the frame, or others by another way to evaluate tables."""
    verdict, destination, copy = evaluate(base, frame, random)
    copies = [copy]
    if verdict == "no_match":
        for table in capabilities:
            verdict, destination, own_copy = evaluate(table, frame, random)
            if verdict not in ("drop", "no_match"):
                copies = [own_copy, copy]
                break
        else:
            return 0, None, []
    if verdict == "drop":
        return 0, None, []
    level = 2 if verdict == "super_accept" else 1
    redirect = destination if verdict == "redirect" else None
    return level, redirect, [each for each in copies if each is not None]


# --- matches (03, 6.4) ----------------------------------------------------------------------------


def match(rule: Rule, frame: Frame, random: int, *, super_accept: bool) -> Outcome:
    """What one match says of the frame."""
    if RuleType.TAGS_DIFFERENCE <= rule.type <= RuleType.TAGS_EQUAL:
        return match_both_tags(rule, frame, super_accept=super_accept)
    if rule.type in (RuleType.TAG_SENDER, RuleType.TAG_RECEIVER):
        return match_one_tag(rule, frame, super_accept=super_accept)
    if rule.type in _PLAIN:
        return Outcome(_PLAIN[rule.type](rule.fields, frame))
    if rule.type in _IP:
        return _IP[rule.type](rule.fields, frame)
    if rule.type == RuleType.RANDOM:
        return Outcome(random <= rule.fields[0])
    return Outcome(frame.unknown_match)


def is_v4(frame: Frame) -> bool:
    return frame.ethertype == IPV4 and len(frame.payload) >= 20


def is_v6(frame: Frame) -> bool:
    return frame.ethertype == IPV6 and len(frame.payload) >= 40


def walk(payload: bytes) -> tuple[int, int] | None:
    """Final next header and its offset in an IPv6 packet; None if the walk fails (03, 6.2)."""
    if len(payload) < 40:
        return None
    header, offset = payload[6], 40
    while header in WALKED:
        if offset + 8 > len(payload):
            return None
        header, length = payload[offset], payload[offset + 1]
        offset += 8 * length + 8
    return None if offset > len(payload) else (header, offset)


def transport(frame: Frame) -> tuple[int, int] | None:
    """Protocol and offset of what an IP packet carries."""
    if is_v4(frame):
        return frame.payload[9], 4 * (frame.payload[0] & 0x0F)
    return walk(frame.payload) if frame.ethertype == IPV6 else None


def match_ipv4(fields, frame, at):
    if not is_v4(frame):
        return F0
    ip, bits = fields
    shift = 32 - min(bits, 32)
    actual = int.from_bytes(frame.payload[at : at + 4], "big")
    return Outcome(actual >> shift == int.from_bytes(ip, "big") >> shift)


def match_ipv6(fields, frame, at):
    if not is_v6(frame):
        return F0
    ip, bits = fields
    shift = 128 - min(bits, 128)
    actual = int.from_bytes(frame.payload[at : at + 16], "big")
    return Outcome(actual >> shift << shift == int.from_bytes(ip, "big"))


def match_tos(fields, frame):
    mask, low, high = fields
    if is_v4(frame):
        actual = frame.payload[1]
    elif is_v6(frame):
        actual = (frame.payload[0] & 0x0F) << 4 | frame.payload[1] >> 4
    else:
        return F0
    return Outcome(low <= actual & mask <= high)


def match_protocol(fields, frame):
    found = transport(frame)
    return F0 if found is None else Outcome(found[0] == fields[0])


def match_icmp(fields, frame):
    found = transport(frame)
    wanted = ICMP if frame.ethertype == IPV4 else ICMPV6
    if found is None or found[0] != wanted:
        return F0
    message = frame.payload[found[1] : found[1] + 2]
    kind, code, flags = fields
    if len(message) < 2 or message[0] != kind:
        return F0
    return Outcome(message[1] == code) if flags & 0x01 else F1


def match_port(fields, frame, at):
    found = transport(frame)
    if found is None:
        return F0
    protocol, offset = found
    if protocol not in WITH_PORTS or len(frame.payload) <= offset + 4:
        return Outcome(False)
    port = int.from_bytes(frame.payload[offset + at : offset + at + 2], "big")
    if port == 0 and frame.ethertype == IPV6:
        return Outcome(False)
    low, high = fields
    return Outcome(low <= port <= high)


_IP = {
    RuleType.IPV4_SOURCE: lambda fields, frame: match_ipv4(fields, frame, 12),
    RuleType.IPV4_DESTINATION: lambda fields, frame: match_ipv4(fields, frame, 16),
    RuleType.IPV6_SOURCE: lambda fields, frame: match_ipv6(fields, frame, 8),
    RuleType.IPV6_DESTINATION: lambda fields, frame: match_ipv6(fields, frame, 24),
    RuleType.IP_TOS: match_tos,
    RuleType.IP_PROTOCOL: match_protocol,
    RuleType.ICMP: match_icmp,
    RuleType.IP_SOURCE_PORT_RANGE: lambda fields, frame: match_port(fields, frame, 0),
    RuleType.IP_DESTINATION_PORT_RANGE: lambda fields, frame: match_port(fields, frame, 2),
}


# --- characteristics ------------------------------------------------------------------------------


def characteristics(frame: Frame) -> int:
    """Every bit that can be asked for."""
    bits = tcp_bits(frame)
    bits |= 0x8000000000000000 if frame.inbound else 0
    bits |= 0x4000000000000000 if frame.destination_mac >> 40 & 0x01 else 0
    bits |= 0x2000000000000000 if frame.destination_mac == BROADCAST else 0
    bits |= 0x1000000000000000 if ip_is_authentic(frame) else 0
    _, _, macs = sender_credentials(frame)
    return bits | (0x0800000000000000 if frame.source_mac in macs else 0)


def tcp_bits(frame: Frame) -> int:
    found = transport(frame)
    if found is None or found[0] != TCP:
        return 0
    offset = found[1]
    needed = offset + 14 if frame.ethertype == IPV4 else offset + 15
    if len(frame.payload) < needed:
        return 0
    return (frame.payload[offset + 12] & 0x0F) << 8 | frame.payload[offset + 13]


def sender_credentials(frame: Frame) -> Credentials:
    return frame.other_credentials if frame.inbound else frame.own_credentials


def ip_is_authentic(frame: Frame) -> bool:
    payload = frame.payload
    if is_v4(frame):
        ip = payload[12:16]
    elif is_v6(frame):
        is_icmp = len(payload) >= 64 and payload[6] == ICMPV6
        if is_icmp and payload[40] == 0x87:
            return True
        ip = payload[48:64] if is_icmp and payload[40] == 0x88 else payload[8:24]
    elif frame.ethertype == ARP and len(payload) >= 28:
        ip = payload[14:18]
    else:
        return False
    _, ips, _ = sender_credentials(frame)
    return ip in ips or (len(ip) == 16 and is_emulated(frame, ip))


def is_emulated(frame: Frame, ip: bytes) -> bool:
    """Inbound, whatever node the address is computed for; outbound, ours: stock knows of none."""
    node = b"" if frame.inbound else frame.source.to_bytes(5, "big")
    return any(ip.startswith(prefix + node) for prefix in frame.emulated)


# --- tags (03, 6.5) -------------------------------------------------------------------------------

_COMPARE = {
    RuleType.TAGS_DIFFERENCE: lambda ours, theirs, value: abs(ours - theirs) <= value,
    RuleType.TAGS_BITWISE_AND: lambda ours, theirs, value: ours & theirs == value,
    RuleType.TAGS_BITWISE_OR: lambda ours, theirs, value: ours | theirs == value,
    RuleType.TAGS_BITWISE_XOR: lambda ours, theirs, value: ours ^ theirs == value,
    RuleType.TAGS_EQUAL: lambda ours, theirs, value: ours == value == theirs,
}


def match_both_tags(rule: Rule, frame: Frame, *, super_accept: bool) -> Outcome:
    number, value = rule.fields
    ours, theirs = dict(frame.own_credentials[0]), dict(frame.other_credentials[0])
    if number not in ours:
        return F0
    if number in theirs:
        return Outcome(_COMPARE[RuleType(rule.type)](ours[number], theirs[number], value))
    return F0 if frame.inbound and not super_accept else LENIENT


def match_one_tag(rule: Rule, frame: Frame, *, super_accept: bool) -> Outcome:
    if super_accept:
        return LENIENT
    number, value = rule.fields
    asks_sender = rule.type == RuleType.TAG_SENDER
    if asks_sender == frame.inbound:
        theirs = dict(frame.other_credentials[0])
        if number in theirs:
            return Outcome(theirs[number] == value)
        return F0 if frame.inbound else LENIENT
    ours = dict(frame.own_credentials[0])
    return Outcome(ours[number] == value) if number in ours else F0


# --- the rest -------------------------------------------------------------------------------------


def match_integer(fields, frame):
    """An integer anywhere in the frame; 0 where the frame does not reach (03, 6.6)."""
    start, end, index, layout = fields
    bits = (layout & 0x3F) + 1
    width = (bits + 7) // 8
    little = bool(layout & 0x80)
    first = index if little else index + 8 - width
    field = frame.payload[first : first + width]
    actual = 0
    if len(field) == width and little:
        actual = int.from_bytes(field, "little") >> (8 * width - bits)
    elif len(field) == width:
        actual = int.from_bytes(field, "big") & ((1 << bits) - 1)
    return start <= actual <= end


def in_range(fields, number):
    low, high = fields
    return low <= number <= high


_PLAIN = {
    RuleType.SOURCE_ADDRESS: lambda f, frame: number_of(f) == frame.source,
    RuleType.DESTINATION_ADDRESS: lambda f, frame: number_of(f) == frame.destination,
    RuleType.VLAN_ID: lambda f, frame: f[0] == frame.vlan,
    RuleType.VLAN_PCP: lambda f, _frame: f[0] == 0,
    RuleType.VLAN_DEI: lambda f, _frame: f[0] == 0,
    RuleType.SOURCE_MAC: lambda f, frame: number_of(f) == frame.source_mac,
    RuleType.DESTINATION_MAC: lambda f, frame: number_of(f) == frame.destination_mac,
    RuleType.ETHERTYPE: lambda f, frame: f[0] == frame.ethertype,
    RuleType.CHARACTERISTICS: lambda f, frame: bool(characteristics(frame) & f[0]),
    RuleType.FRAME_SIZE_RANGE: lambda f, frame: in_range(f, len(frame.payload)),
    RuleType.INTEGER_RANGE: match_integer,
}


def number_of(fields: tuple[bytes, ...]) -> int:
    return int.from_bytes(fields[0], "big")
