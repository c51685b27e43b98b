"""``earthline bridge``: join a network and a physical LAN to one Ethernet."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import call, hexadecimal, say, show_json, show_table
from earthline.cli.common.table import Column

app = Commands(help="Bridge a network to a physical interface.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NetworkArgument = Annotated[str, typer.Argument(metavar="NETWORK")]


def _path(nwid: str) -> str:
    return f"/earthline/bridge/{hexadecimal(nwid, 16, 'network ID')}"


@app.command()
def up(  # noqa: PLR0917 - options, which typer calls by name
    nwid: NetworkArgument,
    interface: Annotated[str, typer.Option(metavar="IFACE", help="The physical interface.")],
    bridge: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the bridge (default: br-IFACE).")
    ] = None,
    rollback: Annotated[
        float,
        typer.Option(
            min=0,
            max=86400,
            metavar="SECONDS",
            help="Seconds until undone unless confirmed; 0: never.",
        ),
    ] = 60,
    yes_move_default_route: Annotated[
        bool,
        typer.Option(
            "--yes-move-default-route", help="Allow an IFACE that carries the default route."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set up a Linux bridge of the network and an interface, whose addresses move to it.

    It lasts until `earthline bridge down`, or until the network is left or the service stops.
    """
    body = {
        "interface": interface,
        "bridge": bridge,
        "rollback": rollback,
        "moveDefaultRoute": yes_move_default_route,
    }
    found = call("POST", _path(nwid), body)
    if as_json:
        show_json(found)
        return
    say(f"{found['bridge']} bridges {found['network']} and {found['interface']}")
    if found["rollbackAt"]:
        say(
            f"run `earthline bridge confirm {found['network']}` within {rollback:g} s, "
            "or the bridge is undone"
        )


@app.command()
def confirm(nwid: NetworkArgument, as_json: AsJson = False) -> None:
    """Keep a bridge: stop its roll-back timer."""
    found = call("POST", _path(nwid) + "/confirm", {})
    if as_json:
        show_json(found)
    else:
        say(f"{found['bridge']} stays")


@app.command()
def down(nwid: NetworkArgument, as_json: AsJson = False) -> None:
    """Remove a bridge and return the interface its addresses."""
    found = call("DELETE", _path(nwid))
    if as_json:
        show_json(found)
    else:
        say(f"{found['network']} and {found['interface']} are no longer bridged")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what is bridged."""
    found = call("GET", "/earthline/bridge")
    if as_json:
        show_json(found)
        return
    columns = (
        Column("network"),
        Column("device", spare=1),
        Column("bridge"),
        Column("interface"),
        Column("addresses", sinks=True),
        Column("state", folds=True),
    )
    rows = (
        (
            item["network"],
            item["device"],
            item["bridge"],
            item["interface"],
            item["addresses"],
            _state(item),
        )
        for item in found
    )
    show_table(columns, rows, "nothing is bridged: `earthline bridge up NETWORK --interface IFACE`")


def _state(item: dict[str, Any]) -> str:
    if not item["activeBridge"]:
        return "idle: no active bridge at the controller any more"
    if not item["rollbackAt"]:
        return "up"
    left = max(0, item["rollbackAt"] - time.time_ns() // 1_000_000) // 1000
    return f"undone in {left} s unless confirmed"
