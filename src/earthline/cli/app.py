"""``earthline``: the command line for people."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline import __version__
from earthline.cli import (
    bridge,
    controller,
    member,
    moon,
    network,
    planet,
    rules,
    system,
    tcp_relay,
)
from earthline.cli.doctor import doctor
from earthline.cli.output import Session, call, hexadecimal, say, show_json, show_table
from earthline.cli.peers import peers
from earthline.cli.permissions import set_permissions
from earthline.cli.usage import run

app = typer.Typer(
    name="earthline",
    help="Flat virtual Ethernet over any IP network.",
    epilog="Examples: earthline up; earthline join 1122334455000001; earthline networks --json."
    " Each command has more with --help.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(planet.app, name="planet")
app.add_typer(network.network_app, name="network")
app.add_typer(member.app, name="member")
app.add_typer(rules.app, name="rules")
app.add_typer(moon.app, name="moon")
app.add_typer(bridge.app, name="bridge")
app.add_typer(system.app, name="service")
app.add_typer(tcp_relay.app, name="tcp-relay")
app.add_typer(controller.app, name="controller")
app.command(
    "set", epilog="Example: earthline set 1122334455000001 allowDNS=on allowManaged=10.0.0.0/8"
)(set_permissions)
app.command()(peers)
app.command()(doctor)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HomeOption = Annotated[
    Path | None,
    typer.Option(help="Home folder of the service (default: $ZEROTIER_HOME, else the stock one)."),
]


def _version(wanted: bool) -> None:
    if wanted:
        say(f"earthline {__version__}")
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


@app.command(epilog="Example: earthline up --home /var/lib/earthline --port 9993")
def up(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Primary port; 0: random.")] = 9993,
    no_earth: Annotated[bool, typer.Option("--no-earth", help="Never join Earth.")] = False,
    stay_root: Annotated[
        bool,
        typer.Option(
            "--stay-root",
            help="Do not become an ordinary user: the home folder's owner, else zerotier-one.",
        ),
    ] = False,
) -> None:
    """Run the service in the foreground. Started as root, it soon is an ordinary user.

    That user keeps the rights to make network devices and to listen on low ports, and gets the home
    folder.
    """
    from earthline.cli.one import end, serve  # noqa: PLC0415 - no part of a short command
    from earthline.runtime.accounts import account_for  # noqa: PLC0415

    become = None if stay_root else account_for
    end(serve("earthline", home or Session.home, port, join_earth=not no_earth, become=become))


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
            say(f"{item['id']}: {note}")


@app.command(epilog="Example: earthline join 1122334455000001")
def join(nwid: Annotated[str, typer.Argument(metavar="NETWORK")], as_json: AsJson = False) -> None:
    """Join a network."""
    network_id = hexadecimal(nwid, 16, "network ID")
    found = call("POST", f"/network/{network_id}", {})
    if as_json:
        show_json(found)
    else:
        say(f"joined {network_id}: see `earthline networks`")


@app.command(epilog="Example: earthline leave 1122334455000001")
def leave(nwid: Annotated[str, typer.Argument(metavar="NETWORK")], as_json: AsJson = False) -> None:
    """Leave a network."""
    network_id = hexadecimal(nwid, 16, "network ID")
    found = call("DELETE", f"/network/{network_id}")
    if as_json:
        show_json(found)
    else:
        say(f"left {network_id}" if found else f"{network_id} was not joined")


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
    run(app)
