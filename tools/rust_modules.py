"""Modules of the Rust core form no circle: each can be read and changed below those that use it.

The graph is drawn from the `use` statements and from paths such as ``super::frames::FRAME``, of
each file of ``rust/core/src`` without its tests. What a module names of another one leads to that
one; what it takes by a re-export leads to the module that re-exports it. `mod` leads nowhere.
Rooms, such as ``switch/ground``, form no circle either: they stand in an order.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "rust" / "core" / "src"

_TESTS = re.compile(r"^#\[cfg\(test\)\].*", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"//.*")
_SEEN_IN = re.compile(r"\bpub\(in [^)]*\)")
_MOD = re.compile(r"^\s*(?:pub(?:\([a-z]+\))?\s+)?mod\s+(\w+);", re.MULTILINE)
_USE = re.compile(r"\buse\s+([^;]+);")
_PATH = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")

Module = tuple[str, ...]


def leaves(tree: str) -> Iterator[str]:
    """The paths of a use tree: ``a::{b, c::{d, e}}`` holds three."""
    tree = tree.strip()
    start = tree.find("{")
    if start < 0:
        yield re.sub(r"\s+as\s+\w+$", "", tree)
        return
    depth, part = 0, ""
    for sign in tree[start + 1 : tree.rindex("}")] + ",":
        if sign == "," and not depth:
            if part.strip():
                yield from (tree[:start] + leaf for leaf in leaves(part))
            part = ""
            continue
        depth += (sign == "{") - (sign == "}")
        part += sign


class Modules:
    """All modules below a folder, by path from the crate's root, which is the empty one."""

    def __init__(self, source: Path) -> None:
        self.texts: dict[Module, str] = {}
        for file in sorted(source.rglob("*.rs")):
            parts = file.relative_to(source).with_suffix("").parts
            name = parts[:-1] if parts[-1] in ("lib", "mod") else parts
            text = _COMMENT.sub("", _TESTS.sub("", file.read_text()))
            self.texts[name] = _SEEN_IN.sub("pub", text)

    def graph(self) -> dict[Module, set[Module]]:
        """The modules that each one needs."""
        return {name: set(self._needs(name)) for name in self.texts}

    def _needs(self, module: Module) -> Iterator[Module]:
        text = self.texts[module]
        inside = _MOD.findall(text)
        used = [leaf for tree in _USE.findall(text) for leaf in leaves(tree)]
        for path in (*used, *_PATH.findall(_USE.sub("", text))):
            found = self._named(module, path.split("::"), inside)
            if found is not None and found != module:
                yield found

    def _named(self, module: Module, path: list[str], inside: list[str]) -> Module | None:
        """The innermost module that a path leads through; None: it leads out of the crate."""
        if path[0] == "crate":
            at: Module = ()
        elif path[0] in ("super", "self"):
            at = module
        elif path[0] in inside:
            at, path = module, ["self", *path]
        else:
            return None
        for step, name in enumerate(path):
            if name == "super":
                at = at[:-1]
            elif step and (*at, name) in self.texts:
                at = (*at, name)
            elif step:
                break
        return at


def circle(graph: dict[Module, set[Module]]) -> list[Module]:
    """One circle of modules, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[Module] = error.args[1]
        return found[::-1]
    return []


def rooms(graph: dict[Module, set[Module]]) -> dict[Module, set[Module]]:
    """The same by rooms, the folders in a folder: what those of one need of another."""
    found: dict[Module, set[Module]] = {}
    for module, needs in graph.items():
        if len(module) > 1:
            beside = {each[:2] for each in needs if len(each) > 1 and each[0] == module[0]}
            found.setdefault(module[:2], set()).update(beside - {module[:2]})
    return found


def main() -> int:
    """Print a circle, if there is one; the exit status."""
    graph = Modules(SOURCE).graph()
    found = circle(graph) or circle(rooms(graph))
    if found:
        names = " needs ".join("::".join(("crate", *module)) for module in found)
        print(f"rust_modules: a circle: {names}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
