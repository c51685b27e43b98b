"""``earthline doctor``: what is the matter, and what to do about it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from earthline.cli.client import Client, NoService, read_port, read_token
from earthline.cli.output import Session, call, show_json, show_marked

MARKS = {
    "fault": ("✗", "bold red"),
    "warning": ("!", "bold yellow"),
    "note": ("·", "bold"),
    "ok": ("✓", "green"),
    "do": ("  →", "bold"),
}
"""How each kind of line begins, and in what style."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show what is well, too.")] = False,
) -> None:
    """Find out what keeps this node from working, or from working well.

    Asks every root, so it takes some seconds. Exit status 1 means that something does not work.
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
    port, token = read_port(home), read_token(home)
    running = port is not None and _answers(port)
    if running and token is not None:
        answer: dict[str, Any] = call("GET", "/earthline/doctor")
        return answer
    if not running:
        return _from_outside(running=False)
    secret = home / "authtoken.secret"
    return _from_outside(
        f"{secret} could not be read, so the service was not asked: try again as root.",
        running=True,
    )


def _answers(port: int) -> bool:
    """Whether a service answers there; this one question is open to everybody."""
    try:
        return Client(port, "").request("GET", "/health").status == 200
    except NoService:
        return False


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
    well = len(found["findings"]) - len(shown)
    if well:
        show_marked(*MARKS["ok"], f"{well} more things are well: --all shows them")
