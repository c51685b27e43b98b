"""Command lines that make no sense are answered in one line with a next step."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import typer

from earthline.cli.output import warn

BAD_USAGE = 2
INTERRUPTED = 130

_UsageFault: Any = typer.BadParameter.__mro__[1]
"""What a bad command line raises; typer exports only this kind of it."""


def run(app: typer.Typer) -> NoReturn:
    """Run a program and end it with its status."""
    try:
        status = app(standalone_mode=False)
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
