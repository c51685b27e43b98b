"""``earthline config``: what is in effect, and where it is written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline.cli.common import where
from earthline.cli.common.output import Session, call, fail, say, show_facts, show_json, show_table
from earthline.cli.common.stock_beside import is_ours, product
from earthline.cli.common.table import Column
from earthline.runtime.home.running import Instance, instance_on

FILES = {
    "local.conf": "settings, read again when they change",
    "identity.secret": "who this node is: keep a copy of it, and keep it private",
    "planet": "the roots",
    "planet.signing.json": "signs the planet of this root: keep a copy, and keep it private",
    "authtoken.secret": "opens the API to programs of this host",
    "controller.d": "the networks that this node controls",
    "networks.d": "the networks that it joined",
    "moons.d": "the moons that it orbits",
}
"""What is in a home folder."""


def config(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the settings in effect, and the files they and all else of this node are in.

    Settings are changed by editing local.conf, where they are below "settings". A running service
    takes over most of them within seconds; it logs those that wait for a restart.
    """
    home = Session.home
    running = instance_on(home)
    stored, effective, runs = _settings(home)
    rows = _rows(stored, effective)
    files = {name: home / name for name in FILES}
    if as_json:
        show_json(
            {
                "home": str(home),
                "homeFrom": _home_from(running),
                "service": runs,
                "pid": None if running is None else running.pid,
                "unit": None if where.unit_home() is None else str(where.UNIT_FILE),
                "files": {name: str(path) for name, path in files.items() if _is_there(path)},
                "settings": {name: value for name, value, _ in rows},
                "changed": sorted(stored),
            }
        )
        return
    show_facts(
        [
            ("home", f"{home} ({_home_from(running)})"),
            ("service", runs if running is None else f"{runs}, pid {running.pid}"),
            ("unit", where.UNIT_FILE if where.unit_home() else "none: `earthline service install`"),
        ]
    )
    say("")
    there = [(name, meaning) for name, meaning in FILES.items() if _is_there(files[name])]
    show_table((Column("file"), Column("holds", folds=True)), there, f"nothing is in {home} yet")
    say("")
    columns = (Column("setting"), Column("value", folds=True), Column("from"))
    show_table(columns, [(name, _text(value), origin) for name, value, origin in rows], "")


def _home_from(running: Instance | None) -> str:
    if Session.given is not None:
        return "named by --home"
    for name in where.VARIABLES:
        if os.environ.get(name):
            return f"named by ${name}"
    if running is not None:
        return "of the service that runs"
    return "of the installed unit" if where.unit_home() else "the default"


def _settings(home: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What is written in local.conf, what the service made of it, and who that service is."""
    if instance_on(home) is None and where.stock_pid(home) is None:
        return _written(home), {}, f"not running: `{where.start_command(home)}` starts it"
    found = call("GET", "/status")
    stored = call("GET", "/config").get("settings") if is_ours(found) else None
    return stored if isinstance(stored, dict) else {}, found["config"]["settings"], product(found)


def _written(home: Path) -> dict[str, Any]:
    from earthline.runtime.home.home import StartFault  # noqa: PLC0415 - heavy
    from earthline.runtime.settings.settings import SettingsFile  # noqa: PLC0415

    file = SettingsFile(home / "local.conf")
    try:
        file.load()
    except StartFault as fault:
        fail(str(fault))
    except PermissionError:
        fail(f"cannot read {file.path}: try again as root")
    found = file.shown.get("settings")
    return found if isinstance(found, dict) else {}


def _rows(stored: dict[str, Any], effective: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Name, value and origin of each setting that does something, and of all that are written."""
    from earthline.runtime.settings.settings import ServiceSettings, in_use  # noqa: PLC0415 - heavy

    defaults = ServiceSettings().model_dump(mode="json", by_alias=True)
    known = {name: value for name, value in defaults.items() if name in in_use()}
    values = {**known, **{name: effective[name] for name in known if name in effective}, **stored}
    return [
        (name, value, "local.conf" if name in stored else "default")
        for name, value in sorted(values.items())
    ]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value or "-"
    return "-" if value in (None, [], {}) else json.dumps(value)


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True
