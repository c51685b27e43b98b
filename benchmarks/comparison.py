"""Medians beside those of the stock node and of the bare link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE
from rich.table import Column, Table

STOCK, RAW = "zerotier-one", "raw"

Row = Mapping[str, Any]
"""A row of ``bench.json``: system, measure, median, min, max, runs, unit."""


def by_measure(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of each measure; those of one stand together."""
    return [list(group) for _, group in groupby(rows, key=lambda row: row["measure"])]


def ratio(row: Row, group: Sequence[Row], reference: str) -> float | None:
    """How many times the median of a reference system; None where that has none."""
    median = next((other["median"] for other in group if other["system"] == reference), 0)
    return row["median"] / median if median else None


def times(value: float | None) -> str:
    """A ratio in short, or nothing."""
    return "" if value is None else f"{value:.3g}x"


def table(rows: Sequence[Row]) -> Table:
    """Every median with its extremes, and how many times the two references it is."""
    made = Table(Column("", no_wrap=True), "median", "min", "max", "of stock", "of raw", box=SIMPLE)
    for column in made.columns[1:]:
        column.justify = "right"
    for group in by_measure(rows):
        made.add_row(group[0]["measure"], style="bold")
        for row in group:
            numbers = (f"{row[key]:.3g}" for key in ("median", "min", "max"))
            ratios = (times(ratio(row, group, reference)) for reference in (STOCK, RAW))
            made.add_row(f"  {row['system']}", *numbers, *ratios)
    return made
