"""Rules as networks have them: many short sets that a frame of a TCP flow passes one by one."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DROP: Json = {"type": "ACTION_DROP"}
ACCEPT: Json = {"type": "ACTION_ACCEPT"}


def _sets(number: int) -> tuple[list[Json], ...]:
    """One set of each kind, each of three rules. No TCP segment to port 5201 matches any."""
    low, high = number % 5_000, 6_000 + number % 50_000
    net = f"10.{200 + number % 50}.0.0/16"
    protocol = {"type": "MATCH_IP_PROTOCOL", "ipProtocol": 6}
    return (
        [protocol, {"type": "MATCH_IP_DEST_PORT_RANGE", "start": low, "end": low}, DROP],
        [{"type": "MATCH_IPV4_DEST", "ip": net}, protocol, DROP],
        [protocol, {"type": "MATCH_IPV4_SOURCE", "ip": net}, DROP],
        [protocol, {"type": "MATCH_IP_SOURCE_PORT_RANGE", "start": low, "end": low}, DROP],
        [
            {"type": "MATCH_CHARACTERISTICS", "mask": "0000000000000002"},
            {"type": "MATCH_IP_DEST_PORT_RANGE", "start": high, "end": high},
            DROP,
        ],
        [{"type": "MATCH_ICMP", "icmpType": number % 256}, protocol, DROP],
        [
            {"type": "MATCH_ETHERTYPE", "etherType": 0x86DD},
            {"type": "MATCH_IP_DEST_PORT_RANGE", "start": high, "end": high},
            DROP,
        ],
    )


def rule_set(count: int) -> list[Json]:
    """Up to ``count`` rules that accept a TCP flow to port 5201 after all others were looked at."""
    rules: list[Json] = []
    for number in range((count - 1) // 3):
        kinds = _sets(number)
        rules += kinds[number % len(kinds)]
    return [*rules, ACCEPT]
