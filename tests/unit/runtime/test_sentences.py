"""What a person at a terminal reads of the log."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

import earthline
from earthline.runtime.base.sentences import SENTENCES, sentence

SOURCES = Path(earthline.__file__).parent
OTHERWISE = {
    "offline": set(),
    "network_cache_malformed": {"network"},
    "file_not_written": {"file", "why"},
}
"""Events whose name or fields are not said where they are logged or reported, and their fields."""


def logged() -> dict[str, set[str]]:
    """Every event that is logged by its name, and the fields it has each time."""
    found: dict[str, set[str]] = {name: set(fields) for name, fields in OTHERWISE.items()}
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in {"info", "warning", "error", "report"} or not node.args:
                continue
            name = node.args[0]
            if isinstance(name, ast.Constant) and name.value not in OTHERWISE:
                fields = {keyword.arg for keyword in node.keywords if keyword.arg}
                found[name.value] = found.get(name.value, fields) & fields
    return found


@pytest.mark.parametrize("name", SENTENCES)
def test_sentence_is_of_an_event_and_names_only_what_that_has(name):
    fields = {field for _, field, _, _ in string.Formatter().parse(SENTENCES[name]) if field}
    assert fields <= logged()[name]


def told(event: str, level: str = "info", **fields: object) -> str:
    return sentence(None, "", {"event": event, "level": level, "timestamp": "12:00:00", **fields})


def test_event_is_a_sentence_with_its_time():
    line = told("started", address="0a1b2c3d4e", port=9993)
    assert line == "12:00:00 This node is 0a1b2c3d4e, on port 9993."


def test_warning_is_marked():
    line = told("tcp_relay_failed", "warning", listen=["0.0.0.0/443"], why="refused")
    assert line == "12:00:00 ! Cannot relay over TCP at 0.0.0.0/443: refused."


def test_event_without_a_sentence_goes_by_its_name():
    assert told("peer_direct", address="0a1b2c3d4e") == "12:00:00 peer direct address=0a1b2c3d4e"


def test_event_with_other_fields_than_expected_is_shown_all_the_same():
    assert told("started", address="0a1b2c3d4e") == "12:00:00 started address=0a1b2c3d4e"


def test_what_peers_wrote_does_not_steer_the_terminal():
    assert told("said", text="\x1b[2J\u202egood") == "12:00:00 said text= [2J good"


def test_trace_of_a_fault_follows():
    assert told("fault", "error", exception="Traceback").endswith("\n  Traceback")
