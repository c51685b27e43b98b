"""Reading our sources: their names, what is said of them, and the calls in them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "earthline"
MEANINGS = ROOT / "tools" / "pages" / "meanings.toml"


class Undocumented(Exception):
    """Something that a page must show has no words: one line that says where to write them."""


def meanings(kind: str) -> Mapping[str, str]:
    """What names of a kind mean, where the code has no better place for it."""
    table: Mapping[str, str] = tomllib.loads(MEANINGS.read_text())[kind]
    return table


def demand_same(kind: str, named: set[str], told: Mapping[str, str]) -> None:
    """Each name of the code has words, and each of the words a name."""
    missing, idle = sorted(named - set(told)), sorted(set(told) - named)
    if missing:
        raise Undocumented(f"{MEANINGS.relative_to(ROOT)}: [{kind}] lacks {', '.join(missing)}")
    if idle:
        where = f"{MEANINGS.relative_to(ROOT)}: [{kind}]"
        raise Undocumented(f"{where} has words for {', '.join(idle)}, which no code names")


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the service, by path; not those that stand in for the world in tests."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in {"sim", "lab"}:
            yield path, ast.parse(path.read_text())


def module_name(path: Path) -> str:
    """As it is imported, without the package: ``vl1.paths.mtu``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def told_fields(path: Path) -> dict[str, dict[str, str]]:
    """For each class of a module what is said below each of its fields."""
    return {
        node.name: dict(_told(node.body))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }


def _told(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(body):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if named and (words := _text_of(below)) is not None:
            yield field.target.id, words


def _text_of(statement: ast.stmt) -> str | None:
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return " ".join(value.value.split())
    return None


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of Markdown. Cells hold one line each."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())
