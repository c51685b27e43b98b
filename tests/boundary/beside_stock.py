"""What each command of ``earthline`` says where ZeroTier One answers: recorded, or the real one."""

from __future__ import annotations

NAMED = "ZeroTier One 1.14.1 runs on "
WORKING = {
    "status": "ZeroTier One 1.14.1",
    "info": "ZeroTier One 1.14.1",
    "peers": "address",
    "networks": "",
    "status --json": '"version": "1.14.1"',
    "moon list": "",
    "join 1122334455000001": "joined 1122334455000001",
    "leave 1122334455000001": "1122334455000001",
}
"""And a word of what they print."""
REFUSED = (
    "tcp-relay show",
    "tcp-relay on",
    "tcp-relay off",
    "planet show",
    "planet make --endpoint 192.0.2.1/9993",
    "planet reissue",
    "bridge status",
    "bridge up 1122334455000001 --interface lan0",
    "network rules 1122334455000001",
)
