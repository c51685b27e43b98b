"""The page of the families at `/metrics`, found in the code that writes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from earthline.api.stock import metrics

from .reading import PACKAGE, table

HEAD = """# Metrics

Made by `tools/references.py` from the code: change the words there.

`GET /metrics` gives Prometheus text 0.0.4, to whoever has the metrics token or the API token; the
same text is written to `metrics.prom` in the home folder every 5 s. Names beginning with `zt_` and
`controller_` are those of a stock service (05, 11), with what Earthline counts under them. All that
`earthline_events_total` holds, by its label `name`, is on [the page of counters](counters.md).

"""

_MADE_BY = frozenset({"Family", "single"})


@dataclass(slots=True)
class _Family:
    name: str
    kind: str
    meaning: str
    labels: set[str] = field(default_factory=set)


def page() -> str:
    """The whole page."""
    tree = ast.parse((PACKAGE / "api" / "stock" / "metrics.py").read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    families = [family for function in functions for family in _Reader(function).families]
    families.sort(key=lambda family: family.name)
    rows = [(f"`{one.name}`", one.kind, _labels(one), one.meaning) for one in families]
    return HEAD + table(("name", "type", "labels", "value"), rows)


def _labels(family: _Family) -> str:
    return ", ".join(f"`{label}`" for label in sorted(family.labels))


class _Reader:
    """Follows the statements of a function as far as they name families."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self.families: list[_Family] = []
        self._known: dict[str, Any] = {}
        self._held: dict[str, _Family] = {}
        self._follow(function.body)

    def _follow(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.For):
                self._loop(statement)
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self._assign(statement.targets[0].id, statement.value)
            else:
                self._look(statement)

    def _loop(self, loop: ast.For) -> None:
        """Once for each item of a table of the module; else once, with nothing known of it."""
        items = self._value(loop.iter)
        if items is None:
            self._follow(loop.body)
            return
        for item in items:
            self._known |= dict(_bound(loop.target, item))
            self._follow(loop.body)

    def _assign(self, name: str, value: ast.expr) -> None:
        made = list(self._look(value))
        if made:
            self._held[name] = made[0]
        elif (known := self._value(value)) is not None:
            self._known[name] = known

    def _look(self, node: ast.AST) -> list[_Family]:
        calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
        made = [_Family(*self._arguments(call)) for call in calls if _name(call) in _MADE_BY]
        self.families += made
        for call in calls:
            for holder, labels in self._labelled(call):
                self._held[holder].labels |= labels
        return made

    def _arguments(self, call: ast.Call) -> Iterator[str]:
        for argument in call.args[:3]:
            value = self._value(argument)
            if not isinstance(value, str):
                raise TypeError(f"metrics.py:{call.lineno}: no name can be told from it")
            yield value

    def _labelled(self, call: ast.Call) -> Iterator[tuple[str, set[str]]]:
        """Which family gets which labels: by its own ``add``, or by a histogram's ``add_to``."""
        function = call.func
        if not isinstance(function, ast.Attribute):
            return
        labels = {keyword.arg for keyword in call.keywords if keyword.arg}
        first = call.args[0] if call.args else None
        if function.attr == "add" and isinstance(function.value, ast.Name):
            if function.value.id in self._held:
                yield function.value.id, labels
        elif function.attr == "add_to" and isinstance(first, ast.Name):
            yield first.id, labels | {"le"}

    def _value(self, node: ast.expr) -> Any:
        """What an expression of constants and of the module's tables comes to, or None."""
        try:
            code = compile(ast.Expression(node), "metrics.py", "eval")
            names: Mapping[str, Any] = {**vars(metrics), **self._known}
            return eval(code, dict(names))
        except (NameError, AttributeError, TypeError):
            return None


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _bound(target: ast.expr, item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(target, ast.Name):
        yield target.id, item
    elif isinstance(target, ast.Tuple):
        for part, value in zip(target.elts, item, strict=True):
            yield from _bound(part, value)
