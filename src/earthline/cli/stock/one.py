"""``earthline-one``: the daemon, with the stock daemon's options (05, 4)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from earthline import STOCK_VERSION
from earthline.cli.common.client import stock_home

if TYPE_CHECKING:
    from earthline.runtime.host.accounts import Account

USAGE = """\
Earthline, compatible with ZeroTier One {version}
Usage: {program} [-switches] [home folder]

Available switches:
  -h                - Display this help
  -v                - Show version
  -U                - Skip the check for root
  -p<port>          - Port for UDP and the local API (default: 9993, 0 to randomize)
  -d                - Fork and run as a daemon
  --no-earth        - Never join the planet's Earth
  -i ...            - Identity tool with the remaining arguments
  -q ...            - Command line client with the remaining arguments
"""
DEFAULT_PORT = 9993


class Finish(Exception):
    """End the program: exit status, and what to print on standard output."""

    def __init__(self, status: int, out: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.out = out


@dataclass(slots=True)
class Arguments:
    """The command line, parsed."""

    program: str
    home: Path = field(default_factory=stock_home)
    port: int = DEFAULT_PORT
    fork: bool = False
    skip_root_check: bool = False
    join_earth: bool = True

    @property
    def usage(self) -> str:
        return USAGE.format(program=self.program, version=STOCK_VERSION)


def parse_arguments(argv: list[str]) -> Arguments:
    """Raises `Finish` where there is nothing to run. A port may be glued to -p, or follow it."""
    arguments = Arguments(Path(argv[0]).name)
    homes: list[str] = []
    rest = argv[1:]
    while rest:
        argument = rest.pop(0)
        if argument == "--no-earth":
            arguments.join_earth = False
        elif not argument.startswith("-"):
            homes.append(argument)
        elif argument.startswith("-p"):
            value = argument[2:]
            if not value and rest and rest[0].isdigit():
                value = rest.pop(0)
            arguments.port = _port(arguments, value)
        else:
            _switch(arguments, argument)
    if len(homes) > 1:
        raise Finish(0, arguments.usage)
    if homes:
        arguments.home = Path(homes[0])
    return arguments


def _port(arguments: Arguments, value: str) -> int:
    """A number, where anything else counts as 0."""
    port = int(value) if value.isascii() and value.isdigit() else 0
    if port > 0xFFFF:
        raise Finish(1, arguments.usage)
    return port


def _switch(arguments: Arguments, argument: str) -> None:
    match argument:
        case "-U":
            arguments.skip_root_check = True
        case "-d":
            arguments.fork = True
        case "-v":
            raise Finish(0, f"{STOCK_VERSION}\n")
        case _:
            raise Finish(0, arguments.usage)


def serve(
    program: str,
    home: Path,
    port: int,
    *,
    join_earth: bool = True,
    fork: bool = False,
    become: Callable[[Path], Account | None] | None = None,
    for_people: bool | None = None,
) -> int:
    """Run the service on a home folder until it is told to stop; the exit status.

    ``fork``: in the background, once the home is ours. ``become``: which user to be instead of root
    (05, 10.3), before anything in the home is touched. ``for_people``: how the log is written;
    left out, it depends on who reads it.
    """
    from earthline.runtime.base.logs import configure_logs  # noqa: PLC0415
    from earthline.runtime.home.container import fill_home  # noqa: PLC0415 - no part of help or version
    from earthline.runtime.home.home import Home, StartFault  # noqa: PLC0415
    from earthline.runtime.home.running import make_room, noted  # noqa: PLC0415
    from earthline.runtime.host.privileges import confine_process, drop_privileges  # noqa: PLC0415

    configure_logs(for_people=for_people)
    held = Home(home.absolute())
    try:
        held.make()
        account = None if become is None else become(held.path)
        if account is not None:
            make_room(account.uid, account.gid)
        make_room(os.geteuid(), os.getegid())  # for where we stay who we are
        drop_privileges(held.path, account)
        held.claim()
        fill_home(held.path, os.environ)
        if fork:
            _fork()
        with noted(held.path):
            # Heavy: commands that look for a service are to see meanwhile that there is one.
            from earthline.api.run import run  # noqa: PLC0415

            confine_process()
            run(held, port, join_earth=join_earth)
    except (StartFault, OSError) as fault:
        from earthline.cli.common.output import warn  # noqa: PLC0415

        warn(f"{program}: fatal error: {_in_words(fault)}")
        return 1
    finally:
        held.release()
    return 0


def _in_words(fault: Exception) -> str:
    """A fault of the system is told with the file that it is about; one without is ours."""
    if isinstance(fault, OSError):
        if fault.filename is None:
            raise fault
        return f"{fault.filename}: {fault.strerror}"
    return str(fault)


def end(status: int) -> NoReturn:
    """Leave without taking the interpreter apart: all is closed, and that would be slow."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _fork() -> None:
    """The parent ends well; the child goes on."""
    if os.fork() > 0:
        os._exit(0)


def main() -> None:
    """Run the daemon as the command line says."""
    try:
        arguments = parse_arguments(sys.argv)
    except Finish as outcome:
        sys.stdout.write(outcome.out)
        sys.exit(outcome.status)
    if os.geteuid() != 0 and not arguments.skip_root_check:
        sys.stderr.write(f"{arguments.program}: must be run as root (uid 0)\n")
        sys.exit(1)
    from earthline.runtime.host.accounts import stock_account  # noqa: PLC0415

    status = serve(
        arguments.program,
        arguments.home,
        arguments.port,
        join_earth=arguments.join_earth,
        fork=arguments.fork,
        become=None if arguments.skip_root_check else stock_account,
    )
    end(status)
