"""The words of the glossary are those of the code, and the others are not said to users."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GLOSSARY = ROOT / "docs" / "glossary.md"

AS_STOCK = {"stock.py", "stock_arguments.py", "stock_dump.py", "one.py", "idtool.py"}
"""These say what stock programs say, to the letter."""


def rows(title: str | None = None) -> list[list[str]]:
    """The rows of the tables below one heading, or of those below all the others."""
    found, here = [], ""
    for line in GLOSSARY.read_text().splitlines():
        if line.startswith("#"):
            here = line.lstrip("# ")
        is_row = line.startswith("|") and not line.startswith(("|---", "| Word |", "| Not |"))
        if is_row and (here == NOT_SAID) == (title == NOT_SAID):
            found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


NOT_SAID = "Words not said to users"
TERMS = [
    (word, code.strip("`"))
    for words, _, code in rows()
    for word in re.findall(r"\*\*(\w+)\*\*", words)
]
SOURCES = "".join(
    path.read_text()
    for folder, kind in (("src", "*.py"), ("rust", "*.rs"))
    for path in sorted((ROOT / folder).rglob(kind))
)
FORBIDDEN = [word for words, _, _ in rows(NOT_SAID) for word in words.split(", ")]


def test_the_glossary_has_its_words():
    assert len(TERMS) > 35
    assert "supernode" in FORBIDDEN


@pytest.mark.parametrize(("word", "name"), TERMS)
def test_each_word_is_used_and_its_name_is_there(word, name):
    assert len(re.findall(rf"\b{word}s?\b", SOURCES, re.IGNORECASE)) > 2
    assert found(name) is not None


def found(name: str) -> object:
    """What a dotted name stands for: a module, and then what is in it."""
    parts = name.split(".")
    for at in range(len(parts), 0, -1):
        try:
            held: object = import_module(".".join(parts[:at]))
        except ModuleNotFoundError:
            continue
        for part in parts[at:]:
            held = getattr(held, part)
        return held
    raise AssertionError(f"{name} is no module")


@pytest.mark.parametrize("word", FORBIDDEN)
def test_users_are_not_told_words_that_are_not_ours(word):
    pattern = re.compile(rf"\b{re.escape(word)}(s|es)?\b", re.IGNORECASE)
    assert [where for where, text in told() if pattern.search(text)] == []


def told() -> Iterator[tuple[str, str]]:
    """Every text that users see: pages, and strings of the programs, help included."""
    for path in (
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs").glob("reference/*"),
    ):
        if path != GLOSSARY:
            yield str(path.relative_to(ROOT)), path.read_text()
    for folder in ("cli", "diagnosis", "api"):
        for path in sorted((ROOT / "src" / "earthline" / folder).rglob("*.py")):
            if path.name not in AS_STOCK:
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def test_a_word_that_is_not_ours_would_be_found(monkeypatch):
    monkeypatch.setitem(globals(), "told", lambda: [("here", "ask the Supernodes")])
    with pytest.raises(AssertionError):
        test_users_are_not_told_words_that_are_not_ours("supernode")
