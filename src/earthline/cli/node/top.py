"""``earthline top``: a live view of the peers, with traffic and latency."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from earthline.cli.common import colors
from earthline.cli.common.output import (
    call,
    demand_earthline,
    say_screen,
    show_json,
    steer,
    table_lines,
)
from earthline.cli.common.stock_beside import OURS
from earthline.cli.common.table import Column
from earthline.cli.node.peers import latency_of, path_of, reached, role_of

COLUMNS = (
    Column("address"),
    Column("role", spare=1),
    Column("state", styles=colors.REACHED),
    Column("latency"),
    Column("rx/s"),
    Column("tx/s"),
    Column("rx", spare=2),
    Column("tx", spare=3),
    Column("path", spare=4),
)
_UNITS = ("B", "KB", "MB", "GB", "TB")
_CLEAR, _OTHER_SCREEN, _BACK = "\x1b[H\x1b[2J", "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
MIN_ROWS = 3
ALL_ROWS = 20
"""Peers in a pipe: a screenful."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the service said at one moment."""

    at: float
    """Seconds of a clock that never jumps."""
    status: dict[str, Any]
    peers: list[dict[str, Any]]
    networks: list[dict[str, Any]]

    def carried(self, address: str) -> tuple[int, int]:
        """Bytes of a peer received and sent, since this node knows it."""
        known = (peer[OURS] for peer in self.peers if peer["address"] == address)
        ours: dict[str, int] = next(known, {})
        return ours.get("receivedBytes", 0), ours.get("sentBytes", 0)


def top(
    interval: Annotated[
        float, typer.Option("--interval", "-d", min=0.2, metavar="SECONDS", help="Between views.")
    ] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the peers with the most traffic: live on a terminal, one screenful in a pipe.

    Traffic is that of networks, in bytes. Ctrl-C ends it.
    """
    before = _sample()
    live = sys.stdout.isatty() and not as_json
    if live:
        steer(_OTHER_SCREEN)
    try:
        while True:
            time.sleep(interval)
            now = _sample()
            if as_json:
                show_json(_document(before, now))
                return
            lines = list(_screen(before, now, _room() if live else ALL_ROWS))
            if live:
                steer(_CLEAR)
            say_screen(lines)
            if not live:
                return
            before = now
    except KeyboardInterrupt:
        pass  # as announced
    finally:
        if live:
            steer(_BACK)


def _sample() -> Sample:
    return Sample(
        time.monotonic(), demand_earthline(), call("GET", "/peer"), call("GET", "/network")
    )


def _room() -> int:
    """Rows for peers on this terminal, below the lines above them."""
    return max(shutil.get_terminal_size().lines - 4, MIN_ROWS)


def _rates(before: Sample, now: Sample, address: str) -> tuple[float, float]:
    """Bytes a second of a peer, received and sent."""
    spent = max(now.at - before.at, 0.001)
    pairs = zip(now.carried(address), before.carried(address), strict=True)
    received, sent = (max(0, later - earlier) / spent for later, earlier in pairs)
    return received, sent


def _all_rates(before: Sample, now: Sample) -> tuple[float, float]:
    each = [_rates(before, now, peer["address"]) for peer in now.peers]
    return sum(rates[0] for rates in each), sum(rates[1] for rates in each)


def _busiest(before: Sample, now: Sample) -> list[dict[str, Any]]:
    def rank(peer: dict[str, Any]) -> tuple[float, int]:
        address = peer["address"]
        return sum(_rates(before, now, address)), sum(now.carried(address))

    return sorted(now.peers, key=rank, reverse=True)


def _screen(before: Sample, now: Sample, room: int) -> Iterator[str]:
    status, found = now.status, _busiest(before, now)
    received, sent = _all_rates(before, now)
    working = sum(network["status"] == "OK" for network in now.networks)
    yield (
        f"{status['address']} {'online' if status['online'] else 'offline'}, "
        f"{working} of {len(now.networks)} networks work, {len(found)} peers"
    )
    yield f"all together: {_bytes(received)}/s received, {_bytes(sent)}/s sent"
    controllers = {network["id"][:10] for network in now.networks}
    rows = (_row(peer, before, now, controllers) for peer in found[:room])
    yield from table_lines(COLUMNS, rows, "no peers yet")
    if len(found) > room:
        yield f"and {len(found) - room} more"


def _row(
    peer: dict[str, Any], before: Sample, now: Sample, controllers: set[str]
) -> tuple[object, ...]:
    address, path = peer["address"], path_of(peer)
    return (
        address,
        role_of(peer, controllers),
        reached(peer)["state"],
        latency_of(peer),
        *map(_bytes, _rates(before, now, address)),
        *map(_bytes, now.carried(address)),
        "-" if path is None else path["address"],
    )


def _bytes(number: float) -> str:
    """With three digits at most, and a unit."""
    for unit in _UNITS:
        if number < 1000 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"


def _document(before: Sample, now: Sample) -> dict[str, Any]:
    received, sent = _all_rates(before, now)
    peers = []
    for peer in _busiest(before, now):
        address = peer["address"]
        rates, carried = _rates(before, now, address), now.carried(address)
        peers.append(
            {
                "address": address,
                "state": reached(peer)["state"],
                "latency": peer["latency"],
                "receivedBytes": carried[0],
                "sentBytes": carried[1],
                "receivedPerSecond": round(rates[0], 1),
                "sentPerSecond": round(rates[1], 1),
            }
        )
    return {
        "address": now.status["address"],
        "online": now.status["online"],
        "receivedPerSecond": round(received, 1),
        "sentPerSecond": round(sent, 1),
        "peers": peers,
    }
