"""Logs: sentences where a person reads, a JSON object per line elsewhere; on standard error."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter

import structlog

from earthline.clean import clean_lines, clean_value
from earthline.runtime.base.sentences import sentence
from earthline.vl1.ground.gates import Buckets

CLOCK = "%H:%M:%S"
"""Local time, where somebody is watching."""
LINES_AT_ONCE = 20
"""Lines of one kind that may follow one another at once..."""
LINE_MS = 10_000
"""...and then one in this time: 9,000 a day of each kind, whoever causes them."""
LONGEST_FIELD = 256
"""Characters, or bytes, of one field of a line: enough to see what it is."""


FORM_VARIABLE = "EARTHLINE_LOG"
"""Environment: ``text`` or ``json``, for services that no command line starts."""


def reads_text() -> bool:
    """Whether standard error is where people read: a terminal, or the journal."""
    wish = os.environ.get(FORM_VARIABLE)
    if wish in {"text", "json"}:
        return wish == "text"
    return sys.stderr.isatty() or in_journal()


def in_journal() -> bool:
    """Whether standard error is the journal, which notes the time of each line itself."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        ours = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(ours.st_dev), str(ours.st_ino))


def configure_logs(*, for_people: bool | None = None) -> None:
    """Once, at the start of a program that runs the service.

    ``for_people``: text or JSON; left out, text where people read.
    """
    foreign = logging.StreamHandler()
    foreign.setFormatter(_Foreign())
    logging.basicConfig(handlers=[foreign], level=logging.WARNING, force=True)
    structlog.configure(
        processors=processors(human=reads_text() if for_people is None else for_people),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Foreign(logging.Formatter):
    """What libraries, and the event loop, have to say of faults."""

    def format(self, record: logging.LogRecord) -> str:
        return clean_lines(super().format(record))


def processors(*, human: bool) -> list[structlog.typing.Processor]:
    """What becomes of a line. Others have their part in many: names, reasons, texts of faults.

    For a person all of it is made harmless to a terminal; JSON is ASCII, all else is escaped.
    """
    named: list[structlog.typing.Processor] = [structlog.processors.add_log_level]
    if not (human and in_journal()):
        clock = structlog.processors.TimeStamper(fmt=CLOCK if human else "iso", utc=not human)
        named.append(clock)
    # Not rich's traceback, which shows local variables: keys are among them.
    trace = structlog.processors.format_exc_info
    if human:
        return [*named, _clean_fields, trace, sentence]
    return [*named, trace, structlog.processors.JSONRenderer()]


def _clean_fields(
    _logger: object, _method: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {
        name: value if name == "exc_info" else clean_value(value) for name, value in fields.items()
    }


class Sparing:
    """Says which lines are written of what others can cause, and what they may hold."""

    def __init__(self) -> None:
        self._buckets: Buckets[str] = Buckets(LINES_AT_ONCE, LINE_MS)
        self._suppressed: Counter[str] = Counter()

    def line(self, kind: str, fields: dict[str, object], now: int) -> dict[str, object] | None:
        """The fields to write for a line, cut; None if there were too many of its kind.

        The next one that is written says how many were ``suppressed``. Kinds are named by this
        program, never by a peer: there are some dozens of them.
        """
        if not self._buckets.passes(kind, now):
            self._suppressed[kind] += 1
            return None
        written = {name: _cut(value) for name, value in fields.items()}
        suppressed = self._suppressed.pop(kind, 0)
        return {**written, "suppressed": suppressed} if suppressed else written


def _cut(value: object) -> object:
    if isinstance(value, str | bytes) and len(value) > LONGEST_FIELD:
        return value[:LONGEST_FIELD]
    return value
