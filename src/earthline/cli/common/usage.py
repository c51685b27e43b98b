"""Command lines that make no sense are answered in one line with a next step."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import typer

from earthline.cli.common.output import warn

BAD_USAGE = 2
INTERRUPTED = 130

_UsageFault: Any = typer.BadParameter.__mro__[1]
"""What a bad command line raises; typer exports only this kind of it."""


def everywhere(words: list[str]) -> list[str]:
    """A command line with ``--home`` before the command and ``--json`` after everything.

    What follows ``--`` stays as it is.
    """
    end = words.index("--") if "--" in words else len(words)
    left, rest = words[:end], words[end:]
    home: list[str] = []
    kept: list[str] = []
    while left:
        word = left.pop(0)
        if word.startswith("--home="):
            home = [word]
        elif word != "--home":
            kept.append(word)
        elif left:
            home = [word, left.pop(0)]
        else:
            return [word]  # to be told what is missing
    if "--json" in kept:
        kept = [word for word in kept if word != "--json"] + ["--json"]
    return [*home, *kept, *rest]


def run(app: typer.Typer) -> NoReturn:
    """Run a program and end it with its status."""
    try:
        status = app(everywhere(sys.argv[1:]), standalone_mode=False)
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
