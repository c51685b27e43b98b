"""``earthline service``: the node as a systemd service, sandboxed and under a user of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import typer

from earthline.cli.output import Session, fail, say, say_text

USER = "zerotier-one"
"""That of the stock packages, so that a home folder can go from one to the other and back."""
UNIT = "earthline.service"
UNIT_FILE = Path("/etc/systemd/system") / UNIT
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""What the service sees nothing of, unless this program or the home folder is in there."""
POLKIT_FILE = Path("/etc/polkit-1/rules.d/50-earthline.rules")

app = typer.Typer(no_args_is_help=True, help="Run the node as a systemd service.")


def unit_text(home: Path) -> str:
    """The unit file for this installation and a home folder."""
    program = Path(sys.executable).with_name("earthline-one")
    in_homes = any(path.is_relative_to(folder) for path in (program, home) for folder in HOMES)
    protect_home = "read-only" if in_homes else "yes"
    return _template(UNIT).format(program=program, home=home, user=USER, protect_home=protect_home)


def polkit_text() -> str:
    """The rule that lets the service's user set the name servers of its networks."""
    return _template(POLKIT_FILE.name).replace("{user}", USER)


def _template(name: str) -> str:
    return files("earthline").joinpath("systemd", name).read_text("utf-8")


@app.command()
def show() -> None:
    """Print the unit file that `install` would write."""
    say_text(unit_text(Session.home.absolute()))


@app.command()
def install() -> None:
    """Write the unit, make its user and home folder, enable it and start it."""
    _demand_systemd()
    home = Session.home.absolute()
    _prepare(home)
    UNIT_FILE.write_text(unit_text(home), "utf-8")
    if POLKIT_FILE.parent.is_dir():
        POLKIT_FILE.write_text(polkit_text(), "utf-8")
    _run("systemctl", "daemon-reload")
    _run("systemctl", "enable", "--now", UNIT)
    say(f"{UNIT} runs on {home}: `systemctl status earthline` shows it")


@app.command()
def remove() -> None:
    """Stop the service and take its unit away. The home folder and the user stay."""
    _demand_systemd()
    if UNIT_FILE.exists():
        _run("systemctl", "disable", "--now", UNIT)
    UNIT_FILE.unlink(missing_ok=True)
    POLKIT_FILE.unlink(missing_ok=True)
    _run("systemctl", "daemon-reload")
    say(f"{UNIT} is gone, {Session.home} is as it was")


def _demand_systemd() -> None:
    if not Path("/run/systemd/system").is_dir():
        fail("systemd does not run here: start the node with `earthline up`")
    if os.geteuid() != 0:
        fail("this changes the system: try again as root")


def _prepare(home: Path) -> None:
    """Make the user and the home folder, and the one the other's."""
    from earthline.runtime.accounts import NoUser, make_user, stock_account  # noqa: PLC0415
    from earthline.runtime.home import Home, StartFault  # noqa: PLC0415
    from earthline.runtime.privileges import hand_over  # noqa: PLC0415

    try:
        make_user(home)
        Home(home).make()
        if (account := stock_account(home)) is not None:
            hand_over(home, account)
    except (NoUser, StartFault) as fault:
        fail(str(fault))


def _run(*words: str) -> None:
    """A command of the system that has to work, or its own complaint."""
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        fail(f"{words[0]} is not installed")
    except subprocess.CalledProcessError as error:
        complaint = error.stderr.strip().splitlines() or [f"status {error.returncode}"]
        fail(f"{' '.join(words)}: {complaint[-1]}")
