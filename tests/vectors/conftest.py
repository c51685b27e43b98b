"""Byte-exact vectors: one module per file of data, one test per case.

A test that bears ``@pytest.mark.vectors("name")`` runs once for each case of ``name.json``; ``-k
name`` selects them. ``--vectors DIR`` takes the files from another folder of the same layout; what
is missing there is not collected, while a file missing here is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"

Case = dict[str, Any]
Document = dict[str, Any] | list[Case]
Checks = Mapping[str | None, Callable[..., None]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--vectors", metavar="DIR", help="folder of vector files to run over")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vectors(name): runs once per case of a vector file")


def pytest_pycollect_makeitem(
    collector: pytest.Collector, name: str, obj: object
) -> list[pytest.Item] | None:
    marks = [m for m in getattr(obj, "pytestmark", ()) if m.name == "vectors"]
    if not marks or not name.startswith("test"):
        return None
    path = _path(collector.config, marks[0].args[0])
    if path.exists():
        return None
    if path.is_relative_to(DATA):
        raise collector.CollectError(f"{path} is missing")
    return []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("vectors")
    if mark is None:
        return
    name = mark.args[0]
    document = load(_path(metafunc.config, name))
    cases = _cases(document)
    names = [name for name in ("document", "case") if name in metafunc.fixturenames]
    metafunc.parametrize(
        names,
        [
            pytest.param(*({"document": document, "case": case}[name] for name in names), id=label)
            for label, case in _labelled(name, cases)
        ],
    )


def _cases(document: Document) -> list[Case]:
    """Of a file, of a capture, or of a list that says nothing beside them."""
    if isinstance(document, list):
        return document
    return document["cases"] if "cases" in document else document["datagrams"]


def _labelled(name: str, cases: list[Case]) -> Iterator[tuple[str, Case]]:
    stem = Path(name).name
    return ((f"{stem}-{i:03d}", case) for i, case in enumerate(cases))


def _folder(config: pytest.Config) -> Path:
    chosen = config.getoption("--vectors", None)
    return Path(chosen).resolve() if chosen else DATA


def _path(config: pytest.Config, name: str) -> Path:
    return _folder(config) / f"{name}.json"


@pytest.fixture
def folder(pytestconfig: pytest.Config) -> Path:
    """Where the vectors of this run are."""
    return _folder(pytestconfig)


@cache
def load(path: Path) -> Document:
    """A vector file, read once per session."""
    document: Document = json.loads(path.read_text())
    return document


@pytest.fixture
def run_check(document: dict[str, Any], case: Case) -> Callable[[Checks], None]:
    """Checks a case by its kind; of a lenient one only that nothing breaks."""

    def run(checks: Checks) -> None:
        check = checks[case.get("kind")]
        arguments = (case, document) if check.__code__.co_argcount == 2 else (case,)
        if not case.get("lenient"):
            check(*arguments)
            return
        with suppress(AssertionError, ValueError):
            check(*arguments)

    return run
