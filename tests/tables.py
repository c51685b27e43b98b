"""Tables that others can fill: the documented ones, and what fills each of them in earnest.

A filler makes entries as those would who can: some of an honest holder, then more than there is
room for of a stranger, then another honest one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "security.md"
MORE = 50
"""So many entries of a stranger are beyond the bound."""

K = TypeVar("K")


@dataclass(frozen=True)
class Filler:
    """The bound as the code has it, and the test."""

    bound: int
    fill: Callable[[], None]


FILLERS: dict[str, Filler] = {}
"""By the names in the document."""


def fills(name: str, bound: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Declare what fills a table."""

    def declare(fill: Callable[[], None]) -> Callable[[], None]:
        assert name not in FILLERS, f"two fillers of: {name}"
        FILLERS[name] = Filler(bound, fill)
        return fill

    return declare


def documented() -> dict[str, int]:
    """The bound of each table by its name, as the section "Tables" has them."""
    section = DOCUMENT.read_text().partition("\n## Tables\n")[2].partition("\n## ")[0]
    row = re.compile(r"^\| ([^|]+) \| ([\d,]+) \| [^|]+ \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
    rows = row.findall(section)
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) == len(lines) - 2, "a row that is none"
    return {name: int(bound.replace(",", "")) for name, bound in rows}


def rust(file: str, constant: str) -> int:
    """A constant of the data plane."""
    text = (ROOT / "rust" / file).read_text()
    found = re.search(rf"\bconst {constant}: \w+ = ([^;]+);", text)
    assert found, constant
    first, _, second = found[1].partition("<<")
    return int(first.replace("_", "")) << int(second or 0)


def overfill(
    honest: Callable[[int], K],
    stranger: Callable[[int], K],
    kept: Callable[[K], bool],
    size: Callable[[], int],
    bound: int,
) -> None:
    """Both make entries by numbers, and give their keys; ``bound``: that of the very object."""
    early = [honest(number) for number in range(3)]
    flood = [stranger(number) for number in range(bound + MORE)]
    assert size() == bound
    late = honest(3)
    assert size() == bound
    assert [kept(key) for key in (*early, late)] == [True] * 4, "crowded out"
    assert kept(flood[-1]), "the newest was refused"
    assert not kept(flood[0])


def fill_alone(
    stranger: Callable[[int], K], kept: Callable[[K], bool], size: Callable[[], int], bound: int
) -> None:
    """Of a table that has one holder, or a holder for each entry: the oldest goes."""
    flood = [stranger(number) for number in range(bound + MORE)]
    assert size() == bound
    assert [kept(key) for key in flood] == [False] * MORE + [True] * bound
