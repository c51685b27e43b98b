"""The programs of this package, each by all of its names.

The stock programs are one file with three names, two of them links, and packages and scripts make
such links (05, 1). Here any program may be a link to any other::

    ln -s earthline-one zerotier-cli

The name counts wherever it stands in that of the file, such as ``zerotier-cli.real``. Stock looks
for it in the folders before that, too, where it is nobody's intention.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

IDTOOL, CLIENT, DAEMON, PEOPLE = "stock.idtool", "stock.stock", "stock.one", "app"
"""Modules of this package, each with a ``main``."""
NAMES = (
    (("zerotier-idtool", "earthline-idtool"), IDTOOL),
    (("zerotier-cli", "earthline-cli"), CLIENT),
    (("zerotier-one", "earthline-one"), DAEMON),
)
"""In this order, as stock looks for them."""


def program_of(argv: list[str], otherwise: str) -> str:
    """Which program is meant; ``otherwise`` where the name says nothing."""
    name = Path(argv[0]).name
    found = (program for names, program in NAMES if any(each in name for each in names))
    program = next(found, otherwise)
    return _asked_for(argv) if program == DAEMON else program


def _asked_for(argv: list[str]) -> str:
    """The daemon is the others, too, when asked by ``-i`` or ``-q``: the first of them decides."""
    switches = {"-i": IDTOOL, "-q": CLIENT}
    return next((switches[word] for word in argv[1:] if word in switches), DAEMON)


def arguments_of(argv: list[str], program: str) -> list[str]:
    """The command line as the program is to read it.

    The identity tool's begins behind ``-i``; the client skips ``-q`` by itself.
    """
    return [argv[0], *argv[2:]] if program == IDTOOL and argv[1:2] == ["-i"] else argv


def _run(otherwise: str) -> None:
    program = program_of(sys.argv, otherwise)
    sys.argv = arguments_of(sys.argv, program)
    main: Callable[[], None] = importlib.import_module(f"earthline.cli.{program}").main
    main()


def earthline() -> None:
    """Console script ``earthline``."""
    _run(PEOPLE)


def earthline_one() -> None:
    """Console script ``earthline-one``."""
    _run(DAEMON)


def earthline_cli() -> None:
    """Console script ``earthline-cli``."""
    _run(CLIENT)


def earthline_idtool() -> None:
    """Console script ``earthline-idtool``."""
    _run(IDTOOL)
