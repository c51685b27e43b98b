"""What a node says about itself when it asks for a configuration (03, 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from earthline.wire.dictionary import Dictionary
from earthline.wire.packet import PROTOCOL_VERSION

MAX_METADATA = 1023
"""Bytes of the dictionary that a controller reads."""

FORMAT_VERSION = 7
"""Of configurations; 5 and below want a form that nobody writes any more."""

RULES_ENGINE_REVISION = 1

_VENDOR = 1
_MAX_RULES = 1024
_MAX_CAPABILITIES = 128
_MAX_CAPABILITY_RULES = 64
_MAX_TAGS = 128


@dataclass(frozen=True, slots=True)
class RequestMetadata:
    """The dictionary of a NETWORK_CONFIG_REQUEST; what is absent reads as 0 or empty."""

    major: int
    minor: int
    revision: int
    platform: str
    """Operating system and architecture, such as ``linux/x86_64``."""
    token: str = ""
    """Join token in the form ``token:<text>``, by which a controller may admit us unasked."""
    format_version: int = FORMAT_VERSION
    vendor: int = _VENDOR
    protocol: int = PROTOCOL_VERSION
    max_rules: int = _MAX_RULES
    max_capabilities: int = _MAX_CAPABILITIES
    max_capability_rules: int = _MAX_CAPABILITY_RULES
    max_tags: int = _MAX_TAGS
    rules_engine: int = RULES_ENGINE_REVISION
    """0: the node understands no rules, and is sent one ACCEPT."""

    @classmethod
    def parse(cls, data: bytes) -> RequestMetadata:
        """Read any bytes; past 1023 they are ignored."""
        dictionary = Dictionary.parse(data[:MAX_METADATA])
        return cls(
            major=dictionary.get_int("majv"),
            minor=dictionary.get_int("minv"),
            revision=dictionary.get_int("revv"),
            platform=dictionary.get_text("o"),
            token=dictionary.get_text("a"),
            format_version=dictionary.get_int("v"),
            vendor=dictionary.get_int("vend"),
            protocol=dictionary.get_int("pv"),
            max_rules=dictionary.get_int("mr"),
            max_capabilities=dictionary.get_int("mc"),
            max_capability_rules=dictionary.get_int("mcr"),
            max_tags=dictionary.get_int("mt"),
            rules_engine=dictionary.get_int("revr"),
        )

    def emit(self) -> bytes:
        """The keys in the order of stock nodes; the token only where there is one."""
        dictionary = Dictionary()
        for key, number in (
            ("v", self.format_version),
            ("vend", self.vendor),
            ("pv", self.protocol),
            ("majv", self.major),
            ("minv", self.minor),
            ("revv", self.revision),
            ("mr", self.max_rules),
            ("mc", self.max_capabilities),
            ("mcr", self.max_capability_rules),
            ("mt", self.max_tags),
            ("f", 0),
            ("revr", self.rules_engine),
        ):
            dictionary.set_int(key, number)
        dictionary.set_text("o", self.platform)
        if self.token:
            dictionary.set_text("a", self.token)
        return dictionary.emit()
