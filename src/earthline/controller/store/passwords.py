"""Passwords in the place of a database, and what is shown instead of them."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

_IN_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^:/@\s\"]*:)[^\s\"]+(?=@)")
"""``scheme://user:password@``: up to the last ``@``, since some write one in a password."""
_BY_NAME = re.compile(r"(password=)('[^']*'|[^\s&'\"]+)", re.IGNORECASE)
"""As libpq takes it: in a URL's query, or among ``name=value`` words."""


def hide_passwords(text: str) -> str:
    """The text with `HIDDEN` for every password that the place of a database has in it."""
    return _BY_NAME.sub(rf"\1{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}", text))


def without_passwords(value: Any) -> Any:
    """A copy of parsed JSON in which no text has a password."""
    if isinstance(value, str):
        return hide_passwords(value)
    if isinstance(value, dict):
        return {key: without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_passwords(item) for item in value]
    return value
