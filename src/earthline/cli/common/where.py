"""Which home folder a command speaks about when none was given, and what to say of one without an
answering service.

The service that runs is the one that is meant. That of stock is nobody's default but its own: a
command line that is to speak with ZeroTier One is told so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from earthline.cli.common.client import STOCK_HOME
from earthline.runtime.base.process import name_of
from earthline.runtime.home import running
from earthline.runtime.host import unit

DEFAULT_HOME = Path("/var/lib/earthline")
UNIT, UNIT_FILE = unit.UNIT, unit.UNIT_FILE
VARIABLES = ("EARTHLINE_HOME", "ZEROTIER_HOME")
"""Ours goes first; stock's is honoured since whoever sets it means it."""
WAIT_S = 10.0
"""A service gets as long to answer; a young one longer, for making an identity takes its time."""
_PAUSE_S = 0.1


class Undecided(Exception):
    """Several homes may be meant: one line."""


def find_home(*, wait: bool = True) -> Path:
    """That of the environment, of what runs, of the installed unit, or the default.

    ``wait``: a service that was started a moment ago is one that runs.
    """
    for name in VARIABLES:
        if named := os.environ.get(name):
            return Path(named)
    if wait:
        wait_while(lambda: not running.instances() and running.starting())
    homes = list(dict.fromkeys(each.home for each in running.instances()))
    if len(homes) == 1:
        return homes[0]
    if homes and DEFAULT_HOME not in homes:
        raise Undecided(f"several services run: {_listed()}; choose one with --home")
    return DEFAULT_HOME if homes else unit_home() or DEFAULT_HOME


def unit_home() -> Path | None:
    """The home folder of the installed systemd unit, if there is one."""
    return unit.home_of_unit(UNIT_FILE)


def wait_while(condition: Callable[[], bool]) -> None:
    """As long as that holds, but not for ever."""
    until = time.monotonic() + WAIT_S
    while condition() and time.monotonic() < until:
        time.sleep(_PAUSE_S)


def tries(home: Path) -> Iterator[None]:
    """Once, and again for as long as the service of a home may be about to answer."""
    until = time.monotonic() + WAIT_S
    yield
    while _is_coming(home, late=time.monotonic() > until):
        time.sleep(_PAUSE_S)
        yield


def _is_coming(home: Path, *, late: bool) -> bool:
    found = running.instance_on(home)
    if found is None:
        return running.starting()
    return not found.home_is_lost and (not late or running.is_young(found.pid))


def why_no_answer(home: Path) -> str:
    """What is the matter with a home whose service does not answer, and what to do: one line."""
    found = running.instance_on(home)
    if found is not None:
        if found.home_is_lost:
            return (
                f"the home folder {home} of the running service (pid {found.pid}) was deleted: "
                "restore it from a backup, or stop the service with `earthline down`"
            )
        return (
            f"the service on {home} (pid {found.pid}) runs but does not answer: "
            "`earthline logs` shows why"
        )
    if (stock := stock_pid(home)) is not None:
        return f"ZeroTier One (pid {stock}) runs on {home} but does not answer"
    if running.instances():
        return f"Earthline is not running for {home}. Running: {_listed()}: choose it with --home"
    start = f"start it with `{start_command(home)}`"
    return f"Earthline is not running for {home}: {start}{_beside_stock(home)}"


def start_command(home: Path) -> str:
    """The command that starts the service of a home."""
    if unit_home() == home:
        return unit.START
    return "earthline up" if home == DEFAULT_HOME else f"earthline up --home {home}"


def stock_pid(home: Path) -> int | None:
    """The process of ZeroTier One that runs on a home folder, if one does."""
    try:
        pid = int((home / "zerotier-one.pid").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return pid if name_of(pid) == "zerotier-one" else None


def _beside_stock(home: Path) -> str:
    pid = stock_pid(STOCK_HOME)
    if pid is None or home == STOCK_HOME:
        return ""
    return f" (ZeroTier One, pid {pid}, runs on {STOCK_HOME}: --home {STOCK_HOME} selects it)"


def _listed() -> str:
    return ", ".join(f"{each.home} (pid {each.pid})" for each in running.instances())
