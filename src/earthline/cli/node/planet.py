"""``earthline planet``: make, re-issue, show and install a planet."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import Session, call, demand_earthline, fail, reach, say, show_json
from earthline.cli.node.endpoints import (
    Endpoints,
    NewEndpoints,
    Wish,
    Yes,
    ask_about,
    tell_after,
    understand,
)
from earthline.cli.node.tcp_relay import DEFAULT_LISTEN, become_relay

app = Commands(help="The planet: the roots through which nodes find each other.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _describe(found: dict[str, Any], verb: str, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    issued = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found["timestamp"] / 1000))
    say(f"{verb} planet {found['worldId']}, issued {issued}")
    for root in found["roots"]:
        where = ", ".join(root["stableEndpoints"]) or "no endpoint"
        say(f"  root {root['address']} at {where}")
    if found["earth"]:
        say(f"  Earth is network {found['earth']}")


@app.command()
def make(
    endpoint: Endpoints = None,
    earth: Annotated[
        str,
        typer.Option(
            metavar="CIDR",
            help="The range of Earth's addresses. With a range other than the"
            " default, other nodes take part only after `earthline set EARTH allowManaged=CIDR`.",
        ),
    ] = "28.0.0.0/7",
    tcp_relay: Annotated[
        bool,
        typer.Option("--tcp-relay", help="Also relay over TCP port 443 for nodes without UDP."),
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make this node the root and controller of a planet of its own, and create its Earth."""
    demand_earthline()
    wish = understand(endpoint or ())
    ask_about(wish, yes=yes)
    body = {"endpoints": wish.texts, "earth": earth}
    _describe(call("POST", "/earthline/planet", body), "made", as_json=as_json)
    tell_after(wish, yes=yes)
    if tcp_relay:
        become_relay([DEFAULT_LISTEN])
    if not as_json:
        say(
            "next: `earthline planet show --out planet` writes the planet to a file; on every "
            "other node run `earthline planet install planet`"
        )


@app.command()
def reissue(endpoint: NewEndpoints = None, yes: Yes = False, as_json: AsJson = False) -> None:
    """Re-sign the planet with the current time; with --endpoint also move this root."""
    demand_earthline()
    wish = understand(endpoint) if endpoint else Wish(())
    ask_about(wish, yes=yes)
    body = {"endpoints": wish.texts} if endpoint else {}
    _describe(call("POST", "/earthline/planet/reissue", body), "re-signed", as_json=as_json)
    tell_after(wish, yes=yes)


@app.command()
def show(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the planet to a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the planet this node uses."""
    found = call("GET", "/earthline/planet")
    if out is not None:
        try:
            out.write_bytes(base64.b64decode(found["data"]))
        except OSError as error:
            fail(f"cannot write {out}: {error.strerror}")
    _describe(found, "this node uses", as_json=as_json)


@app.command()
def install(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace another planet; the service must not run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Install a planet from a file: into the running service, or into the home folder."""
    try:
        data = file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    if reach() is not None:
        body = {"data": base64.b64encode(data).decode()}
        _describe(call("POST", "/earthline/planet/install", body), "installed", as_json=as_json)
    else:
        world_id = _install_offline(data, str(file), force)
        path = Session.home / "planet"
        if as_json:
            show_json({"worldId": f"{world_id:016x}", "file": str(path)})
        else:
            say(f"installed {file} as {path}")


def _install_offline(data: bytes, name: str, force: bool) -> int:
    """The ID of the planet, which is in the home folder now."""
    from earthline.runtime.home.home import StartFault, parse_planet  # noqa: PLC0415
    from earthline.runtime.planet.planet import PlanetRefused, install_offline  # noqa: PLC0415

    try:
        planet = parse_planet(data, name)
        install_offline(Session.home, planet, force=force)
    except (StartFault, PlanetRefused) as refusal:
        fail(str(refusal))
    except OSError as error:
        fail(f"cannot write {Session.home / 'planet'}: {error.strerror}")
    return planet.world_id
