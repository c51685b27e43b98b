"""How commands are declared: typer's, with help that people can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
import typer.core

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class _Command(typer.core.TyperCommand):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        _make_readable(self, ctx)
        super().format_help(ctx, formatter)


class Group(typer.core.TyperGroup):
    """Several commands under one name."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _make_readable(self, ctx)
        super().format_help(ctx, formatter)


class Commands(typer.Typer):
    """A group of commands, which shows its help where it is given none of them."""

    def __init__(self, **options: Any) -> None:
        own: dict[str, Any] = {
            "cls": Group,
            "no_args_is_help": True,
            "pretty_exceptions_enable": False,
        }
        super().__init__(**(own | {"context_settings": HELP_NAMES} | options))

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        return super().command(name, **({"cls": _Command} | options))


def _make_readable(command: Any, ctx: Any) -> None:
    """Leave out the types of Python, and let paragraphs flow."""
    command.help = _flowing(command.help or "")
    for param in command.get_params(ctx):
        # Flags take no value; what others take is said by their placeholders and their help.
        if getattr(param, "is_flag", False):
            param.metavar = ""
        elif param.param_type_name == "argument":
            param.display_type_rich = _nothing
        param._get_number_range_help_str = _nothing  # noqa: SLF001 - there is no other way


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _flowing(text: str) -> str:
    r"""Without line breaks inside of paragraphs, but for those that begin with ``\b``."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        paragraph if paragraph.lstrip().startswith("\b") else " ".join(paragraph.split())
        for paragraph in paragraphs
    )
