"""``earthline moon``: further roots, which a node orbits beside those of its planet."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import Session, call, fail, hexadecimal, say, show_json, show_table
from earthline.cli.common.table import Column
from earthline.cli.node.endpoints import Endpoints, Yes, ask_about, tell_after, understand
from earthline.root.planet import (
    DefinitionFault,
    SigningKey,
    WorldDefinition,
    define_moon,
    world_file,
)
from earthline.wire.identity import Identity
from earthline.wire.reader import Malformed
from earthline.wire.world import Root, World, WorldKind

app = Commands(
    help="Moons: additional roots of your own, which nodes orbit.",
    epilog="A moon in three steps: `earthline moon make` on its root, `earthline moon install FILE`"
    " there, and `earthline moon orbit MOON` on every node that should use it.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MoonArgument = Annotated[str, typer.Argument(metavar="MOON", help="10 or 16 hex digits.")]


@app.command("list")
def list_moons(as_json: AsJson = False) -> None:
    """The moons this node orbits."""
    found = call("GET", "/moon")
    if as_json:
        show_json(found)
        return
    rows = ((moon["id"], _date(moon["timestamp"]), _roots(moon)) for moon in found)
    columns = (Column("moon"), Column("issued", spare=1), Column("roots", sinks=True))
    show_table(columns, rows, "no moons: `earthline moon orbit MOON` orbits one")


def _date(timestamp: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(timestamp / 1000))


def _roots(moon: dict[str, Any]) -> list[str]:
    return [
        f"{root['identity'][:10]} at {endpoint}"
        for root in moon["roots"]
        for endpoint in root["stableEndpoints"] or ("no endpoint",)
    ]


@app.command(epilog="Example: earthline moon orbit 0a1b2c3d4e")
def orbit(
    moon: MoonArgument,
    seed: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address of one of its roots (default: the moon's own ID)."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Orbit a moon: use its roots too, fetching the moon from one of them."""
    world = _short(moon)
    asked = hexadecimal(seed, 10, "node address") if seed else world
    found = call("POST", f"/moon/{world}", {"seed": asked})
    if as_json:
        show_json(found)
    elif found["waiting"]:
        say(
            f"asking {asked} for moon {found['id']}: `earthline moon list` shows it once it is here"
        )
    else:
        say(f"orbiting moon {found['id']}")


@app.command(epilog="Example: earthline moon leave 0a1b2c3d4e")
def leave(moon: MoonArgument, as_json: AsJson = False) -> None:
    """Stop orbiting a moon."""
    world = _short(moon)
    found = call("DELETE", f"/moon/{world}")
    if as_json:
        show_json(found)
    else:
        say(f"no longer orbiting moon {world}")


@app.command(
    epilog="Example: earthline moon make --endpoint 192.0.2.1/9993, which writes the signed"
    " <ID>.moon, and <ID>.moon.json with its signing key: keep that file private."
)
def make(
    endpoint: Endpoints = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the files are written.")
    ] = Path(),
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make a moon with this node as its root."""
    wish = understand(endpoint or ())
    ask_about(wish, yes=yes)
    root = Root(_own_identity(), wish.endpoints)
    definition = _with_root(
        define_moon(root.identity, SigningKey.generate(secrets.token_bytes)), root
    )
    world = definition.issue(time.time_ns() // 1_000_000)
    file = out / world_file(world)
    secret = file.with_suffix(".moon.json")
    _write(secret, definition.emit().encode(), 0o600)
    _write(file, world.emit(), 0o644)
    tell_after(wish, yes=yes)
    if as_json:
        show_json({"id": f"{world.world_id:016x}", "file": str(file), "definition": str(secret)})
    else:
        say(f"wrote {file}, and its signing key to {secret}")
        say(f"next: `earthline moon install {file}` installs it here")


@app.command(epilog="Example: earthline moon install 000000deadbeef00.moon")
def install(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Install a moon's file into the home folder; the service reads it at its next start."""
    from earthline.runtime.base.files import make_folder, write_atomic  # noqa: PLC0415 - only needed here

    try:
        moon = World.parse(file.read_bytes())
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except Malformed:
        fail(f"{file} is not a moon: `earthline moon make` makes one")
    if moon.kind is not WorldKind.MOON:
        fail(f"{file} is a planet: `earthline planet install {file}` installs it")
    path = Session.home / "moons.d" / world_file(moon)
    try:
        make_folder(Session.home)
        write_atomic(path, moon.emit())
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")
    if as_json:
        show_json({"id": f"{moon.world_id:016x}", "file": str(path)})
    else:
        say(f"installed {file} as {path}: restart the service to orbit it")


def _own_identity() -> Identity:
    return Identity.parse(call("GET", "/status")["publicIdentity"])


def _with_root(definition: WorldDefinition, root: Root) -> WorldDefinition:
    try:
        return definition.with_roots([root])
    except DefinitionFault as fault:
        fail(str(fault))


def _write(file: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")


def _short(moon: str) -> str:
    """The 10 digits that paths of the API take; moons are listed with 16."""
    text = moon.strip()
    return hexadecimal(
        text[6:] if len(text) == 16 and text.startswith("0" * 6) else text, 10, "moon"
    )
