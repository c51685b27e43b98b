"""``earthline peers``: the nodes this one knows, how packets get there, and why not better."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from earthline.cli.output import call, say_folded, show_json, show_table
from earthline.cli.stock_beside import OURS
from earthline.cli.table import Column

COLUMNS = (
    Column("address"),
    Column("role"),
    Column("version", spare=3),
    Column("latency"),
    Column("state"),
    Column("path", sinks=True),
    Column("mtu", spare=1),
    Column("heard", spare=2),
    Column("why", below=True),
)

ROLES = {"PLANET": "root", "MOON": "moon"}
"""What the API's words mean to a person; all others are nodes like this one."""


def peers(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List known nodes, how packets reach them, and why not directly."""
    found = call("GET", "/peer")
    if as_json:
        show_json(found)
        return
    show_table(COLUMNS, (_row(peer) for peer in found), "no peers yet")
    say_folded(*_steps(found))


def _row(peer: dict[str, Any]) -> tuple[object, ...]:
    ours = reached(peer)
    path = next((path for path in ours["paths"] if path["preferred"]), None)
    version = "-" if peer["versionMajor"] < 0 else peer["version"]
    latency = "-" if peer["latency"] < 0 else f"{peer['latency']} ms"
    age = None if path is None else path["age"]
    return (
        peer["address"],
        ROLES.get(peer["role"], "node"),
        version,
        latency,
        ours["state"],
        "-" if path is None else path["address"],
        "-" if path is None else path.get("mtu", "-"),
        "-" if age is None else f"{age // 1000} s ago",
        _why(ours),
    )


def reached(peer: dict[str, Any]) -> dict[str, Any]:
    """How a peer is reached, and why so where the service says it."""
    ours: dict[str, Any] | None = peer.get(OURS)
    return ours or _stock_state(peer)


def _stock_state(peer: dict[str, Any]) -> dict[str, Any]:
    """What ZeroTier One lets one know of how a peer is reached; it gives no reasons."""
    now = time.time_ns() // 1_000_000
    paths = [
        {**path, "age": now - path["lastReceive"] if path["lastReceive"] else None}
        for path in peer["paths"]
    ]
    direct = any(path["preferred"] for path in paths)
    return {"paths": paths, "state": "direct" if direct else "relayed", "reason": None}


def _why(ours: dict[str, Any]) -> str:
    """The reason without how the peer is reached, which has a column of its own."""
    if ours["reason"] is None:
        return ""
    return str(ours["explanation"].partition(": ")[2].removesuffix("."))


def _steps(found: list[dict[str, Any]]) -> list[str]:
    """What to do, once for each reason."""
    steps = {
        ours["reason"]: f"{_why(ours)}: {ours['nextStep']}"
        for ours in (peer[OURS] for peer in found if OURS in peer)
        if ours["nextStep"]
    }
    return ["", *steps.values()] if steps else []
