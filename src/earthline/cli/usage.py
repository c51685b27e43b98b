"""Command lines that make no sense are answered in one line with a next step."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any, NoReturn

import typer

from earthline.cli.output import warn

BAD_USAGE = 2
INTERRUPTED = 130

_UsageFault: Any = typer.BadParameter.__mro__[1]
"""What a bad command line raises; typer exports only this kind of it."""


def everywhere(words: list[str], *, tools: Collection[str] = ()) -> list[str]:
    """A command line with ``--home`` before the command and ``--json`` after it.

    What follows ``--``, or one of the tools with options of their own, stays as it is.
    """
    home: list[str] = []
    rest: list[str] = []
    left = list(words)
    command = ""
    while left and left[0] != "--" and command not in tools:
        word = left.pop(0)
        if word == "--home":
            home = [word, *left[:1]]
            del left[:1]
        elif word.startswith("--home="):
            home = [word]
        else:
            rest.append(word)
            command = command or ("" if word.startswith("-") else word)
    if "--json" in rest and command and rest.index("--json") < rest.index(command):
        rest.remove("--json")
        rest.append("--json")
    return [*home, *rest, *left]


def run(app: typer.Typer, *, tools: Collection[str] = ()) -> NoReturn:
    """Run a program and end it with its status."""
    try:
        status = app(everywhere(sys.argv[1:], tools=tools), standalone_mode=False)
    except typer.Abort:
        warn("earthline: stopped")
        status = INTERRUPTED
    except _UsageFault as fault:
        # Empty where nothing was said at all: the help is on the screen already.
        if message := " ".join(fault.format_message().split()):
            asked = fault.ctx.command_path if fault.ctx else "earthline"
            warn(f"earthline: {message.rstrip('.')}: see `{asked} --help`")
        status = BAD_USAGE
    sys.exit(status)
