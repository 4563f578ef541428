"""Bars in SVG: one panel for each unit, a line for the spread, readable on light and on dark."""

from __future__ import annotations

from html import escape
from itertools import groupby

from measuring import Job, Role, Run

__all__ = ["draw"]

_WIDTH = 760
_NAMES = 350  # where names end and bars begin
_BARS = 290  # the longest bar
_ROW, _BAR, _PANEL, _GAP = 26, 14, 22, 8
_TOP, _BOTTOM = 42, 4
_WORDS = {
    Role.OURS: "this toolkit",
    Role.LIMIT: "what the machine can do",
    Role.PEER: "the peer",
}
_UNITS = {"s": "seconds", "µs": "microseconds a file", "MB": "megabytes"}
_STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.unit, .key { fill: #59636e; font-size: 12px }
.figure { font-variant-numeric: tabular-nums }
.ours { fill: #0969da } .limit { fill: #8c959f } .peer { fill: #bc4c00 }
.spread { stroke: #1f2328; stroke-width: 1.5 } .page { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .unit, .key { fill: #9198a1 } .page { fill: #0d1117 }
  .ours { fill: #4493f8 } .limit { fill: #6e7681 } .peer { fill: #f0883e }
  .spread { stroke: #e6edf3 }
}"""


def draw(job: Job) -> str:
    """The figures of a job as a picture; what it shows is in its description, too."""
    panels = [(unit, list(runs)) for unit, runs in groupby(_by_unit(job), key=lambda r: r.unit)]
    parts: list[str] = []
    y = _TOP
    for unit, runs in panels:
        parts.append(f'<text class="unit" x="{_NAMES}" y="{y + 12}">{_UNITS[unit]}</text>')
        y += _PANEL
        longest = max(max(run.values) for run in runs)
        for run in runs:
            parts += _row(run, y, _BARS / longest if longest > 0 else 0.0)
            y += _ROW
        y += _GAP
    height = y + _BOTTOM
    told = "; ".join(f"{run.name}: {figure(run)}" for run in job.runs)
    body = "\n".join([*_legend(job), *parts])
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" \
height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{escape(job.title)}</title>
<desc id="desc">{escape(told)}</desc>
<style>
{_STYLE}
</style>
<rect class="page" width="{_WIDTH}" height="{height}" rx="6"/>
{body}
</svg>
"""


def figure(run: Run) -> str:
    """The median, to three digits, with its unit."""
    return f"{three_digits(run.median)}\N{NO-BREAK SPACE}{run.unit}"


def three_digits(value: float) -> str:
    """A figure for people: 0.0123, 1.23, 123, 1,234."""
    if value >= 100:
        return f"{value:,.0f}"
    for digits in (1, 2, 3):
        if value >= 10 ** (2 - digits):
            return f"{value:.{digits}f}"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.4f}"


def _by_unit(job: Job) -> list[Run]:
    order = list(_UNITS)
    return sorted(job.runs, key=lambda run: order.index(run.unit))


def _legend(job: Job) -> list[str]:
    parts = []
    x = 16
    for role, words in _WORDS.items():
        if any(run.role is role for run in job.runs):
            parts.append(f'<rect class="{role.value}" x="{x}" y="14" width="12" height="12"/>')
            parts.append(f'<text class="key" x="{x + 18}" y="24">{words}</text>')
            x += 42 + 6 * len(words)
    return parts


def _row(run: Run, y: int, scale: float) -> list[str]:
    middle = y + _ROW // 2
    length = max(run.median * scale, 1.0)
    low, high = min(run.values) * scale, max(run.values) * scale
    end = max(length, high)
    parts = [
        f'<text x="{_NAMES - 10}" y="{middle + 4}" text-anchor="end">{escape(run.name)}</text>',
        (
            f'<rect class="{run.role.value}" x="{_NAMES}" y="{middle - _BAR // 2}" '
            f'width="{length:.1f}" height="{_BAR}" rx="2"/>'
        ),
    ]
    if high - low > 1:
        parts.append(
            f'<line class="spread" x1="{_NAMES + low:.1f}" y1="{middle}" '
            f'x2="{_NAMES + high:.1f}" y2="{middle}"/>'
        )
    parts.append(
        f'<text class="figure" x="{_NAMES + end + 8:.1f}" y="{middle + 4}">{figure(run)}</text>'
    )
    return parts
