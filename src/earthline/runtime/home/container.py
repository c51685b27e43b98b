"""What the container image takes from its environment, put where a home has it (05, 10.6)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from earthline.runtime.base.files import PRIVATE, PUBLIC, write_atomic
from earthline.runtime.base.folders import UnsafeFile
from earthline.runtime.home.home import StartFault
from earthline.wire.address import parse_network

FILES = {
    "ZEROTIER_API_SECRET": ("authtoken.secret", PRIVATE),
    "ZEROTIER_IDENTITY_PUBLIC": ("identity.public", PUBLIC),
    "ZEROTIER_IDENTITY_SECRET": ("identity.secret", PRIVATE),
}
NETWORKS = "ZEROTIER_JOIN_NETWORKS"


def fill_home(home: Path, environment: Mapping[str, str]) -> None:
    """Write what is set; `StartFault` for a network ID that is none, or where it cannot be."""
    try:
        _fill(home, environment)
    except UnsafeFile:
        raise
    except OSError as error:
        raise StartFault(f"{error.filename or home}: {error.strerror}") from None


def _fill(home: Path, environment: Mapping[str, str]) -> None:
    for variable, (name, mode) in FILES.items():
        if text := environment.get(variable, "").strip():
            write_atomic(home / name, text.encode(), mode)
    for text in environment.get(NETWORKS, "").split():
        network = _network(text)
        remembered = home / "networks.d" / f"{network:016x}.conf"
        if not remembered.exists():
            write_atomic(remembered, b"")


def _network(text: str) -> int:
    try:
        return parse_network(text)
    except ValueError:
        raise StartFault(
            f"{NETWORKS}: {text!r} is no network ID, which has 16 hexadecimal digits"
        ) from None
