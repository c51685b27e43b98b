"""Whether a member is there, as far as its controller knows."""

from __future__ import annotations

import time
from typing import Any

from earthline.cli.common.stock_beside import OURS
from earthline.cli.node.peers import reached

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def seen(member: dict[str, Any], peer: dict[str, Any] | None, own: str) -> tuple[str, str, str]:
    """State, when it was last seen, and version.

    ``peer`` is what this node, whose address is ``own``, knows of it itself.
    """
    if member["address"] == own:
        return "this node", "now", _version(member, peer)
    return _state(member, peer), _last_seen(member, peer), _version(member, peer)


def _told(member: dict[str, Any], key: str) -> Any:
    """What the controller says beside the stock fields, there or in their midst."""
    return member.get(OURS, {}).get(key, member.get(key))


def _state(member: dict[str, Any], peer: dict[str, Any] | None) -> str:
    online = _told(member, "online")
    if peer is not None and online is not False:
        return str(reached(peer)["state"])
    return "online" if online else "offline" if online is False else "-"


def _last_seen(member: dict[str, Any], peer: dict[str, Any] | None) -> str:
    """By the last request, or by the last packet: the later one."""
    now = time.time_ns() // 1_000_000
    times = [_told(member, "lastSeen") or 0]
    times += [path["lastReceive"] for path in ({} if peer is None else peer).get("paths", ())]
    latest = max(times)
    return ago(now - latest) if latest else "-"


def ago(span_ms: int) -> str:
    """A span in the largest unit that it fills."""
    seconds = max(0, span_ms) // 1000
    length, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds // length} {unit} ago"


def _version(member: dict[str, Any], peer: dict[str, Any] | None) -> str:
    if member.get("vMajor", -1) >= 0:
        return f"{member['vMajor']}.{member['vMinor']}.{member['vRev']}"
    if peer is not None and peer["versionMajor"] >= 0:
        return str(peer["version"])
    return "-"
