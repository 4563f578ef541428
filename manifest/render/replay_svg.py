"""The differences of a replay drawn: how many there are of which size, and where the tolerance lies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from manifest.display import printable
from manifest.replay.comparison import above
from manifest.replay.run import Outcome

__all__ = ["render_replay_svg"]

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 100, 48
_MARK = 14  # pixels for each line about a tolerance, above the plot


def render_replay_svg(outcome: Outcome) -> str:
    """An SVG of the differences, on logarithmic axes; only for an outcome that has some."""
    exponents = outcome.comparison.exponents if outcome.comparison else {}
    names = " to ".join(map(printable, outcome.plan.segment.names))
    result = outcome.result.value if outcome.result else "no answer"
    absolutes = {d: t.absolute for d, t in outcome.plan.recipe.tolerances.items() if t.absolute}
    marks = [math.log2(value) for value in absolutes.values()]
    low = min([*(e - 1 for e in exponents), *(math.floor(m) for m in marks)])
    high = max([*exponents, *(math.ceil(m) for m in marks)])
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="sans-serif" font-size="12" role="img">'
        ),
        f"<title>Differences from {escape(names)}: {result}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15">{escape(names)}: {result}</text>',
        f'<text x="{_LEFT}" y="42">differences between repeated and published values</text>',
        *_bars(dict(exponents), low, high),
        *_axes(max(exponents.values()), low, high),
    ]
    for index, (dtype, value) in enumerate(absolutes.items()):
        x = _x(math.log2(value), low, high)
        lines.append(
            f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" '
            'stroke="#b3261e" stroke-width="2" stroke-dasharray="6 4"/>'
            f'<text x="{x:.1f}" y="{_TOP - 6 - _MARK * index}" fill="#b3261e" '
            f'text-anchor="end">tolerance of {dtype}: {value:g}</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _x(exponent: float, low: int, high: int) -> float:
    return _LEFT + (exponent - low) / max(high - low, 1) * (_WIDTH - _LEFT - _RIGHT)


def _height(count: int, most: int) -> float:
    return math.log10(count + 1) / math.log10(most + 1) * (_HEIGHT - _TOP - _BOTTOM)


def _bars(exponents: dict[int, int], low: int, high: int) -> Iterator[str]:
    most = max(exponents.values())
    for exponent, count in exponents.items():
        x, height = _x(exponent - 1, low, high), _height(count, most)
        width = max(_x(exponent, low, high) - x - 1, 1)
        y = _HEIGHT - _BOTTOM - height
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="#1f5fa8"><title>{count:,} below {above(exponent):.3g}</title></rect>'
        )


def _axes(most: int, low: int, high: int) -> Iterator[str]:
    base, end = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    yield (
        f'<path d="M{_LEFT} {_TOP} V{base} H{end}" fill="none" stroke="#444444" stroke-width="1"/>'
    )
    first, last = math.ceil(low * math.log10(2)), math.floor(high * math.log10(2))
    step = max((last - first) // 8, 1)
    for decade in range(first, last + 1, step):
        x = _x(decade / math.log10(2), low, high)
        yield (
            f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 5}" stroke="#444444"/>'
            f'<text x="{x:.1f}" y="{base + 19}" text-anchor="middle">1e{decade}</text>'
        )
    count = 1
    while count <= most:
        y = base - _height(count, most)
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{count:,}</text>'
        count *= 10
    yield (
        f'<text x="{(_LEFT + end) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        "size of the difference</text>"
    )
