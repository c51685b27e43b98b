"""Words of a script, each with its place (04, 13.2).

Lines count from 1; columns from 0 in the first line and from 1 in the others, as the stock compiler
counts them (04, 13.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from earthline.controller.rules_script.limits import MAX_SCRIPT

_WORD = re.compile(r"[^ \t\r\n]+")
_SHOWN = 40
"""Characters of a word that an error shows."""


class ScriptFault(Exception):
    """What is wrong with a script, and where. Its text is one line."""

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(f"line {line} column {column}: {reason}")
        self.line = line
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Word:
    """One word. ``closes``: a ``;`` was glued to it, or it is nothing but that."""

    text: str
    line: int
    column: int
    closes: bool = False

    @property
    def lower(self) -> str:
        return self.text.lower()

    @property
    def quoted(self) -> str:
        """The text for a message: short, in quotes, on one line."""
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        return repr(text)

    def fault(self, reason: str) -> ScriptFault:
        """A fault at this place."""
        return ScriptFault(self.line, self.column, reason)

    def saying(self, text: str) -> Word:
        """Another text at the same place."""
        return replace(self, text=text)


def read_words(script: str) -> Iterator[Word]:
    """The words of a script, comments left out. Raises `ScriptFault`."""
    if len(script) > MAX_SCRIPT:
        raise ScriptFault(1, 0, f"the script has more than {MAX_SCRIPT} characters")
    for number, line in enumerate(script.split("\n"), start=1):
        first = 0 if number == 1 else 1
        for found in _WORD.finditer(line):
            if found.group().startswith("#"):
                break
            yield _word(found.group(), number, found.start() + first)


def _word(written: str, line: int, column: int) -> Word:
    text = written.removesuffix(";")
    if text.endswith(";"):
        raise ScriptFault(line, column, "one ';' ends a block: put a blank between two of them")
    return Word(text, line, column, closes=text != written)
