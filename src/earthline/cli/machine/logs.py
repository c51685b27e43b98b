"""``earthline logs``: read what the service says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer

from earthline.cli.common.output import Session, fail, say_text, show_json, show_json_text
from earthline.cli.common.where import UNIT, unit_home, why_no_answer
from earthline.runtime.base.process import PROC
from earthline.runtime.home.running import Instance, instance_on


def logs(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new lines.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, metavar="N", help="Number of lines.")
    ] = 100,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON array of lines; with --follow one per line."),
    ] = False,
) -> None:
    """Show the service's log."""
    argv = _reader(lines, follow=follow, as_json=as_json)
    if shutil.which(argv[0]) is None:
        fail(f"{argv[0]} is not installed: start the node with `earthline up` to see its log")
    if not as_json and follow:
        _become(argv)
    if as_json and follow:
        _stream(argv)
        return
    read = _lines_of(argv)
    if as_json:
        show_json([_entry(line) for line in read])
    else:
        say_text("\n".join(read))


def _reader(lines: int, *, follow: bool, as_json: bool) -> list[str]:
    """The command that reads the log, be it in the journal or in a file."""
    found = instance_on(Session.home)
    unit = UNIT if found is None and unit_home() == Session.home else None
    if found is not None:
        unit = found.unit
    more = ["-f"] if follow else []
    if unit is not None:
        form = ["--output", "json" if as_json else "short", "--no-hostname"]
        return ["journalctl", "--no-pager", "--unit", unit, *form, "--lines", str(lines), *more]
    if found is None:
        fail(why_no_answer(Session.home))
    return ["tail", "--lines", str(lines), *more, _log_file(found)]


def _log_file(found: Instance) -> str:
    """Where a service in the foreground writes to, if that is a file."""
    try:
        target = (PROC / str(found.pid) / "fd" / "2").readlink()
    except OSError:
        fail(f"the log of pid {found.pid} cannot be read by this user: try again as root")
    if not target.is_file():
        fail(
            f"the service (pid {found.pid}) writes its log to {target}, which "
            "is not a file: look there"
        )
    return str(target)


def _lines_of(argv: list[str]) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        fail(f"{argv[0]}: {(done.stderr.strip().splitlines() or ['it failed'])[-1]}")
    return done.stdout.splitlines()


def _entry(line: str) -> dict[str, Any]:
    """A line of JSON as it is, text under ``text``; what the journal holds, with its time."""
    found = _object(line)
    if "MESSAGE" not in found:
        return found
    inner = _object(str(found["MESSAGE"]))
    seconds = int(found.get("__REALTIME_TIMESTAMP", 0)) / 1e6
    return {"timestamp": datetime.fromtimestamp(seconds, UTC).isoformat()} | inner


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"text": text}


def _stream(argv: list[str]) -> None:
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            show_json_text(json.dumps(_entry(line.rstrip("\n")), ensure_ascii=False))


def _become(argv: list[str]) -> NoReturn:
    os.execvp(argv[0], argv)  # noqa: S606 - the words are ours
