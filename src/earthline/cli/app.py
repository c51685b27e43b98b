"""``earthline``: the command line for people."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline import STOCK_VERSION, __version__
from earthline.cli.common.commands import Commands, Group
from earthline.cli.common.output import Session, say, show_json
from earthline.cli.common.usage import run
from earthline.cli.control import controller, member, network, rules
from earthline.cli.machine import life, system
from earthline.cli.machine.logs import logs
from earthline.cli.machine.uninstall import uninstall
from earthline.cli.node import bridge, joined, moon, planet, tcp_relay
from earthline.cli.node.config import config
from earthline.cli.node.doctor import doctor
from earthline.cli.node.events import events
from earthline.cli.node.peers import peers
from earthline.cli.node.permissions import set_permissions
from earthline.cli.node.ping import ping
from earthline.cli.node.status import status
from earthline.cli.node.top import top

START, PLANET, NETWORKS, SYSTEM, PLAY = (
    "Start",
    "Run a planet",
    "Run networks",
    "System",
    "Play",
)
"""The panels of the help, and by use what is in them."""
ORDER = (
    *(
        "up",
        "down",
        "join",
        "leave",
        "status",
        "networks",
        "peers",
        "top",
        "ping",
        "doctor",
        "logs",
        "events",
    ),
    *("planet", "moon", "tcp-relay"),
    *("network", "member", "rules"),
    *("service", "uninstall", "config", "set", "bridge", "controller", "version", "help"),
    *("demo", "lab"),
)


class _InOrder(Group):
    """Commands in the order in which they are needed; aliases, which help does not show, last."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = Commands(
    name="earthline",
    cls=_InOrder,
    help="Flat virtual Ethernet over any IP network.",
    epilog="--home DIR and --json may stand before or after any command."
    " Examples: earthline up; earthline join 1122334455000001; earthline networks --json.",
)
app.add_typer(planet.app, name="planet", rich_help_panel=PLANET)
app.add_typer(moon.app, name="moon", rich_help_panel=PLANET)
app.add_typer(tcp_relay.app, name="tcp-relay", rich_help_panel=PLANET)
app.add_typer(network.network_app, name="network", rich_help_panel=NETWORKS)
app.add_typer(member.app, name="member", rich_help_panel=NETWORKS)
app.add_typer(rules.app, name="rules", rich_help_panel=NETWORKS)
app.add_typer(system.app, name="service", rich_help_panel=SYSTEM)
app.add_typer(bridge.app, name="bridge", rich_help_panel=SYSTEM)
app.add_typer(controller.app, name="controller", rich_help_panel=SYSTEM)
app.command(
    "set",
    epilog="Example: earthline set 1122334455000001 allowDNS=on allowManaged=10.0.0.0/8",
    rich_help_panel=SYSTEM,
)(set_permissions)
app.command(epilog="Example: earthline up --home /srv/node --port 9994", rich_help_panel=START)(
    life.up
)
app.command(rich_help_panel=START)(life.down)
app.command("stop", hidden=True)(life.down)
app.command(rich_help_panel=START)(logs)
app.command(epilog="Example: earthline events --follow", rich_help_panel=START)(events)
app.command(rich_help_panel=START)(status)
app.command("info", hidden=True)(status)
app.command(epilog="Example: earthline networks 1122334455000001", rich_help_panel=START)(
    joined.networks
)
app.command(epilog="Example: earthline join 1122334455000001", rich_help_panel=START)(joined.join)
app.command(epilog="Example: earthline leave 1122334455000001", rich_help_panel=START)(joined.leave)
app.command(rich_help_panel=START)(peers)
app.command(rich_help_panel=START)(top)
app.command(epilog="Example: earthline ping 0a1b2c3d4e", rich_help_panel=START)(ping)
app.command(rich_help_panel=START)(doctor)
app.command(rich_help_panel=SYSTEM)(config)
app.command(rich_help_panel=SYSTEM)(uninstall)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Home folder (default: $EARTHLINE_HOME, $ZEROTIER_HOME, that of the service that"
        " runs, /var/lib/earthline).",
    ),
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
        Session.given = home


@app.command("version", rich_help_panel=SYSTEM)
def show_version(as_json: AsJson = False) -> None:
    """Print the version of this program; `earthline status` has the service's."""
    if as_json:
        show_json({"version": __version__, "compatible": STOCK_VERSION})
    else:
        say(f"earthline {__version__}, compatible with ZeroTier One {STOCK_VERSION}")


@app.command("help", rich_help_panel=SYSTEM)
def show_help(
    words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND...")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the help of a command."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown if as_json else sys.stdout):
        app([*(words or ()), "--help"], prog_name="earthline", standalone_mode=False)
    if as_json:
        show_json({"command": ["earthline", *(words or ())], "help": shown.getvalue()})


OVER_THE_COMMAND_LINE = {"lab": "earthline.lab.cli", "demo": "earthline.lab.demo"}
"""Tools built over this command line; each module has a typer ``app``, loaded when asked for."""

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def _tool(name: str, context: typer.Context) -> None:
    tool = importlib.import_module(OVER_THE_COMMAND_LINE[name])
    tool.app(context.args, prog_name=f"earthline {name}")


@app.command(context_settings=_PASS_ON, add_help_option=False, rich_help_panel=PLAY)
def lab(context: typer.Context) -> None:
    """Build a small internet with NATs on this machine."""
    _tool("lab", context)


@app.command(context_settings=_PASS_ON, add_help_option=False, rich_help_panel=PLAY)
def demo(context: typer.Context) -> None:
    """Show a whole planet at work: a root, two NATs, a LAN over them."""
    _tool("demo", context)


def main() -> None:
    """Run the command that the command line names."""
    run(app)
