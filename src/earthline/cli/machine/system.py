"""``earthline service``: the node as a systemd service, sandboxed and under a user of its own."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthline.cli.common import where
from earthline.cli.common.commands import Commands
from earthline.cli.common.output import Session, fail, say, say_text, show_json, warn
from earthline.cli.common.where import UNIT
from earthline.cli.machine.life import end_instance
from earthline.cli.machine.systemd import STOCK_UNIT, attempt, demand_systemd, last_words, systemctl

if TYPE_CHECKING:
    from earthline.cli.machine.install_checks import Beside

USER = "zerotier-one"
"""That of the stock packages, so that a home folder can go from one to the other and back."""
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""What the service sees nothing of, unless this program or the home folder is in there."""
POLKIT_FILE = Path("/etc/polkit-1/rules.d/50-earthline.rules")

app = Commands(help="Run the node as a systemd service.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def unit_text(home: Path) -> str:
    """The unit file for this installation and a home folder."""
    program = _program()
    in_homes = any(path.is_relative_to(folder) for path in (program, home) for folder in HOMES)
    protect_home = "read-only" if in_homes else "yes"
    return _template(UNIT).format(program=program, home=home, user=USER, protect_home=protect_home)


def _program() -> Path:
    return Path(sys.executable).with_name("earthline-one")


def polkit_text() -> str:
    """The rule that lets the service's user set the name servers of its networks."""
    return _template(POLKIT_FILE.name).replace("{user}", USER)


def _template(name: str) -> str:
    return files("earthline").joinpath("systemd", name).read_text("utf-8")


@app.command()
def show(as_json: AsJson = False) -> None:
    """Print the unit file that `install` would write."""
    home = _home()
    if as_json:
        show_json({"unit": UNIT, "file": str(where.UNIT_FILE), "text": unit_text(home)})
    else:
        say_text(unit_text(home))


def _home() -> Path:
    """That which is named, which runs, which the unit has already, or the default."""
    return Session.home.absolute()


@app.command()
def install(
    stop_running: Annotated[
        bool,
        typer.Option("--stop-running", help="Stop the running service and use its home."),
    ] = False,
    replace_zerotier: Annotated[
        bool,
        typer.Option("--replace-zerotier", help="Stop and disable ZeroTier One's service."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the unit, make its user and home folder, enable it and start it.

    Checks first for obstacles, and changes nothing if there is one.
    """
    from earthline.cli.machine.install_checks import look_beside, obstacles  # noqa: PLC0415 - heavy
    from earthline.runtime.home.home import StartFault  # noqa: PLC0415

    demand_systemd()
    home = _home()
    try:
        beside = look_beside(home)
        lines = list(
            obstacles(
                home,
                _program(),
                beside,
                stop_running=stop_running,
                replace_zerotier=replace_zerotier,
            )
        )
    except StartFault as fault:
        lines = [str(fault)]
    if lines:
        for line in lines:
            warn(f"earthline: {line}")
        raise typer.Exit(1)
    stopped = _make_way(beside)
    if not as_json:
        say(*stopped)
    _prepare(home)
    where.UNIT_FILE.write_text(unit_text(home), "utf-8")
    if POLKIT_FILE.parent.is_dir():
        POLKIT_FILE.write_text(polkit_text(), "utf-8")
    systemctl("daemon-reload")
    systemctl("enable", UNIT)
    _start()
    if as_json:
        show_json({"unit": UNIT, "file": str(where.UNIT_FILE), "home": str(home)})
    else:
        say(f"{UNIT} runs on {home} and starts at boot: `earthline status` shows the node")


def _make_way(beside: Beside) -> list[str]:
    """Stop what the user said may be stopped; a line on each."""
    stopped = []
    for each in beside.by_hand:
        if each.unit is not None:
            systemctl("disable", "--now", each.unit)
        else:
            end_instance(each)
        stopped.append(f"stopped the service on {each.home} (pid {each.pid})")
    if beside.stock:
        systemctl("disable", "--now", STOCK_UNIT)
        stopped.append(f"stopped {STOCK_UNIT}, which no longer starts at boot")
    return stopped


def _start() -> None:
    """Also anew, since the unit or the program may be another one now.

    A service that cannot start would be tried again for ever: it is taken out, with the reason.
    """
    complaint = attempt("restart", UNIT)
    if complaint:
        reason = last_words(UNIT) or complaint
        attempt("disable", "--now", UNIT)
        fail(f"{UNIT} does not start, so it was disabled again: {reason}")


@app.command()
def remove(as_json: AsJson = False) -> None:
    """Stop the service and remove its unit. The home folder and the user stay."""
    demand_systemd()
    home = where.unit_home()
    if not where.UNIT_FILE.exists():
        fail(f"there is no {where.UNIT_FILE}: nothing to remove")
    take_out()
    if as_json:
        show_json({"unit": UNIT, "home": None if home is None else str(home)})
    else:
        say(f"{UNIT} was removed; {home or 'its home folder'} is unchanged")


def take_out() -> None:
    """Stop the unit's service, and remove what was installed for it."""
    systemctl("disable", "--now", UNIT)
    where.UNIT_FILE.unlink()
    POLKIT_FILE.unlink(missing_ok=True)
    systemctl("daemon-reload")


def _prepare(home: Path) -> None:
    """Make the user and the home folder, and the one the other's."""
    from earthline.runtime.home.home import Home, StartFault  # noqa: PLC0415
    from earthline.runtime.host.accounts import NoUser, make_user, stock_account  # noqa: PLC0415
    from earthline.runtime.host.privileges import hand_over  # noqa: PLC0415

    try:
        make_user(home)
        Home(home).make()
        if (account := stock_account(home)) is not None:
            hand_over(home, account)
    except (NoUser, StartFault) as fault:
        fail(str(fault))
