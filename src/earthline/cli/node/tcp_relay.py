"""``earthline tcp-relay``: be a relay for nodes that have no UDP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import call, demand_earthline, fail, say, show_json

app = Commands(help="Relay over TCP for nodes without UDP, stock ones included.")

DEFAULT_LISTEN = "0.0.0.0/443"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def become_relay(listen: list[str], tls: dict[str, str] | None = None) -> dict[str, Any]:
    """Change the settings; what became of it. Ends the program if it cannot listen."""
    demand_earthline()
    call("POST", "/config/settings", {"tcpRelay": {"listen": listen, "tls": tls}})
    found: dict[str, Any] = demand_earthline()["earthline"]["tcpRelay"]
    if found["failure"]:
        fail(_failing(listen, found["failure"]))
    return found


@app.command("on")
def turn_on(
    listen: Annotated[
        list[str] | None,
        typer.Option(metavar="IP/PORT", help=f"Where to listen; repeat. [{DEFAULT_LISTEN}]"),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM chain (default: self-signed).")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key, PEM.")] = None,
    as_json: AsJson = False,
) -> None:
    """Relay from now on and after every start; nodes find roots on port 443 by themselves."""
    if (certificate is None) != (key is None):
        fail("a certificate needs its key: give both --certificate and --key")
    tls = None
    if certificate is not None and key is not None:
        tls = {"certificate": str(certificate.absolute()), "key": str(key.absolute())}
    _show(become_relay(listen or [DEFAULT_LISTEN], tls), as_json=as_json)


@app.command("off")
def turn_off(as_json: AsJson = False) -> None:
    """Stop relaying."""
    _show(become_relay([]), as_json=as_json)


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show whether this node is a TCP relay, and for how many clients."""
    _show(demand_earthline()["earthline"]["tcpRelay"], as_json=as_json)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    elif found["listeningOn"]:
        say(f"relaying at {', '.join(found['listeningOn'])} for {_clients(found['clients'])}")
    elif found["failure"]:
        say(_failing(call("GET", "/config")["settings"]["tcpRelay"]["listen"], found["failure"]))
    else:
        say("not relaying: `earthline tcp-relay on` starts it")


def _failing(listen: list[str], why: str) -> str:
    where = ", ".join(listen)
    return f"cannot listen on {where} ({why}), retrying: `earthline doctor` shows what to do"


def _clients(number: int) -> str:
    return f"{number} client{'' if number == 1 else 's'}"
