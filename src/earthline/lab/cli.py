"""The ``earthline lab`` commands."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import typer
from rich.console import Console
from rich.table import Table

from earthline.lab.namespace import LabError, sweep_dead
from earthline.lab.nat import NatKind
from earthline.lab.nat_check import EXPECTED, measure
from earthline.lab.service import script
from earthline.lab.topology import Lab, missing

app = typer.Typer(
    name="lab",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Network namespaces with NATs on this machine.",
    no_args_is_help=True,
)
_console = Console()


@contextlib.contextmanager
def _ready(command: str) -> Iterator[None]:
    """Say in one line why a lab cannot be built or went wrong, and exit 1."""
    reason = missing(f"{script('earthline')} lab {command}")
    if reason is not None:
        typer.echo(f"earthline lab: {reason}", err=True)
        raise typer.Exit(1)
    try:
        yield
    except LabError as error:
        typer.echo(f"earthline lab: {error}", err=True)
        raise typer.Exit(1) from error


@app.command()
def up() -> None:
    """Build a playground: a public host, and a host behind each kind of NAT, until Ctrl-C."""
    with _ready("up"), Lab() as lab:
        hosts = [("public", lab.host("public"))]
        for index, kind in enumerate(NatKind):
            lan = "88.0.0.0/24" if kind is NatKind.OPEN else f"192.168.{index}.0/24"
            hosts.append((kind.value, lab.router(f"{kind}-router", kind, lan).host(kind.value)))
        for network, host in hosts:
            shell = f"ip netns exec {host.namespace.name} bash"
            typer.echo(f"{network:<16} {host.address:<14} sudo {shell}")
        typer.echo("Everything is removed on Ctrl-C.")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


@app.command()
def clean() -> None:
    """Remove what dead runs left behind. What belongs to living ones is not touched."""
    with _ready("clean"):
        removed = sweep_dead()
    typer.echo(f"{len(removed)} namespaces and folders removed")


@app.command("nat-check")
def nat_check() -> None:
    """Measure each kind of NAT and compare it with what its name promises."""
    table = Table("kind", "mapping", "filtering", "hairpin", "as promised")
    wrong = 0
    with _ready("nat-check"), Lab() as lab:
        for kind in NatKind:
            seen = measure(lab, kind)
            right = seen == EXPECTED[kind]
            wrong += not right
            table.add_row(kind, seen.mapping, seen.filtering, _word(seen.hairpin), _word(right))
    _console.print(table)
    if wrong:
        raise typer.Exit(1)


def _word(answer: bool) -> str:
    return "yes" if answer else "no"
