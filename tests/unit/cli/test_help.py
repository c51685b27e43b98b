"""Every help screen: it is there, it fits, and the commands come in the order of use."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import pytest
import typer

from earthline.cli.app import ORDER, app
from earthline.lab.service import script

WIDTH = 80


def screens(command=None, words=()) -> Iterator[tuple[str, ...]]:
    command = command or typer.main.get_command(app)
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from screens(inner, (*words, name))


TOOLS = {("lab",), ("demo",)}
"""They have programs of their own behind them."""
ALL = sorted(set(screens()) - TOOLS)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [script("earthline"), *words]
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
@pytest.mark.parametrize("columns", [None, "80"], ids=["in a pipe", "80 columns"])
def test_screen_fits(words, columns, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    app([*words, "--help"], prog_name="earthline", standalone_mode=False)
    shown = capsys.readouterr().out
    assert f"Usage: {' '.join(('earthline', *words))}" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_letter_and_command_show_the_same_help():
    shown = run("network", "create", "--help").stdout
    assert run("network", "create", "-h").stdout == shown
    assert run("help", "network", "create").stdout == shown
    assert run("help").stdout == run("-h").stdout


def test_every_command_has_its_place_in_the_order():
    commands = typer.main.get_command(app).commands
    assert {name for name, command in commands.items() if not command.hidden} == set(ORDER)
    lines = run("--help").stdout.splitlines()
    shown = [words[1] for line in lines if (words := line.split())[:1] == ["│"] and len(words) > 2]
    assert [word for word in shown if word in ORDER and word != "help"] == [
        word for word in ORDER if word != "help"
    ]


GROUPS = [words for words in ALL if words and any(other[:-1] == words for other in ALL)]


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_group_without_a_command_shows_its_help(words, capsys):
    with contextlib.suppress(typer.BadParameter.__mro__[1]):
        app([*words], prog_name="earthline", standalone_mode=False)
    assert "Usage" in capsys.readouterr().out


def test_tools_behind_a_command_have_help_of_their_own():
    assert run("lab", "-h").stdout == run("lab", "--help").stdout
    assert "earthline lab" in run("help", "lab").stdout


def test_version_is_a_command_and_an_option():
    assert run("version").stdout.startswith(run("--version").stdout.strip())
