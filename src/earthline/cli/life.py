"""``earthline up``, ``down`` and ``logs``: begin and end a service, and read what it says."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from earthline.cli.client import STOCK_HOME
from earthline.cli.output import Session, fail, say
from earthline.cli.systemd import systemctl
from earthline.cli.where import UNIT, stock_pid, unit_home, why_no_answer
from earthline.runtime.process import PROC
from earthline.runtime.running import Instance, instance_on

STOP_S = 15


class LogForm(Enum):
    """How ``up`` writes its log."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Primary port; 0: random.")] = 9993,
    no_earth: Annotated[bool, typer.Option("--no-earth", help="Never join Earth.")] = False,
    stay_root: Annotated[
        bool,
        typer.Option(
            "--stay-root",
            help="Stay root instead of becoming the home folder's owner, or else zerotier-one.",
        ),
    ] = False,
    log: Annotated[
        LogForm, typer.Option(help="Text or JSON; auto: text on a terminal.")
    ] = LogForm.AUTO,
) -> None:
    """Run the service in the foreground. Started as root, it becomes an ordinary user.

    That user may still create network devices and listen on low ports, and owns the home
    folder: that of --home or $EARTHLINE_HOME, else the installed unit's, else /var/lib/earthline.
    """
    from earthline.cli.one import end, serve  # noqa: PLC0415 - no part of a short command
    from earthline.runtime.accounts import account_for  # noqa: PLC0415

    home = Session.given or Session.find(wait=False)
    text = log is LogForm.TEXT or (log is LogForm.AUTO and sys.stderr.isatty())
    become = None if stay_root else account_for
    if text and _is_new(home) and not _is_new(STOCK_HOME):
        say(f"Creating a new node in {home}. To use that of {STOCK_HOME} instead, pass --home.")
    end(serve("earthline", home, port, join_earth=not no_earth, become=become, for_people=text))


def _is_new(home: Path) -> bool:
    return not os.path.exists(home / "identity.secret")  # noqa: PTH110 - of hidden ones, too


def down() -> None:
    """Stop the service, however it was started."""
    found = instance_on(Session.home)
    if found is None:
        _nothing_to_stop(Session.home)
    if (unit := found.unit) is not None:
        if os.geteuid() != 0:
            fail(f"{unit} runs the service on {found.home}: try again as root")
        systemctl("stop", unit)
    else:
        end_instance(found)
    say(f"stopped the service on {found.home} (pid {found.pid})")
    if unit is not None:
        say(f"it starts again at the next boot: `systemctl disable {unit}` prevents that")


def _nothing_to_stop(home: Path) -> NoReturn:
    if (stock := stock_pid(home)) is not None:
        fail(
            f"ZeroTier One (pid {stock}) runs on {home}, not Earthline: "
            "`systemctl stop zerotier-one` stops it"
        )
    fail(why_no_answer(home))


def end_instance(found: Instance) -> None:
    """SIGTERM to that process and to no other, and wait until it is gone."""
    try:
        process = os.pidfd_open(found.pid)
    except ProcessLookupError:
        return
    try:
        if instance_on(found.home) == found:
            signal.pidfd_send_signal(process, signal.SIGTERM)
            if not select.select([process], [], [], STOP_S)[0]:
                fail(f"the service (pid {found.pid}) was told to stop but still runs")
    except PermissionError:
        fail(f"the service (pid {found.pid}) belongs to another user: try again as root")
    finally:
        os.close(process)


def logs(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new lines.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Number of lines.")] = 100,
) -> None:
    """Show the service's log."""
    found = instance_on(Session.home)
    unit = UNIT if found is None and unit_home() == Session.home else None
    if found is not None:
        unit = found.unit
    more = ["-f"] if follow else []
    if unit is not None:
        _become("journalctl", "--unit", unit, "--output", "cat", "--lines", str(lines), *more)
    if found is None:
        fail(why_no_answer(Session.home))
    _become("tail", "--lines", str(lines), *more, _log_file(found))


def _log_file(found: Instance) -> str:
    """Where a service in the foreground writes to, if that is a file."""
    try:
        target = (PROC / str(found.pid) / "fd" / "2").readlink()
    except OSError:
        fail(f"the log of pid {found.pid} cannot be read by this user: try again as root")
    if not target.is_file():
        fail(f"the service (pid {found.pid}) writes its log to {target}, which is not a file")
    return str(target)


def _become(*words: str) -> NoReturn:
    if shutil.which(words[0]) is None:
        fail(f"{words[0]} is not installed")
    os.execvp(words[0], words)  # noqa: S606 - the words are ours
