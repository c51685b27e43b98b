"""``earthline``: the command line for people."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline import __version__
from earthline.cli import bridge, credentials, network, planet
from earthline.cli.output import Session, call, hexadecimal, show_json, show_table
from earthline.cli.permissions import set_permissions

app = typer.Typer(
    name="earthline",
    help="Flat virtual Ethernet over any IP network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(planet.app, name="planet")
app.add_typer(network.network_app, name="network")
app.add_typer(network.member_app, name="member")
app.add_typer(bridge.app, name="bridge")
credentials.add_to(network.network_app, network.member_app)
app.command("set")(set_permissions)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HomeOption = Annotated[
    Path | None,
    typer.Option(help="Home folder of the service (default: $ZEROTIER_HOME, else the stock one)."),
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"earthline {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    home: HomeOption = None,
    _wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if home is not None:
        Session.home = home


@app.command()
def up(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Primary port; 0: random.")] = 9993,
    no_earth: Annotated[bool, typer.Option("--no-earth", help="Never join Earth.")] = False,
) -> None:
    """Run the service in the foreground."""
    from earthline.cli.one import end, serve  # noqa: PLC0415 - no part of a short command

    end(serve("earthline", home or Session.home, port, join_earth=not no_earth))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Who this node is, and whether it is online."""
    found = call("GET", "/status")
    if as_json:
        show_json(found)
        return
    settings = found["config"]["settings"]
    rows = [
        ("address", found["address"]),
        ("state", "online" if found["online"] else "offline"),
        ("version", f"earthline {found['earthline']['version']}"),
        ("planet", _planet_text(found)),
        ("home", settings["homeDir"]),
        ("listening on", ", ".join(settings["listeningOn"]) or "nothing yet"),
        ("seen as", ", ".join(settings["surfaceAddresses"]) or "not known yet"),
    ]
    show_table(("", ""), rows, "")


def _planet_text(found: dict[str, Any]) -> str:
    if not found["planetWorldId"]:
        return "none: `earthline planet make`, or `earthline planet install FILE`"
    earth = found["earthline"]["earth"]
    own = f"{found['planetWorldId']:016x}"
    return f"{own}, its Earth is network {earth}" if earth else own


@app.command()
def peers(as_json: AsJson = False) -> None:
    """The nodes this one knows, and how packets get there."""
    found = call("GET", "/peer")
    if as_json:
        show_json(found)
        return
    columns = ("address", "role", "version", "latency", "link", "path", "heard")
    show_table(columns, (_peer_row(peer) for peer in found), "no peers yet")


def _peer_row(peer: dict[str, Any]) -> tuple[object, ...]:
    path = next((path for path in peer["paths"] if path["preferred"]), None)
    version = "-" if peer["versionMajor"] < 0 else peer["version"]
    latency = "-" if peer["latency"] < 0 else f"{peer['latency']} ms"
    link = "relayed" if path is None else "direct"
    heard = "-"
    if path is not None and path["lastReceive"]:
        heard = f"{max(0, time.time_ns() // 1_000_000 - path['lastReceive']) // 1000} s ago"
    where = "-" if path is None else path["address"]
    return (peer["address"], peer["role"].lower(), version, latency, link, where, heard)


@app.command()
def networks(as_json: AsJson = False) -> None:
    """The networks this node has joined."""
    found = call("GET", "/network")
    if as_json:
        show_json(found)
        return
    rows = (
        (
            item["id"],
            item["name"] or "-",
            item["status"].lower().replace("_", " "),
            item["type"].lower(),
            item["portDeviceName"] or "-",
            ", ".join(item["assignedAddresses"]) or "-",
        )
        for item in found
    )
    columns = ("network", "name", "status", "type", "device", "addresses")
    show_table(columns, rows, "no networks joined: `earthline join NETWORK` joins one")
    for item in found:
        for note in item["earthline"]["notes"]:
            print(f"{item['id']}: {note}")


@app.command()
def join(nwid: Annotated[str, typer.Argument(metavar="NETWORK")], as_json: AsJson = False) -> None:
    """Join a network."""
    network_id = hexadecimal(nwid, 16, "network ID")
    found = call("POST", f"/network/{network_id}", {})
    if as_json:
        show_json(found)
    else:
        print(f"joined {network_id}: see `earthline networks`")


@app.command()
def leave(nwid: Annotated[str, typer.Argument(metavar="NETWORK")], as_json: AsJson = False) -> None:
    """Leave a network."""
    network_id = hexadecimal(nwid, 16, "network ID")
    found = call("DELETE", f"/network/{network_id}")
    if as_json:
        show_json(found)
    else:
        print(f"left {network_id}" if found else f"{network_id} was not joined")


OVER_THE_COMMAND_LINE = {"lab": "earthline.lab.cli", "demo": "earthline.lab.demo"}
"""Tools built over this command line; each module has a typer ``app``, loaded when asked for."""

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def _tool(name: str, context: typer.Context) -> None:
    tool = importlib.import_module(OVER_THE_COMMAND_LINE[name])
    tool.app(context.args, prog_name=f"earthline {name}")


@app.command(context_settings=_PASS_ON, add_help_option=False)
def lab(context: typer.Context) -> None:
    """Build a small internet with NATs on this machine."""
    _tool("lab", context)


@app.command(context_settings=_PASS_ON, add_help_option=False)
def demo(context: typer.Context) -> None:
    """Show a whole planet at work: a root, two NATs, a LAN over them."""
    _tool("demo", context)


def main() -> None:
    """Console script ``earthline``."""
    app()
