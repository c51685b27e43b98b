"""``earthline up`` and ``down``: begin a service, and end one."""

from __future__ import annotations

import os
import select
import signal
from enum import Enum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from earthline.cli.common.client import STOCK_HOME
from earthline.cli.common.output import Session, fail, say, show_json
from earthline.cli.common.where import stock_pid, why_no_answer
from earthline.cli.machine.systemd import systemctl
from earthline.runtime.home.running import Instance, instance_on

STOP_S = 15


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class LogForm(Enum):
    """How ``up`` writes its log."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def up(
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Primary port; 0: random.")
    ] = 9993,
    no_earth: Annotated[bool, typer.Option("--no-earth", help="Never join Earth.")] = False,
    stay_root: Annotated[
        bool,
        typer.Option(
            "--stay-root",
            help="Stay root instead of becoming the home folder's owner, or else zerotier-one.",
        ),
    ] = False,
    log: Annotated[
        LogForm,
        typer.Option(
            metavar="auto|text|json",
            help="How to log; auto: text on a terminal and in the journal.",
        ),
    ] = LogForm.AUTO,
    as_json: Annotated[
        bool, typer.Option("--json", help="Log JSON, an object per line; same as --log json.")
    ] = False,
) -> None:
    """Run the service in the foreground. Started as root, it becomes an ordinary user.

    That user may still create network devices and listen on low ports, and owns the home
    folder: that of --home or $EARTHLINE_HOME, else the installed unit's, else /var/lib/earthline.
    """
    from earthline.cli.stock.one import end, serve  # noqa: PLC0415 - no part of a short command
    from earthline.runtime.base.logs import reads_text  # noqa: PLC0415
    from earthline.runtime.host.accounts import account_for  # noqa: PLC0415

    home = Session.given or Session.find(wait=False)
    wanted = LogForm.JSON if as_json else log
    text = reads_text() if wanted is LogForm.AUTO else wanted is LogForm.TEXT
    become = None if stay_root else account_for
    if text and _is_new(home) and not _is_new(STOCK_HOME):
        say(f"Creating a new node in {home}. To use that of {STOCK_HOME} instead, pass --home.")
    end(serve("earthline", home, port, join_earth=not no_earth, become=become, for_people=text))


def _is_new(home: Path) -> bool:
    return not os.path.exists(home / "identity.secret")  # noqa: PTH110 - of hidden ones, too


def down(as_json: AsJson = False) -> None:
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
    if as_json:
        show_json({"home": str(found.home), "pid": found.pid, "unit": unit})
        return
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
                fail(
                    f"the service (pid {found.pid}) was told to stop but still runs: "
                    "`earthline logs` shows why"
                )
    except PermissionError:
        fail(f"the service (pid {found.pid}) belongs to another user: try again as root")
    finally:
        os.close(process)
