"""What a script was compiled into, and where each rule comes from (04, 13.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ScriptRule:
    """One entry of a rule table."""

    entry: Mapping[str, Any]
    """As the controller's API takes it (04, 12)."""
    text: str
    """The words it was made from, macro arguments filled in."""
    line: int
    column: int
    included_at: tuple[int, int] | None = None
    """Line and column of the outermost ``include`` that brought it here."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag, its default, and the names of its values."""

    name: str
    number: int
    default: int | None
    enums: Mapping[str, int]
    flags: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability and its rules."""

    name: str
    number: int
    default: bool
    rules: tuple[ScriptRule, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Base rules, capabilities and tags."""

    rules: tuple[ScriptRule, ...]
    capabilities: tuple[Capability, ...]
    tags: tuple[Tag, ...]

    @property
    def config(self) -> dict[str, Any]:
        """What can be posted to a network of the controller as it is."""
        return {
            "rules": [rule.entry for rule in self.rules],
            "capabilities": [
                {
                    "id": each.number,
                    "default": each.default,
                    "rules": [rule.entry for rule in each.rules],
                }
                for each in self.capabilities
            ],
            "tags": [{"id": tag.number, "default": tag.default} for tag in self.tags],
        }

    def emit(self) -> str:
        """The JSON text of the stock compiler, indented by one blank."""
        document = {
            "config": self.config,
            "capabilitiesByName": {each.name: each.number for each in self.capabilities},
            "tagsByName": {
                tag.name: {
                    "id": tag.number,
                    "default": tag.default,
                    "enums": tag.enums,
                    "flags": tag.flags,
                }
                for tag in self.tags
            },
        }
        return json.dumps(document, indent=1, ensure_ascii=False)
