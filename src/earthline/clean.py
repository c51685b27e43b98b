"""Text that others wrote, such as the name of a network, made fit for a terminal or a log.

What moves the cursor, turns text around, hides, or has no meaning never gets out: in words it
becomes a blank, in JSON its escape, which every reader of JSON takes for the same text.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_LAYOUT = frozenset("\n\t")


def clean(text: object) -> str:
    """One line without control characters: each becomes a space, so that words stay apart."""
    return "".join(" " if _is_unseen(character) else character for character in str(text))


def clean_lines(text: str) -> str:
    """The same for a text of several lines, which keeps its lines and tabs."""
    return "".join(
        " " if _is_unseen(character) and character not in _LAYOUT else character
        for character in text
    )


def clean_value(value: Any) -> Any:
    """Any JSON value with each text in it, keys as well, as one clean line."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return [clean_value(item) for item in value]
    if isinstance(value, dict):
        return {clean_value(key): clean_value(item) for key, item in value.items()}
    return value


def escape(text: str) -> str:
    """A JSON text with all of that escaped but its layout: it still says the same."""
    return "".join(
        _escaped(character) if _is_unseen(character) and character not in _LAYOUT else character
        for character in text
    )


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _is_unseen(character: str) -> bool:
    # Nearly all text is ASCII, and that is decided without a look at tables.
    if character < "\x7f":
        return character < " "
    return unicodedata.category(character) in _UNSEEN
