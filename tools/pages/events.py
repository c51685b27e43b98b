"""The page of what the service writes to its log, found where it is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from earthline.runtime.base.sentences import SENTENCES

from .reading import demand_same, meanings, module_name, modules, table

HEAD = """# Log events

Made by `tools/references.py` from the code: change the words there.

The service logs to standard error: a JSON object per line with `event`, `level`, `timestamp` and
the fields below, or at a terminal a sentence. Of each kind that others can cause 20 lines are
written at once and then one in 10 s; the next one says how many were `suppressed`.

"""

_LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error"}


@dataclass(slots=True)
class _Event:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


def page() -> str:
    """The whole page."""
    events: dict[str, _Event] = {}
    for name, level, fields, module in _found():
        event = events.setdefault(name, _Event())
        event.levels.add(level)
        event.fields |= fields
        event.modules.add(module)
    told = _told(set(events))
    rows = [
        (
            f"`{name}`",
            " or ".join(sorted(event.levels)),
            told[name],
            ", ".join(f"`{one}`" for one in sorted(event.fields)),
            ", ".join(f"`{one}`" for one in sorted(event.modules)),
        )
        for name, event in sorted(events.items())
    ]
    return HEAD + table(("event", "level", "says", "fields", "from"), rows)


def _told(names: set[str]) -> dict[str, str]:
    """The sentence that people see of an event, else its words of our own."""
    told = {**meanings("events"), **SENTENCES}
    demand_same("events", names, told)
    return told


def _found() -> Iterator[tuple[str, str, set[str], str]]:
    for path, tree in modules():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                    level = _level(call)
                    if level and call.args:
                        for name in _names(call.args[0], function):
                            yield name, level, _fields(call, function), module_name(path)


def _level(call: ast.Call) -> str:
    """Of a call that writes to the log, or has the host write to it; else nothing."""
    function = ast.unparse(call.func)
    if function == "Report" or function.endswith("local.report"):
        return "info"
    holder, _, method = function.rpartition(".")
    return _LEVELS.get(method, "") if holder == "log" else ""


def _names(expression: ast.expr, function: ast.AST) -> Iterator[str]:
    """Each name that an expression may come to; none for what is passed on."""
    if isinstance(expression, ast.Constant):
        yield str(expression.value)
    elif isinstance(expression, ast.IfExp):
        yield from _names(expression.body, function)
        yield from _names(expression.orelse, function)
    elif isinstance(expression, ast.Name):
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == expression.id:
                yield from _names(node.value, function)


def _fields(call: ast.Call, function: ast.AST) -> set[str]:
    """Names of the keywords, and of dictionaries given in their place."""
    named = {keyword.arg for keyword in call.keywords if keyword.arg} - {"exc_info"}
    for given in call.args[1:]:
        for node in ast.walk(function):
            same = isinstance(node, ast.Dict) and (
                node is given or any(_assigns(other, given, node) for other in ast.walk(function))
            )
            if same:
                named |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
    return named


def _assigns(statement: ast.AST, name: ast.expr, value: ast.expr) -> bool:
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0]) == ast.unparse(name) and statement.value is value
    if isinstance(statement, ast.AnnAssign):
        return ast.unparse(statement.target) == ast.unparse(name) and statement.value is value
    return False
