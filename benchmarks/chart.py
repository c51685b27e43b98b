"""Bars of what was measured, as an SVG image that is legible on light and dark pages.

A panel for each measure, in two columns; in it a bar for each system, with its median and how many
times the stock node's that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from comparison import STOCK, Row, by_measure, ratio, times
from report import OUT

# Told apart by people who see colours differently, too (Okabe and Ito), and seen on either page.
_COLOURS = (
    "#8b949e", "#0072b2", "#e69f00", "#56b4e9", "#d55e00", "#009e73",
    "#cc79a7", "#b8a800", "#7a6fd0", "#5f9e9e", "#a56a43",
)  # fmt: skip
_COLUMN, _MARGIN = 560, 24
_NAME, _BAR = 180, 240
"""Widths of the systems' names and of the longest bar, in pixels."""
_LINE, _TITLE, _GAP = 20, 30, 22
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.page { fill: #ffffff }
.title { font-weight: 600; font-size: 14px }
.better, .ratio { fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.page { fill: #0d1117 }
.better, .ratio { fill: #9198a1 }
}
"""


def write(name: str, rows: Sequence[Row], systems: Sequence[str], more: frozenset[str]) -> None:
    """Draw ``out/<name>.svg``."""
    (OUT / f"{name}.svg").write_text(draw(rows, systems, more))


def draw(rows: Sequence[Row], systems: Sequence[str], more: frozenset[str]) -> str:
    """The image. A system's place in ``systems`` gives its colour; of ``more``, more is better."""
    heights = [_MARGIN, _MARGIN]
    panels = []
    for group in by_measure(rows):
        column = heights.index(min(heights))
        x, y = _MARGIN + column * (_COLUMN + _MARGIN), heights[column]
        panels.append(f'<g transform="translate({x} {y})">')
        panels += _panel(group, systems, group[0]["measure"] in more)
        panels.append("</g>")
        heights[column] += _TITLE + _LINE * len(group) + _GAP
    width, height = 2 * _COLUMN + 3 * _MARGIN, max(heights)
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<style>{_STYLE}</style>",
            '<rect class="page" width="100%" height="100%"/>',
            *panels,
            "</svg>\n",
        )
    )


def _panel(group: Sequence[Row], systems: Sequence[str], more: bool) -> Iterator[str]:
    """The title, and a line for each system."""
    better = "more is better" if more else "less is better"
    title = escape(f"{group[0]['measure']}, {group[0]['unit']}")
    yield (
        f'<text y="14"><tspan class="title">{title}</tspan>'
        f'<tspan class="better" dx="8">{better}</tspan></text>'
    )
    longest = max(row["median"] for row in group)
    for index, row in enumerate(group):
        colour = _COLOURS[systems.index(row["system"]) % len(_COLOURS)]
        share = row["median"] / longest if longest else 0
        of_stock = times(ratio(row, group, STOCK))
        yield from _line(row, of_stock, share, _TITLE + index * _LINE, colour)


def _line(row: Row, of_stock: str, share: float, y: int, colour: str) -> Iterator[str]:
    """A system's name, its bar, its median, and that in terms of stock's."""
    length = max(_BAR * share, 1)
    base = y + 11
    yield f'<text x="{_NAME - 8}" y="{base}" text-anchor="end">{escape(row["system"])}</text>'
    yield f'<rect x="{_NAME}" y="{y}" width="{length:.1f}" height="14" rx="2" fill="{colour}"/>'
    yield (
        f'<text x="{_NAME + length + 8:.1f}" y="{base}">{row["median"]:.3g}'
        f'<tspan class="ratio" dx="8">{of_stock}</tspan></text>'
    )
