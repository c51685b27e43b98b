"""Every help screen: it is there, it fits, and the commands come in the order of use."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator

import pytest
import typer

from earthline.cli.app import ORDER, app
from earthline.lab.cli import app as lab_app
from earthline.lab.demo import app as demo_app
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


PROGRAMS = {"": app, "lab": lab_app, "demo": demo_app}
EVERY = [
    pytest.param(program, words, id=" ".join((name, *words)).strip())
    for name, program in PROGRAMS.items()
    for words in screens(typer.main.get_command(program))
    if (words, name) not in {(("lab",), ""), (("demo",), "")}
]


@pytest.mark.parametrize(("program", "words"), EVERY)
def test_help_is_in_the_words_of_its_users(program, words, capsys):
    program([*words, "--help"], prog_name="earthline", standalone_mode=False)
    shown = capsys.readouterr().out
    assert not re.search(r"<\w+( \w+)?>(?!\.moon)", shown), "a type of Python"
    assert not re.search(r"\[[0-9.]*<?=?x", shown), "a range"
    assert not re.search(r"\(0\d, ", shown), "a section of the specification"
    assert not re.search(r"(?i)authoris|colour|behaviour|licence|\bcentre", shown)


@pytest.mark.parametrize(("program", "words"), EVERY)
def test_every_command_takes_json(program, words):
    command = typer.main.get_command(program)
    for word in words:
        command = command.commands[word]
    if hasattr(command, "commands"):
        return
    assert "--json" in {name for param in command.params for name in param.opts}


def test_version_is_a_command_and_an_option():
    assert run("version").stdout.startswith(run("--version").stdout.strip())
