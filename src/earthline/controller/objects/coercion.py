"""Lenient reading of posted JSON: the four conversions of the controller's API (04, 3).

A posted value of the wrong type is converted, not refused; only what cannot be converted at all
raises `UnfitObject`, whose one line the HTTP layer shows.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from typing import Any, TypeAlias

from earthline.wire.inet import InetAddress

JsonObject: TypeAlias = dict[str, Any]

MAX_ARRAY = 16384
"""Elements kept of an array in a stored object (04, 3)."""

_U64 = 0xFFFFFFFFFFFFFFFF
_DECIMAL = re.compile(r"[0-9]*")
_HEX = re.compile(r"[0-9a-fA-F]*")
_MAX_DEPTH = 64
"""Objects and arrays inside one another in a posted body: real ones have five."""
_TOO_DEEP = f"the body is nested more than {_MAX_DEPTH} deep"


class UnfitObject(ValueError):
    """A posted text that is no JSON, or a value that no conversion covers. One line of text."""


def parse_value(body: bytes) -> Any:
    """Whatever JSON was posted, if it can be stored and rendered again; else `UnfitObject`."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise UnfitObject(_TOO_DEEP) from None
    except ValueError as fault:
        raise UnfitObject(f"the body is not JSON: {fault}".splitlines()[0]) from None
    _check_storable(value, _MAX_DEPTH)
    return value


def parse_object(body: bytes) -> JsonObject:
    """The posted object; JSON that is not an object counts as ``{}`` (04, 7.3)."""
    value = parse_value(body)
    return value if isinstance(value, dict) else {}


def render(value: Any) -> str:
    """Compact JSON with its keys in byte order, as answers and stored objects carry it."""
    return json.dumps(
        value, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False
    )


def as_int(value: object, default: int) -> int:
    """*Int*: unsigned 64 bits; negative numbers wrap, fractions are cut."""
    if isinstance(value, (bool, int, float)):
        return int(value) & _U64
    if isinstance(value, str):
        return min(int(_leading(_DECIMAL, value) or "0"), _U64)
    return default


def as_bool(value: object, default: bool) -> bool:
    """*Bool*: numbers above 0 (as unsigned), and texts that begin with ``t``, ``T`` or ``1``."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return as_int(value, 0) > 0
    if isinstance(value, str):
        return value[:1] in ("t", "T", "1")
    return default


def as_text(value: object, default: str) -> str:
    """*Str*: numbers in decimal digits, booleans as ``1`` and ``0``."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return str(as_int(value, 0))
    return default


def as_hex(value: object, default: int) -> int:
    """*Hex*: like *Int*, but texts are read as hex digits."""
    if isinstance(value, str):
        return int(_leading(_HEX, value) or "0", 16) & _U64
    return as_int(value, default)


def as_array(value: object) -> list[Any] | None:
    """The elements that are kept of an array; None for anything else."""
    return value[:MAX_ARRAY] if isinstance(value, list) else None


def read_address(text: object) -> InetAddress | None:
    """``ip`` or ``ip/number`` (number 0 where absent); None for a text that is no address."""
    if not isinstance(text, str) or "%" in text:
        return None
    ip_text, _, number = text.partition("/")
    try:
        ip = ipaddress.ip_address(ip_text).packed
    except ValueError:
        return None
    return InetAddress(ip, min(int(_leading(_DECIMAL, number) or "0"), 0xFFFF))


def read_target(text: object) -> InetAddress | None:
    """A route's target without host bits, which no router takes; None for what is no network.

    A bare address is read as everything (04, 4.3), and stays as it was written: whoever meant less
    sees it then.
    """
    target = read_address(text)
    if target is None or not target.netmask_valid:
        return None
    return target.network if target.port else target


def _leading(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    # Twenty digits hold every 64-bit number; more are cut so that a long text costs nothing.
    return found.group()[:20] if found else ""


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is out of range")
    return number


def _check_storable(value: object, depth: int) -> None:
    """Refuse what could not be rendered again: absurd nesting, halves of surrogate pairs."""
    if depth == 0:
        raise UnfitObject(_TOO_DEEP)
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise UnfitObject("the body holds half of a surrogate pair")
    elif isinstance(value, list):
        for element in value:
            _check_storable(element, depth - 1)
    elif isinstance(value, dict):
        for key, element in value.items():
            _check_storable(key, depth)
            _check_storable(element, depth - 1)
