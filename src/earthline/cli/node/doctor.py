"""``earthline doctor``: what is the matter, and what to do about it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline.cli.common.client import Client, NoService, read_token
from earthline.cli.common.output import Session, call, show_json, show_marked
from earthline.cli.common.stock_beside import is_ours, product
from earthline.cli.common.where import tries
from earthline.runtime.home.running import read_port

MARKS = {
    "fault": ("✗", "bold red"),
    "warning": ("!", "bold yellow"),
    "note": ("·", "bold"),
    "ok": ("✓", "green"),
    "do": ("  →", "bold"),
    "fact": ("   ", ""),
}
"""How each kind of line begins, and in what style."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Also show the checks that passed, and the evidence.")
    ] = False,
) -> None:
    """Diagnose this node and suggest fixes.

    Asks every root, so it takes a few seconds. Exit status 1: something does not work.
    """
    found = _report()
    if as_json:
        show_json(found)
    else:
        _show(found, every=every)
    if any(finding["severity"] == "fault" for finding in found["findings"]):
        raise typer.Exit(1)


def _report() -> dict[str, Any]:
    """The service's own diagnosis; without it, what can be seen from here."""
    home = Session.home
    port = _answering_port(home)
    if port is None:
        return _from_outside(running=False)
    if read_token(home) is None:
        return _from_outside(
            f"{home / 'authtoken.secret'} could not be read, so the service was not asked: try"
            " again as root.",
            running=True,
        )
    status = call("GET", "/status")
    if not is_ours(status):
        return _from_outside(
            f"{product(status)} runs on {home} and has no diagnosis of its own: these checks were"
            " made without it.",
            running=True,
        )
    answer: dict[str, Any] = call("GET", "/earthline/doctor")
    return answer


def _answering_port(home: Path) -> int | None:
    """The port of the service, once it answers: this one question is open to everybody."""
    for _ in tries(home):
        port = read_port(home)
        try:
            if port is not None and Client(port, "").request("GET", "/health").status == 200:
                return port
        except NoService:
            continue
    return None


def _from_outside(*unseen: str, running: bool) -> dict[str, Any]:
    from earthline.diagnosis.judge import report  # noqa: PLC0415 - rarely needed
    from earthline.runtime.probes.outside import look_outside  # noqa: PLC0415

    return report(asyncio.run(look_outside(Session.home, running=running, unseen=unseen)))


def _show(found: dict[str, Any], *, every: bool) -> None:
    shown = [item for item in found["findings"] if every or item["severity"] != "ok"]
    for item in shown:
        show_marked(*MARKS[item["severity"]], item["seen"])
        if item["do"]:
            show_marked(*MARKS["do"], item["do"])
        for fact in item["evidence"] if every else ():
            show_marked(*MARKS["fact"], fact)
    well = len(found["findings"]) - len(shown)
    if well:
        show_marked(
            *MARKS["ok"],
            f"{well} other {'check' if well == 1 else 'checks'} passed (--all lists them)",
        )
