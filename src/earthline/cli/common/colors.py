"""Styles for a terminal, which mean something: green works, yellow could be better, red does not.

None where nobody sees them: in a pipe, on a terminal that has none, or where ``NO_COLOR`` is set.
"""

from __future__ import annotations

import os
import sys

_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33"}
_END = "\x1b[0m"

REACHED = {"direct": "green", "tunnelled": "yellow", "relayed": "yellow", "unreachable": "bold red"}
"""How a peer is reached."""
NETWORK = {
    "ok": "green",
    "requesting configuration": "yellow",
    "authentication required": "yellow",
    "access denied": "bold red",
    "not found": "bold red",
    "port error": "bold red",
    "client too old": "bold red",
}
"""How a network is."""
ONLINE = {"online": "green", "offline": "bold red"}
YES_NO = {"yes": "green", "no": "yellow"}


def wanted() -> bool:
    """Whether what is printed goes to somebody who sees styles, and did not decline them."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdout.isatty() and not plain


def paint(text: str, style: str) -> str:
    """A text in a style such as ``bold red``, if styles are wanted; an empty one is none."""
    if not style or not text or not wanted():
        return text
    codes = ";".join(_CODES[word] for word in style.split())
    return f"\x1b[{codes}m{text}{_END}"
