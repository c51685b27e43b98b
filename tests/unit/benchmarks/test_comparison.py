"""The table and the chart of the benchmarks."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from chart import draw
from comparison import by_measure, ratio, table, times

SYSTEMS = ["raw", "earthline", "zerotier-one"]


def row(system: str, measure: str, median: float) -> dict[str, Any]:
    extremes = {"min": median * 0.9, "max": median * 1.1, "runs": 3}
    return {"system": system, "measure": measure, "median": median, "unit": "Gb/s", **extremes}


ROWS = [
    row("raw", "tcp", 16.0),
    row("earthline", "tcp", 6.0),
    row("zerotier-one", "tcp", 1.5),
    row("earthline", "cpu", 2.0),
]


def bars(image: str) -> list[float]:
    return [float(width) for width in re.findall(r'width="([\d.]+)" height="14"', image)]


def test_medians_are_compared_within_their_measure() -> None:
    tcp, cpu = by_measure(ROWS)

    assert ratio(tcp[1], tcp, "zerotier-one") == 4
    assert ratio(tcp[1], tcp, "raw") == 0.375
    assert ratio(cpu[0], cpu, "zerotier-one") is None


def test_reference_of_nothing_gives_no_ratio() -> None:
    group = [row("zerotier-one", "tcp", 0.0), row("earthline", "tcp", 1.0)]

    assert times(ratio(group[1], group, "zerotier-one")) == ""


def test_table_has_a_title_for_each_measure_and_a_line_for_each_row() -> None:
    assert table(ROWS).row_count == 2 + len(ROWS)


def test_longest_bar_of_a_panel_is_full_and_the_others_in_proportion() -> None:
    raw, earthline, stock, alone = bars(draw(ROWS, SYSTEMS, frozenset()))

    assert raw == alone
    assert [round(earthline / raw, 3), round(stock / raw, 3)] == [0.375, 0.094]


def test_chart_is_well_formed_whatever_a_system_is_called() -> None:
    image = draw([row("<odd> & so on", "tcp", 0.0)], ["<odd> & so on"], frozenset({"tcp"}))

    texts = "".join(ET.fromstring(image).itertext())
    assert "<odd> & so on" in texts
    assert "more is better" in texts


def test_system_keeps_its_colour_when_another_is_missing() -> None:
    def colour(rows: list[dict[str, Any]]) -> str:
        image = draw(rows, SYSTEMS, frozenset())
        return re.findall(r'rx="2" fill="(#\w+)"', image)[-1]

    assert colour(ROWS[:2]) == colour(ROWS[1:2])


def test_nothing_measured_yet_is_an_empty_chart() -> None:
    assert not bars(draw([], SYSTEMS, frozenset()))
