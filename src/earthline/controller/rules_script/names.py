"""Words with a meaning of their own (04, 13.2 to 13.4)."""

from __future__ import annotations

ACTIONS = frozenset({"drop", "accept", "tee", "watch", "redirect", "break", "priority"})
DEFINITIONS = frozenset({"macro", "tag", "cap"})
OPENING = ACTIONS | DEFINITIONS
"""Words that open a block."""

OTHER_RESERVED = frozenset(
    {
        *("default", "type", "enum", "class", "define", "import", "include", "log"),
        *("not", "xor", "or", "and", "set", "var", "let"),
    }
)

ETHERTYPES = {
    "ipv4": 0x0800,
    "arp": 0x0806,
    "wol": 0x0842,
    "rarp": 0x8035,
    "ipv6": 0x86DD,
    "atalk": 0x809B,
    "aarp": 0x80F3,
    "ipx_a": 0x8137,
    "ipx_b": 0x8138,
}

IP_PROTOCOLS = {
    "icmp": 1,
    "icmp4": 1,
    "icmpv4": 1,
    "igmp": 2,
    "ipip": 4,
    "tcp": 6,
    "egp": 8,
    "igp": 9,
    "udp": 17,
    "rdp": 27,
    "esp": 50,
    "ah": 51,
    "icmp6": 58,
    "icmpv6": 58,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
}

CHARACTERISTICS = {
    "inbound": 63,
    "multicast": 62,
    "broadcast": 61,
    "ipauth": 60,
    "macauth": 59,
    "tcp_fin": 0,
    "tcp_syn": 1,
    "tcp_rst": 2,
    "tcp_psh": 3,
    "tcp_ack": 4,
    "tcp_urg": 5,
    "tcp_ece": 6,
    "tcp_cwr": 7,
    "tcp_ns": 8,
    "tcp_rs2": 9,
    "tcp_rs1": 10,
    "tcp_rs0": 11,
}
"""Numbers of bits."""
