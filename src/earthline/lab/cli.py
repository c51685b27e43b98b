"""The ``earthline lab`` commands."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import say, show_json, show_table
from earthline.cli.common.table import Column
from earthline.lab.namespace import LabError, sweep_dead
from earthline.lab.nat import NatKind
from earthline.lab.nat_check import EXPECTED, measure
from earthline.lab.service import script
from earthline.lab.topology import Lab, missing

app = Commands(
    name="lab",
    help="Network namespaces with NATs on this machine.",
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


UP_COLUMNS = (Column("network"), Column("address"), Column("shell", sinks=True))
NAT_COLUMNS = (
    Column("kind"),
    Column("mapping", folds=True),
    Column("filtering", folds=True),
    Column("hairpin"),
    Column("as promised"),
)


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
def up(as_json: AsJson = False) -> None:
    """Build a playground: a public host, and a host behind each kind of NAT, until Ctrl-C."""
    with _ready("up"), Lab() as lab:
        hosts = [("public", lab.host("public"))]
        for index, kind in enumerate(NatKind):
            lan = "88.0.0.0/24" if kind is NatKind.OPEN else f"192.168.{index}.0/24"
            hosts.append((kind.value, lab.router(f"{kind}-router", kind, lan).host(kind.value)))
        if as_json:
            found = [
                {"network": network, "address": host.address, "namespace": host.namespace.name}
                for network, host in hosts
            ]
            show_json(found)
        else:
            rows = (
                (network, host.address, f"sudo ip netns exec {host.namespace.name} bash")
                for network, host in hosts
            )
            show_table(UP_COLUMNS, rows, "")
            say("Everything is removed on Ctrl-C.")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


@app.command()
def clean(as_json: AsJson = False) -> None:
    """Remove what dead runs left behind. What belongs to living ones is not touched."""
    with _ready("clean"):
        removed = sweep_dead()
    if as_json:
        show_json({"removed": removed})
    else:
        say(f"{len(removed)} namespaces and folders removed")


@app.command("nat-check")
def nat_check(as_json: AsJson = False) -> None:
    """Measure each kind of NAT and compare it with what its name promises."""
    with _ready("nat-check"), Lab() as lab:
        seen = {kind: measure(lab, kind) for kind in NatKind}
    right = {kind: seen[kind] == EXPECTED[kind] for kind in NatKind}
    if as_json:
        show_json(
            [
                {"kind": kind.value, "asPromised": right[kind]} | asdict(seen[kind])
                for kind in NatKind
            ]
        )
    else:
        rows = (
            (kind, each.mapping, each.filtering, _word(each.hairpin), _word(right[kind]))
            for kind, each in seen.items()
        )
        show_table(NAT_COLUMNS, rows, "")
    if not all(right.values()):
        raise typer.Exit(1)


def _word(answer: bool) -> str:
    return "yes" if answer else "no"
