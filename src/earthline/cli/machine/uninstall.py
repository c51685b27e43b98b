"""``earthline uninstall``: take the service off this machine, and say what stays."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated

import typer

from earthline.cli.common import where
from earthline.cli.common.output import Session, fail, say, show_json
from earthline.cli.machine.system import USER, take_out
from earthline.cli.machine.systemd import demand_systemd
from earthline.runtime.home.running import instance_on


def uninstall(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Stop the systemd service, remove its unit, and say what stays and how to remove that.

    Nothing of the node itself is deleted: its identity cannot be made again.
    """
    home = where.unit_home() or Session.home
    removed = where.UNIT_FILE.exists()
    if removed:
        demand_systemd()
        take_out()
    elif (running := instance_on(home)) is not None:
        fail(
            f"the service on {home} (pid {running.pid}) was started by hand: "
            "stop it with `earthline down` first"
        )
    program, command = _program()
    if as_json:
        document = {"removed": where.UNIT if removed else None, "home": str(home)}
        show_json(document | {"program": str(program), "toRemoveProgram": command})
        return
    say(f"removed {where.UNIT}" if removed else f"there was no {where.UNIT_FILE} to remove")
    say("what stays:")
    say(
        f"  {home}: the node's identity, networks and keys; keep a copy before you delete it",
        f"  the system user {USER}, if there is one: `userdel {USER}`",
        f"  the program in {program}: `{command}`",
    )


def _program() -> tuple[Path, str]:
    """Where the installed program is, and what removes it."""
    folder = Path(sys.prefix)
    try:
        installer = (distribution("earthline").read_text("INSTALLER") or "").strip()
    except PackageNotFoundError:
        installer = ""
    if "pipx" in folder.parts:
        return folder, "pipx uninstall earthline"
    if installer == "uv" and "tools" in folder.parts:
        return folder, "uv tool uninstall earthline"
    return folder, f"{sys.executable} -m pip uninstall earthline"
