"""Hosts speak to the node by its five verbs and read its status: never its engines."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "earthline"
CORE = ("node.py", "vl1", "vl2", "wire", "effects")
ENGINES = ("peers", "ethernet")

STILL_READ = {
    ("runtime/surroundings.py", "peers"): 1,
    ("runtime/tcp/tunnel.py", "peers"): 1,
}
"""The topology that `DefaultWay` and `Tunnel` are given; both read it, and set nothing."""


def is_node(expression: ast.expr) -> bool:
    name = expression.attr if isinstance(expression, ast.Attribute) else None
    name = expression.id if isinstance(expression, ast.Name) else name
    return name in ("node", "_node")


def reached_into(text: str) -> list[str]:
    """The engines that are taken from something called a node."""
    found = (each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Attribute))
    return [each.attr for each in found if each.attr in ENGINES and is_node(each.value)]


def test_no_host_reaches_into_the_node():
    found: dict[tuple[str, str], int] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        name = file.relative_to(SOURCE)
        if name.parts[0] not in CORE:
            for engine in reached_into(file.read_text()):
                key = (name.as_posix(), engine)
                found[key] = found.get(key, 0) + 1
    assert found == STILL_READ


def test_reaching_in_is_seen_under_either_name():
    text = "self.node.peers.mtu.enable(); self._node.ethernet; node.peers; state.peers; node.online"
    assert sorted(reached_into(text)) == ["ethernet", "peers", "peers"]
