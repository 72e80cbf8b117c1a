"""Bar charts as SVG text: no script, no font beyond the viewer's, colours that differ in lightness too."""

from __future__ import annotations

from html import escape
from textwrap import wrap

from reports.report import Chart

COLOURS = ("#1f5f8b", "#d08a1d", "#6b8f3c", "#9b2d3a")
WIDTH, HEIGHT = 720, 260
LEFT, TOP, BOTTOM = 46, 34, 40


def bars(chart: Chart) -> str:
    """Draw a chart."""
    top = _ceiling(max((value for values in chart.series.values() for value in values), default=0))
    inner = HEIGHT - TOP - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="11"><title>{escape(chart.title)}</title>'
    ]
    for step in range(5):
        value = top * step / 4
        y = TOP + inner * (1 - step / 4)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 8}" y2="{y:.1f}" stroke="#d5d5d5"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:g}</text>')
    count = max(len(chart.labels), 1)
    slot = (WIDTH - LEFT - 8) / count
    wide = min(40.0, slot * 0.8 / max(len(chart.series), 1))
    for index, label in enumerate(chart.labels):
        middle = LEFT + slot * (index + 0.5)
        start = middle - wide * len(chart.series) / 2
        for number, values in enumerate(chart.series.values()):
            height = inner * values[index] / top
            x, y = start + wide * number, TOP + inner - height
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide * 0.9:.1f}" height="{height:.1f}" '
                f'fill="{COLOURS[number % len(COLOURS)]}"/>'
            )
            if values[index]:
                parts.append(
                    f'<text x="{x + wide * 0.45:.1f}" y="{y - 3:.1f}" text-anchor="middle" fill="#333" '
                    f'font-size="10">{values[index]:g}</text>'
                )
        if count <= 16 or index % (count // 12 + 1) == 0:
            lines = (
                wrap(label, max(8, min(16, int(slot / 5.5))), max_lines=2, placeholder="…") if count <= 16 else [label]
            )
            for line, text in enumerate(lines):
                parts.append(
                    f'<text x="{middle:.1f}" y="{HEIGHT - BOTTOM + 15 + 12 * line}" text-anchor="middle" fill="#333">'
                    f"{escape(text)}</text>"
                )
    x = LEFT
    for number, name in enumerate(chart.series):
        parts.append(f'<rect x="{x}" y="8" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>')
        parts.append(f'<text x="{x + 14}" y="17" fill="#333">{escape(name)}</text>')
        x += 28 + 7 * len(name)
    parts.append("</svg>")
    return "".join(parts)


def _ceiling(value: float) -> float:
    """The next round number above, so that the four steps are round too."""
    size = 4.0
    while size < value:
        for factor in (1.0, 2.0, 2.5, 5.0, 10.0):
            if size * factor >= value:
                return size * factor
        size *= 10
    return size
