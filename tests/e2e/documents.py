"""The blocks of code in a Markdown file, and what of them a test can run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

NOT_HERE = {
    "make demo": "tests/e2e/test_demo.py runs it, and this test may run where nothing can be built",
    "make install": "it builds; `wheel_of` and the members' block do what it does with the result",
    "make build": "it builds, and whoever runs a test has it behind him",
    "make test": "this is it",
    "make check": "it runs beside the tests",
    ".venv/bin/python -m pytest tests/unit -q": "`make test` has run it",
}
"""Commands that no test can run, and why."""


@dataclass(frozen=True)
class Block:
    """One block of code, as it stands."""

    document: str
    language: str
    text: str

    @property
    def runnable(self) -> str:
        """Without the lines that no test can run."""
        lines = self.text.splitlines(keepends=True)
        return "".join(line for line in lines if command(line) not in NOT_HERE)


def command(line: str) -> str:
    """A line of a shell block without its comment."""
    return line.partition(" #")[0].strip()


def blocks() -> list[Block]:
    """All of them, in the order in which a person meets them."""
    return [
        Block(document, *found)
        for document in DOCUMENTS
        for found in _BLOCK.findall((ROOT / document).read_text("utf-8"))
    ]
