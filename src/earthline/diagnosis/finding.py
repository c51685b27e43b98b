"""One thing that was found out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


class Severity(IntEnum):
    """How much it matters; the worst has the highest number."""

    OK = 0
    NOTE = 1
    """Good to know; nothing has to be done."""
    WARNING = 2
    """It works, but worse than it could."""
    FAULT = 3
    """Something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``seen`` and ``do`` are sentences for the user; ``do`` is empty where nothing is to do."""

    id: str
    """Snake case, for scripts; it stays as it is when the sentences change."""
    severity: Severity
    seen: str
    do: str = ""
    subjects: tuple[str, ...] = ()
    """What it is about: addresses of peers, network IDs, names of interfaces."""
    evidence: tuple[str, ...] = ()
    """What it was concluded from, a fact each."""

    def because(self, *facts: str) -> Finding:
        """The same, with what it was concluded from."""
        return replace(self, evidence=facts)


def ok(name: str, seen: str, *subjects: str) -> Finding:
    """All is well."""
    return Finding(name, Severity.OK, seen, "", subjects)


def note(name: str, seen: str, do: str = "", *subjects: str) -> Finding:
    """Good to know."""
    return Finding(name, Severity.NOTE, seen, do, subjects)


def warning(name: str, seen: str, do: str, *subjects: str) -> Finding:
    """It could work better."""
    return Finding(name, Severity.WARNING, seen, do, subjects)


def fault(name: str, seen: str, do: str, *subjects: str) -> Finding:
    """It does not work."""
    return Finding(name, Severity.FAULT, seen, do, subjects)
