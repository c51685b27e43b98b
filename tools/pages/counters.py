"""The page of everything that is counted, found where it is counted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from .reading import ROOT, demand_same, meanings, module_name, modules, table

HEAD = """# Counters

Made by `tools/references.py` from the code: change the words there.

All of these are at `GET /earthline/counters`, and series of `earthline_events_total` at
`/metrics`. They count from the start of the service, and never down. Names that begin with `drop_`
are the reasons for which the data plane dropped a datagram or a frame.

"""

RUST = (
    ("The switch", ROOT / "rust" / "core" / "src" / "switch" / "ground" / "counters.rs"),
    ("Input and output", ROOT / "rust" / "io" / "src" / "counters.rs"),
    ("The TCP relay", ROOT / "rust" / "io" / "src" / "relay" / "counters.rs"),
)

PUNTS = ROOT / "rust" / "core" / "src" / "punts" / "mod.rs"

_IN_TABLE = re.compile(r'^\s*\w+ "(?P<name>\w+)" "(?P<meaning>[^"]+)",$', re.MULTILINE)
_VARIANT = re.compile(r"^\s*/// (?P<meaning>.+)\n\s*(?P<variant>[A-Z]\w*),$", re.MULTILINE)
_NAMES = re.compile(r"const NAMES: \[&str; \d+\] = \[(?P<names>[^\]]*)\];")
_PUNT = re.compile(r'"((?:drop_punt|punts)_\w+)"')

_HOLDERS = frozenset({"counters", "_counters", "_counted"})

# Parts of names that are filled in, by what fills them in.
_FILLED_IN = {
    "_COUNTED_AS[verb]": "tx_<verb>",
    "_ERROR_NAMES[error.code]": "<code>",
    "_verb_name(packet.verb)": "<verb>",
    "verb.name.lower()": "<verb>",
    "code.name.lower()": "<code>",
    "acceptance.value": "<result>",
    "type(event).__name__": "<event>",
    "reason": "<reason>",
}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, path in RUST:
        parts.append(f"## {title}\n\n{_table(list(_of_rust(path)))}\n")
    told = meanings("punts")
    demand_same("punts", set(_PUNT.findall(PUNTS.read_text())), told)
    parts.append(f"## What waits for Python\n\n{_table(sorted(told.items()))}\n")
    found: dict[str, set[str]] = {}
    for name, module in _of_python():
        found.setdefault(name, set()).add(module)
    told = meanings("counters")
    demand_same("counters", set(found), told)
    rows = [
        (f"`{name}`", told[name], ", ".join(f"`{one}`" for one in sorted(found[name])))
        for name in sorted(found)
    ]
    parts += ["## The engines, the controller and the service\n\n", _python_words()]
    parts.append(table(("name", "counts", "in"), rows))
    return "".join(parts)


def _python_words() -> str:
    return (
        "`<verb>` is the name of a verb in lower case, such as `ext_frame`; `<code>` that of an "
        "ERROR's code.\n\n"
    )


def _table(rows: list[tuple[str, str]]) -> str:
    return table(("name", "counts"), [(f"`{name}`", meaning) for name, meaning in rows])


def _of_rust(path: Path) -> Iterator[tuple[str, str]]:
    """Names and meanings: side by side in a macro's table, or of an enum and its list of names."""
    text = path.read_text()
    if pairs := _IN_TABLE.findall(text):
        yield from pairs
    else:
        names = re.findall(r'"(\w+)"', _NAMES.search(text)["names"])
        yield from zip(names, (v["meaning"] for v in _VARIANT.finditer(text)), strict=True)


def _of_python() -> Iterator[tuple[str, str]]:
    for path, tree in modules():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for expression in _counted(function):
                    yield from ((name, module_name(path)) for name in _names(expression, function))


def _counted(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """What a function counts: ``count(name)`` of an engine, or ``counters[name] += n``."""
    own = {argument.arg for argument in function.args.args}
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder = ast.unparse(node.func.value)
            if node.func.attr == "count" and holder.endswith(("local", "underlay")):
                yield from (arg for arg in node.args if ast.unparse(arg) not in own)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
            holder = node.target.value
            name = holder.attr if isinstance(holder, ast.Attribute) else ""
            if name in _HOLDERS and ast.unparse(node.target.slice) not in own:
                yield node.target.slice


def _names(expression: ast.expr, function: ast.AST) -> Iterator[str]:
    """Every name that an expression may come to."""
    text = ast.unparse(expression)
    if isinstance(expression, ast.Constant):
        yield str(expression.value)
    elif isinstance(expression, ast.IfExp):
        yield from _names(expression.body, function)
        yield from _names(expression.orelse, function)
    elif isinstance(expression, ast.JoinedStr):
        yield "".join(map(_piece, expression.values))
    elif isinstance(expression, ast.Name):
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == text:
                yield from _names(node.value, function)
    else:
        yield _FILLED_IN[text]


def _piece(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return _FILLED_IN[ast.unparse(part.value)]
    return str(ast.literal_eval(part))
