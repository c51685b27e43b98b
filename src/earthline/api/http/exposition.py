"""Metrics and how they are written: Prometheus text 0.0.4, with the stock names (05, 11).

The usual libraries insist that counters are called ``..._total``, which stock's are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

LATENCY_BOUNDS = (1, 3, 6, 10, 30, 60, 100, 300, 600, 1000)
"""Upper ends of the buckets, ms."""


@dataclass(slots=True)
class Family:
    """All series of one name."""

    name: str
    kind: Kind
    meaning: str
    lines: list[str] = field(default_factory=list)

    def add(self, value: float, /, suffix: str = "", **labels: object) -> None:
        """One series. Labels hold only what needs no escaping: hex digits and words."""
        named = ",".join(f'{name}="{text}"' for name, text in labels.items())
        self.lines.append(f"{self.name}{suffix}{f'{{{named}}}' if named else ''} {value}")

    @property
    def text(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.meaning}"
        yield f"# TYPE {self.name} {self.kind}"
        yield from self.lines


def single(name: str, kind: Kind, meaning: str, value: float) -> Family:
    """A family of one series without labels."""
    family = Family(name, kind, meaning)
    family.add(value)
    return family


def render(families: Iterable[Family]) -> bytes:
    """The text of families, in their order."""
    return "".join(f"{line}\n" for family in families for line in family.text).encode()


class Histogram:
    """How often a latency was found below each bound."""

    def __init__(self) -> None:
        self._counts = [0] * len(LATENCY_BOUNDS)
        self._count = 0
        self._sum = 0

    def observe(self, latency: int) -> None:
        """One more finding, ms."""
        self._count += 1
        self._sum += latency
        for place, bound in enumerate(LATENCY_BOUNDS):
            self._counts[place] += latency <= bound

    def add_to(self, family: Family, **labels: object) -> None:
        """Count, sum and buckets, in the order of stock."""
        family.add(self._count, "_count", **labels)
        family.add(self._sum, "_sum", **labels)
        for bound, count in zip(LATENCY_BOUNDS, self._counts, strict=True):
            family.add(count, "_bucket", **labels, le=bound)
        family.add(self._count, "_bucket", **labels, le="+Inf")
