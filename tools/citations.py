#!/usr/bin/env python3
"""Find each citation of the protocol description that names no heading of it.

A citation is the number of a document, a comma, and one or more headings of it: `(02, 4.10)`,
`(02, 3.4 and 3.5)`, `(01, 3.4-3.8)`, `(01, 4; 02, 4.2)`, `(01, appendix A)`. A numbered step, item
or row of a section comes behind it: `(01, 3.6, step 2)`. Prints what is wrong, a line each, and
exits with 1 if anything is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROTOCOL = ROOT / "docs" / "protocol"

SUFFIXES = (".py", ".pyi", ".rs", ".md", ".toml", ".sh")

_HEADING = re.compile(r"^#{1,6} (?:Appendix )?(\d+(?:\.\d+)*|[A-Z])\.? (.*)$")

# A line of a list or a table that a citation may name: "3. text", "b. text" or "| 8 | text".
_NUMBERED = re.compile(r"^ *(?:(\d+|[a-z])\. |\| *(\d+) *\|)")

_SECTION = r"(?:appendix [A-Z]|(?:0|[1-9]\d*)(?:\.\d+)?[a-z]?\b)"
_BETWEEN = r"(?:, | and | to |-)"
_PARTS = rf"(?:, (?:steps?|items?|rows?) \d+(?:{_BETWEEN}\d+)*)?"
_CITATION = re.compile(
    rf"(?<![\w.:-])(?P<document>0[1-6]), (?P<sections>{_SECTION}(?:{_BETWEEN}{_SECTION})*)"
    rf"(?P<parts>{_PARTS})"
)
_BEGINS_LIKE_ONE = re.compile(r"\((?=(0[1-6]),)")
_NAMES_NO_DOCUMENT = re.compile(rf"(?<=\s)\(\d+\.\d+(?:{_BETWEEN}\d+\.\d+)*{_PARTS}\)")

# How a document refers to itself and to its siblings.
_OWN_SECTION = re.compile(r"§(\d+(?:\.\d+)*)")
_SIBLING = re.compile(r"\]\((0[1-6])-[a-z0-9-]+\.md\)(?: section)? (\d+(?:\.\d+)*)")

# What begins a line of a comment, so that a citation may be broken between two of them.
_COMMENT = re.compile(r"\n[ \t]*(?://[/!]?|#)?[ \t]*")


class Description:
    """The headings of the six documents, and the numbered lines below each."""

    def __init__(self, folder: Path = PROTOCOL) -> None:
        self.titles: dict[tuple[str, str], str] = {}
        self.parts: dict[tuple[str, str], set[str]] = {}
        for path in sorted(folder.glob("0[1-6]-*.md")):
            self._read(path.name[:2], path.read_text())

    def _read(self, document: str, text: str) -> None:
        here: tuple[str, str] | None = None
        for line in text.splitlines():
            if match := _HEADING.match(line):
                here = (document, match[1])
                self.titles[here] = match[2]
                self.parts[here] = set()
            elif here and (match := _NUMBERED.match(line)):
                self.parts[here].add(match[1] or match[2])

    def faults(self, document: str, sections: str, parts: str) -> Iterator[str]:
        """What of one citation is not there."""
        names = [match[0] for match in _names(sections)]
        for name in names:
            section, letter = _split(name)
            if (document, section) not in self.titles:
                yield f"{document} has no section {section}"
            elif letter and letter not in self.parts[document, section]:
                yield f"{document}, {section} has no {letter}"
        last, _ = _split(names[-1])
        for number in re.findall(r"\d+", parts):
            if number not in self.parts.get((document, last), {number}):
                yield f"{document}, {last} has no numbered {number}"
        for first, last in _ranges(sections):
            if first >= last:
                yield f"{document}: nothing is from {sections}"


def _names(sections: str) -> Iterator[re.Match[str]]:
    return re.finditer(r"\b[A-Z]\b|\d+(?:\.\d+)?[a-z]?", sections)


def _split(name: str) -> tuple[str, str]:
    """A section, and the letter of a paragraph in it, or nothing."""
    return (name[:-1], name[-1]) if name[-1].islower() else (name, "")


def _ranges(sections: str) -> Iterator[tuple[list[int], list[int]]]:
    """The ends of each range, as numbers that compare."""
    for first, last in re.findall(r"(\d[\d.]*)(?: to |-)(\d[\d.]*)", sections):
        yield [int(n) for n in first.split(".")], [int(n) for n in last.split(".")]


def _joined(text: str) -> tuple[str, list[int]]:
    """The lines of a text as one, without what begins a comment, and where in it each starts."""
    starts, pieces, length, offset = [0], [], 0, 0
    for match in _COMMENT.finditer(text):
        piece = text[offset : match.start()] + " "
        pieces.append(piece)
        length += len(piece)
        starts.append(length)
        offset = match.end()
    return "".join([*pieces, text[offset:]]), starts


def check(text: str, description: Description, *, code: bool = True) -> list[tuple[int, str]]:
    """What is wrong with the citations of a text: line, and what.

    Of ``code`` a bare `(4.10)` counts, too: which document it is of only its writer knew.
    """
    joined, starts = _joined(text)
    cited = {match.start(): match for match in _CITATION.finditer(joined)}
    found = []
    for at, match in cited.items():
        faults = description.faults(match["document"], match["sections"], match["parts"])
        found += [(bisect_right(starts, at), fault) for fault in faults]
    for match in _BEGINS_LIKE_ONE.finditer(joined):
        if match.end() not in cited:
            found.append((bisect_right(starts, match.start()), f"({match[1]}, and no section"))
    for match in _NAMES_NO_DOCUMENT.finditer(joined if code else ""):
        found.append((bisect_right(starts, match.start()), f"{match[0]} names no document"))
    return sorted(found)


def check_document(name: str, text: str, description: Description) -> list[tuple[int, str]]:
    """What is wrong with how a document of the description refers to itself and its siblings."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        named = [(name[:2], section) for section in _OWN_SECTION.findall(line)]
        for document, section in named + _SIBLING.findall(line):
            if (document, section) not in description.titles:
                found.append((number, f"{document} has no section {section}"))
    return found


def files() -> list[Path]:
    """What may cite: all that is ours and is text."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    own = {Path(__file__).name, f"test_{Path(__file__).name}"}
    paths = [ROOT / name for name in listed if name.endswith(SUFFIXES)]
    return [path for path in paths if path.is_file() and path.name not in own]


def wrong() -> list[str]:
    """A line for each wrong citation of the whole tree."""
    description = Description()
    lines = []
    for path in files():
        text = path.read_text()
        if path.parent == PROTOCOL:
            found = check_document(path.name, text, description)
        else:
            found = check(text, description, code=path.suffix != ".md")
        lines += [f"{path.relative_to(ROOT)}:{line}: {fault}" for line, fault in found]
    return lines


if __name__ == "__main__":
    lines = wrong()
    print(*lines, sep="\n" if lines else "")
    sys.exit(bool(lines))
