"""Names that others give must not steer the terminal, nor break the commands, nor forge a line."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path

import pytest

from earthline import cli
from earthline.clean import clean
from earthline.cli.common.output import (
    fail,
    say,
    say_text,
    show_json,
    show_marked,
    show_table,
    warn,
)
from earthline.cli.stock import idtool, stock

HOSTILE = [
    "[/nope]",
    "[red]name[/red]",
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "one\n200 listnetworks two",
    "\u202eexe.txt",
    "\u2066hidden\u2069",
    "zero\u200bwidth",
]


def harmless(text):
    return all(character.isprintable() for line in text.splitlines() for character in line)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_shown_as_one_harmless_line(name, capsys):
    show_table(("name", "status"), [(name, "OK")], "none")
    shown = capsys.readouterr().out
    assert harmless(shown)
    assert len(shown.splitlines()) == 2


def test_markup_is_shown_as_it_stands(capsys):
    show_table(("name",), [("[/nope] [bold]x",)], "none")
    assert "[/nope] [bold]x" in capsys.readouterr().out


def test_words_of_any_script_stay_as_they_are():
    assert clean("Büro 東京 office №1") == "Büro 東京 office №1"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_json_says_the_same_and_is_harmless(name, capsys):
    show_json({name: [name, "Büro 東京"]})
    shown = capsys.readouterr().out
    assert harmless(shown)
    assert "Büro 東京" in shown
    assert json.loads(shown) == {name: [name, "Büro 東京"]}


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800", "\U000e0001"])
def test_hostile_text_is_one_line_wherever_earthline_says_it(name, capsys):
    say(name, f"note: {name}")
    warn(name)
    show_marked("!", "bold", f"the name {name} is none")
    show_table(("name",), [], name)
    with pytest.raises(SystemExit):
        fail(name)
    shown = capsys.readouterr()
    assert harmless(shown.out)
    assert harmless(shown.err)
    assert len(shown.out.splitlines()) == 4
    assert len(shown.err.splitlines()) == 2


def test_script_keeps_its_lines_and_tabs_and_nothing_else(capsys):
    say_text("drop\n\tnot ethertype ipv4\n# \x1b[2J\u202e\n;\n")
    assert capsys.readouterr().out == "drop\n\tnot ethertype ipv4\n#  [2J \n;\n"


PRINTERS = {"output.py"}
"""Where `earthline` prints; `earthline-cli` and `earthline-idtool` write once, at their end."""


def test_nothing_but_the_one_place_prints():
    for file in Path(cli.__file__).parent.rglob("*.py"):
        calls = [
            node.func
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call)
        ]
        names = {call.id for call in calls if isinstance(call, ast.Name)}
        methods = {ast.unparse(call) for call in calls if isinstance(call, ast.Attribute)}
        assert file.name in PRINTERS or not names & {"print", "Console"}, file
        assert file.name in PRINTERS or not methods & {"typer.echo", "typer.confirm"}, file


def test_foreign_text_is_escaped_by_the_programs_that_write_once():
    for module in (stock, idtool):
        main = ast.unparse(ast.parse(inspect.getsource(module.main)))
        assert "sys.stdout.write(escape(outcome.out))" in main
        assert "sys.stderr.write(escape(outcome.err))" in main
