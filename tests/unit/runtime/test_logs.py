"""What others can cause costs no more than so many lines."""

from __future__ import annotations

import json
import logging
import os
import sys

import pytest
import structlog

from earthline.runtime.base import logs
from earthline.runtime.base.logs import (
    FORM_VARIABLE,
    LINE_MS,
    LINES_AT_ONCE,
    LONGEST_FIELD,
    Sparing,
    configure_logs,
    processors,
    reads_text,
)

NOW = 1_000_000


def test_flood_of_one_cause_is_a_few_lines_and_a_count():
    sparing = Sparing()
    written = [sparing.line("address_taken", {}, NOW) for _ in range(5_000)]
    assert len([line for line in written if line is not None]) == LINES_AT_ONCE
    later = sparing.line("address_taken", {"address": "0a1b2c3d4e"}, NOW + LINE_MS)
    assert later == {"address": "0a1b2c3d4e", "suppressed": 5_000 - LINES_AT_ONCE}
    assert sparing.line("address_taken", {}, NOW + 2 * LINE_MS) == {}


def test_flood_of_one_cause_silences_no_other():
    sparing = Sparing()
    for _ in range(5_000):
        sparing.line("address_taken", {}, NOW)
    assert sparing.line("identity_collision", {"reporter": "x"}, NOW) == {"reporter": "x"}


def test_long_fields_are_cut():
    line = Sparing().line("said", {"text": "a" * 9_000, "data": bytes(9_000), "n": 5}, NOW)
    assert line == {"text": "a" * LONGEST_FIELD, "data": bytes(LONGEST_FIELD), "n": 5}


HOSTILE = "office\n2026-01-01 [info] started\x1b]52;c;aGk=\x07\x9b31m\u202e"


def logger(*, human):
    return structlog.wrap_logger(structlog.PrintLogger(), processors=processors(human=human))


@pytest.mark.parametrize("human", [False, True])
def test_what_others_name_can_neither_forge_a_line_nor_steer_a_terminal(capsys, human):
    log = logger(human=human)
    log.info("tried", name=HOSTILE, tried={"upnp": HOSTILE}, some=[HOSTILE])
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    if not human:
        assert shown.isascii()
        assert json.loads(shown)["name"] == HOSTILE
    for control in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert control not in shown


def test_traceback_for_a_person_shows_no_variables_and_no_forged_line(capsys):
    secret = "k3y" * 5

    def fail(password):
        raise RuntimeError(HOSTILE, len(password)) from ValueError(HOSTILE)

    try:
        fail(secret)
    except RuntimeError:
        logger(human=True).exception("failed")
    shown = capsys.readouterr().out
    assert "RuntimeError" in shown
    assert secret not in shown
    first, *rest = shown.rstrip("\n").splitlines()
    assert "failed" in first
    assert all(line.startswith("  ") or not line for line in rest)
    assert not any(control in shown for control in ("\x07", "\x9b", "\u202e"))


def test_libraries_and_the_loop_are_cleaned_too(capsys, monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    before = structlog.get_config()
    try:
        configure_logs()
        root.handlers[0].setStream(sys.stderr)
        logging.getLogger("asyncio").error("Task exception: %s", HOSTILE)
    finally:
        structlog.configure(**before)
    shown = capsys.readouterr().err
    assert "Task exception: office" in shown
    assert not any(control in shown for control in ("\x1b", "\x07", "\x9b", "\u202e"))


def test_journal_is_read_by_people_unless_json_is_asked_for(monkeypatch, tmp_path, capsys):
    with (tmp_path / "journal").open("w") as journal:
        monkeypatch.setattr(sys, "stderr", journal)
        assert not reads_text()
        there = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino + 1}")
        assert not reads_text()
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
        assert reads_text()
        logger(human=True).info("stopped")
        monkeypatch.setenv(FORM_VARIABLE, "json")
        assert not reads_text()
    assert capsys.readouterr().out == "Stopped.\n"  # the journal has the time
    monkeypatch.setattr(logs, "in_journal", lambda: False)
    logger(human=True).info("stopped")
    assert capsys.readouterr().out.endswith(" Stopped.\n")
