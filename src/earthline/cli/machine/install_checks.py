"""What stands in the way of running this installation as a systemd service, found out beforehand.

Nothing here changes anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import earthline
from earthline import _native
from earthline.cli.common.client import STOCK_HOME
from earthline.cli.common.where import UNIT, stock_pid, wait_while
from earthline.cli.machine.systemd import STOCK_UNIT, answers
from earthline.runtime.home import running
from earthline.runtime.home.running import Instance
from earthline.runtime.host.accounts import USER, Account, stock_account
from earthline.runtime.host.privileges import first_closed
from earthline.runtime.settings.settings import SettingsFile
from earthline.runtime.sockets.port_holder import holder_of

DEFAULT_PORT = 9993
NOBODY = Account("nobody", 65534, 65534)
"""Has the rights of a system user that is not made yet."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What runs, or starts at boot, where the unit's service is to run."""

    by_hand: tuple[Instance, ...]
    """Services of ours that nothing but their terminal ends: on the same home or port."""
    stock_runs: bool
    stock_at_boot: bool
    others: str = ""
    """Who else has the port."""

    @property
    def stock(self) -> bool:
        return self.stock_runs or self.stock_at_boot


def look_beside(home: Path) -> Beside:
    """Look at this machine, for a service on a home folder; one that is starting is waited for."""
    wait_while(running.starting)
    port = _port(home)
    ours = [each for each in running.instances() if each.unit != UNIT]
    by_hand = tuple(
        each for each in ours if each.home == home or running.read_port(each.home) in {port, None}
    )
    stock_runs = answers("is-active", STOCK_UNIT)
    holder = holder_of(port)
    known: set[int | None] = {each.pid for each in running.instances()}
    if stock_runs:
        known |= {stock_pid(home), stock_pid(STOCK_HOME)}
    others = "" if holder is None or holder.pid in known else str(holder)
    return Beside(by_hand, stock_runs, answers("is-enabled", STOCK_UNIT), others)


def _port(home: Path) -> int:
    """Where the unit's service is to listen."""
    settings = SettingsFile(home / "local.conf")
    settings.load()
    return settings.parsed.settings.primary_port or DEFAULT_PORT


def obstacles(
    home: Path, program: Path, beside: Beside, *, stop_running: bool, replace_zerotier: bool
) -> Iterator[str]:
    """A line for each thing that has to be settled first."""
    if (closed := _closed_to_user(program, home)) is not None:
        yield (
            f"the service runs as user {USER}, which cannot read {closed}: install Earthline "
            "where every user can read it, such as a virtual environment in /opt/earthline, and "
            "run `earthline service install` there"
        )
    for each in () if stop_running else beside.by_hand:
        yield (
            f"a service already runs on {each.home} (pid {each.pid}), {_by(each)}: "
            f"`earthline service install --stop-running --home {each.home}` stops it and takes "
            "its home"
        )
    if beside.stock and not replace_zerotier:
        yield (
            f"{_stock_state(beside)}, and the two cannot run together: `earthline service install "
            f"--replace-zerotier` stops and disables it; what is in {STOCK_HOME} stays"
        )
    if beside.others:
        yield (
            f"port {_port(home)} is taken by {beside.others}: stop that, or set another port as "
            f"primaryPort in {home / 'local.conf'}"
        )


def _by(each: Instance) -> str:
    return f"started by {each.unit}" if each.unit else "started by hand"


def _stock_state(beside: Beside) -> str:
    states = ["runs"] if beside.stock_runs else []
    states += ["starts at boot"] if beside.stock_at_boot else []
    return f"{STOCK_UNIT} {' and '.join(states)}"


def _closed_to_user(program: Path, home: Path) -> str | None:
    """The first folder or file on the way that the service's user may not use; None if none is."""
    python = Path(sys.executable)
    needed = [
        *_way(program, os.R_OK | os.X_OK),
        *_way(python, os.X_OK),
        *_way(python.resolve(), os.X_OK),
    ]
    for module in (os.__file__, earthline.__file__, _native.__file__):
        needed += _way(Path(module), os.R_OK)
    needed += [(str(folder), os.X_OK) for folder in reversed(home.parents) if folder.exists()]
    return first_closed(stock_account(home) or NOBODY, needed) or None


def _way(path: Path, rights: int) -> Iterator[tuple[str, int]]:
    """The folders down to a file, and the file: the first one that is closed is the one to name."""
    yield from ((str(folder), os.X_OK) for folder in reversed(path.parents))
    yield str(path), rights
