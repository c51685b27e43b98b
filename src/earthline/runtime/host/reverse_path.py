"""The kernel's reverse path filter, while a default route leads over a virtual network (05, 8.5).

A strict filter (1, RFC 3704) drops what comes in by another interface than an answer would leave
by. With such a route answers to everybody would leave by the network, so that nothing that reaches
our sockets by the cable would pass: the network would cut itself off. A loose one (2) passes what
has any way back at all.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import structlog

log = structlog.get_logger()

FILTERS = Path("/proc/sys/net/ipv4/conf")
STRICT, LOOSE = 1, 2


class ReversePath:
    """Makes the filters of our uplinks loose for as long as that is needed."""

    def __init__(self) -> None:
        self._uplinks: dict[int, str] = {}
        self._before: dict[int, int] = {}
        """By index of the interface: what was set there."""
        self._needed = False

    def follow(self, uplinks: Mapping[int, str]) -> None:
        """The interfaces that have sockets of ours, by index, and what they are called now."""
        self._uplinks = dict(uplinks)
        if self._needed:
            self.loosen()

    def loosen(self) -> str:
        """See to it that no uplink has a strict filter; why that cannot be, empty if it is so.

        The kernel goes by the larger of an interface's own setting and that for all.
        """
        self._needed = True
        everywhere = _read("all")
        for index, name in self._uplinks.items():
            own = _read(name)
            if max(own, everywhere) != STRICT:
                continue
            try:
                (FILTERS / name / "rp_filter").write_text(f"{LOOSE}\n")
            except OSError as error:
                return (
                    f"{name} drops what comes by another way than answers leave, and this service "
                    f"may not change that ({error.strerror}): set net.ipv4.conf.all.rp_filter=2"
                )
            self._before.setdefault(index, own)
            log.info("reverse_path_loose", device=name, before=own)
        return ""

    def restore(self) -> None:
        """Set what was set before, unless somebody has changed it since. Idempotent."""
        self._needed = False
        while self._before:
            index, before = self._before.popitem()
            try:
                name = socket.if_indextoname(index)
                if _read(name) == LOOSE:
                    (FILTERS / name / "rp_filter").write_text(f"{before}\n")
            except OSError as error:
                log.warning("reverse_path_not_restored", index=index, why=error.strerror)


def strict_interfaces() -> frozenset[str]:
    """Those with a strict filter, by the larger of their own setting and that for all."""
    names = {path.parent.name for path in FILTERS.glob("*/rp_filter")} - {"all", "default", "lo"}
    everywhere = _read("all")
    return frozenset(name for name in names if max(_read(name), everywhere) == STRICT)


def _read(name: str) -> int:
    """The setting of an interface; 0 where there is none any more."""
    try:
        return int((FILTERS / name / "rp_filter").read_text())
    except (OSError, ValueError):
        return 0
