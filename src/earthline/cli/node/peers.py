"""``earthline peers``: the nodes this one knows, how packets get there, and why not better."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Annotated, Any

import typer

from earthline.cli.common.colors import REACHED
from earthline.cli.common.output import call, say, show_json, show_table
from earthline.cli.common.stock_beside import OURS
from earthline.cli.common.table import Column

COLUMNS = (
    Column("address"),
    Column("role"),
    Column("version", spare=3),
    Column("latency"),
    Column("state", styles=REACHED),
    Column("path", sinks=True),
    Column("mtu", spare=1),
    Column("heard", spare=2),
    Column("why", below=True),
)

ROLES = {"PLANET": "root", "MOON": "moon"}
"""What the API's words mean to a person."""


def peers(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List known nodes, how packets reach them, and why not directly.

    The version is the release of ZeroTier One that a node says it works like: 1.14.1 may be an
    Earthline node, since the protocol has no place for the name of another program.
    """
    found = call("GET", "/peer")
    if as_json:
        show_json(found)
        return
    controllers = {item["id"][:10] for item in call("GET", "/network")}
    show_table(COLUMNS, (_row(peer, controllers) for peer in found), "no peers yet")
    say(*_steps(found))


def role_of(peer: dict[str, Any], controllers: Collection[str]) -> str:
    """What a peer is to this node: ``root``, ``moon``, ``controller`` or ``member``."""
    if peer["role"] in ROLES:
        return ROLES[peer["role"]]
    return "controller" if peer["address"] in controllers else "member"


def latency_of(peer: dict[str, Any]) -> str:
    """In milliseconds, if it is known."""
    return "-" if peer["latency"] < 0 else f"{peer['latency']} ms"


def path_of(peer: dict[str, Any]) -> dict[str, Any] | None:
    """The path in use, if there is one."""
    return next((path for path in reached(peer)["paths"] if path["preferred"]), None)


def _row(peer: dict[str, Any], controllers: Collection[str]) -> tuple[object, ...]:
    ours = reached(peer)
    path = path_of(peer)
    version = "-" if peer["versionMajor"] < 0 else peer["version"]
    age = None if path is None else path["age"]
    return (
        peer["address"],
        role_of(peer, controllers),
        version,
        latency_of(peer),
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
