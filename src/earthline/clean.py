"""Text that others wrote, such as the name of a network, made fit for a terminal."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories of what moves the cursor, turns text around, hides, or has no meaning."""


def clean(text: object) -> str:
    """One line without control characters: each becomes a space, so that words stay apart."""
    return "".join(
        " " if unicodedata.category(character) in _UNSEEN else character for character in str(text)
    )
