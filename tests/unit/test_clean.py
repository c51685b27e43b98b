"""Names that controllers give must not steer the terminal, nor break the commands."""

from __future__ import annotations

import pytest

from earthline.cli.clean import clean
from earthline.cli.output import show_table

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


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_shown_as_one_harmless_line(name, capsys):
    show_table(("name", "status"), [(name, "OK")], "none")
    shown = capsys.readouterr().out
    assert all(character.isprintable() for line in shown.splitlines() for character in line)
    assert len(shown.splitlines()) == 2


def test_markup_is_shown_as_it_stands(capsys):
    show_table(("name",), [("[/nope] [bold]x",)], "none")
    assert "[/nope] [bold]x" in capsys.readouterr().out


def test_words_of_any_script_stay_as_they_are():
    assert clean("Büro 東京 office №1") == "Büro 東京 office №1"
