"""How a table is laid out: what is copied from it, an ID, an address or a path, stays in one piece.

On a terminal that is too narrow, a table first loses the columns that its screen can spare, then
moves the long ones below their row, and at last folds free text. A pipe has no width.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

GAP = "  "
INDENT = "    "
"""Of what stands below a row."""
MIN_TEXT = 12
"""Columns that free text keeps, however narrow the terminal."""
_UNIT = re.compile(r"[^\s`]*`[^`]*`[^\s`]*|\S+")
_WHOLE = re.compile(r"[0-9A-Fa-f.:%-]+|.*/.*")
"""A word that makes no sense in two pieces: hexadecimal digits, an address, a path."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and what may be done to it where the terminal is too narrow."""

    name: str
    spare: int = 0
    """It can be left out; that with the lowest number goes first. 0: never."""
    sinks: bool = False
    """It can move below the row."""
    folds: bool = False
    """It is free text: it can be broken into lines."""
    below: bool = False
    """It always stands below the row, and has no header."""
    styles: Mapping[str, str] = field(default_factory=dict)
    """By cell, in what style it is shown; see `earthline.cli.common.colors`."""


Paint = Callable[[str, str], str]
"""Puts a text into a style."""


Row = Sequence[Sequence[str]]
"""A cell for each column, a cell being its lines."""


def _plain(text: str, _style: str) -> str:
    return text


def lay_out(
    columns: Sequence[Column], rows: Sequence[Row], width: int | None, paint: Paint = _plain
) -> list[str]:
    """The header, then the rows; ``width`` in columns of the terminal, None for no limit."""
    shown = [at for at, column in enumerate(columns) if not column.below]
    sunk = [at for at, column in enumerate(columns) if column.below]
    widths = {at: _natural(columns[at], rows, at) for at in shown}
    if width is not None:
        _spare(columns, shown, widths, width)
        _sink(columns, shown, sunk, widths, width)
        _squeeze(columns, rows, shown, widths, width)
    header = [(column.name,) if at in shown else () for at, column in enumerate(columns)]
    lines = list(_row(columns, header, shown, widths))
    for row in rows:
        lines += _row(columns, row, shown, widths, paint)
        lines += _lines_below(row, sorted(sunk), width)
    return lines


def fold(text: str, width: int | None) -> list[str]:
    """A text broken at blanks, as it is indented; words only where they are longer than a line.

    A command in backquotes, which is there to be copied, is not broken if it fits in a line.
    """
    if width is None or cells(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip())]
    lines = [""]
    for word in _pieces(_units(text, width - len(indent)), width - len(indent)):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if not lines[-1] or cells(indent + longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [indent + line for line in lines]


def _units(text: str, width: int) -> Iterator[str]:
    """What stays together: words, and commands in backquotes if they fit in a line."""
    for unit in _UNIT.findall(text):
        yield from (unit,) if cells(unit) <= width else unit.split()


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _pieces(words: Iterable[str], width: int) -> Iterator[str]:
    """The words; of one that is too long, and may be broken, as much as goes into a line."""
    for word in words:
        rest = word
        while cells(rest) > max(width, 2) and not _WHOLE.fullmatch(word):
            end = len(rest)
            while cells(rest[:end]) > max(width, 2):
                end -= 1
            yield rest[:end]
            rest = rest[end:]
        yield rest


def _natural(column: Column, rows: Sequence[Row], at: int) -> int:
    return max(cells(column.name), *(cells(line) for row in rows for line in row[at]), 0)


def _total(shown: Sequence[int], widths: dict[int, int]) -> int:
    return sum(widths[at] for at in shown) + len(GAP) * (len(shown) - 1)


def _spare(columns: Sequence[Column], shown: list[int], widths: dict[int, int], width: int) -> None:
    """Leave out what the screen can spare, as long as it is too wide."""
    for at in sorted((at for at in shown if columns[at].spare), key=lambda at: columns[at].spare):
        if _total(shown, widths) > width:
            shown.remove(at)


def _sink(
    columns: Sequence[Column],
    shown: list[int],
    sunk: list[int],
    widths: dict[int, int],
    width: int,
) -> None:
    """Move columns below the row, if the free text cannot make up for their width."""
    for at in [at for at in shown if columns[at].sinks]:
        least = {i: min(widths[i], MIN_TEXT) if columns[i].folds else widths[i] for i in shown}
        if _total(shown, least) > width:
            shown.remove(at)
            sunk.append(at)


def _squeeze(
    columns: Sequence[Column],
    rows: Sequence[Row],
    shown: Sequence[int],
    widths: dict[int, int],
    width: int,
) -> None:
    """Take from the widest free text first; from whole words, which then stick out, at last."""
    text = [at for at in shown if columns[at].folds]
    for least in ({at: _longest(columns[at], rows, at) for at in text}, dict.fromkeys(text, 0)):
        while _total(shown, widths) > width:
            wide = [at for at in text if widths[at] > max(least[at], MIN_TEXT)]
            if not wide:
                break
            widths[max(wide, key=lambda at: widths[at])] -= 1


def _longest(column: Column, rows: Sequence[Row], at: int) -> int:
    """The header, or the longest word in the column that stays whole."""
    words = (word for row in rows for line in row[at] for word in line.split())
    whole = (cells(word) for word in words if _WHOLE.fullmatch(word))
    return max(cells(column.name), *whole, 0)


def _row(
    columns: Sequence[Column],
    row: Row,
    shown: Sequence[int],
    widths: dict[int, int],
    paint: Paint = _plain,
) -> Iterator[str]:
    """The lines of a row: as many as its tallest cell has."""
    tall = [
        [part for line in row[at] for part in fold(line, widths[at])]
        if columns[at].folds
        else row[at]
        for at in shown
    ]
    styles = [columns[at].styles.get(" ".join(row[at]), "") for at in shown]
    for line in range(max(map(len, tall), default=0)):
        parts = [cell[line] if line < len(cell) else "" for cell in tall]
        last = max((place for place, part in enumerate(parts) if part), default=-1)
        painted = (
            paint(part, style) + " " * (widths[at] - cells(part) if place < last else 0)
            for place, (at, part, style) in enumerate(zip(shown, parts, styles, strict=True))
        )
        yield GAP.join(list(painted)[: last + 1]).rstrip()


def _lines_below(row: Row, sunk: Sequence[int], width: int | None) -> Iterator[str]:
    room = None if width is None else width - len(INDENT)
    for at in sunk:
        for line in row[at]:
            if line:
                yield from (INDENT + part for part in fold(line, room))
