"""How cost grows with rows, drawn: an SVG for light and dark pages."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from bench.costs import FLOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.costs import Cost


class Panel(NamedTuple):
    """One measure over rows: ours, and what it is held against."""

    title: str
    ours: Callable[[Cost], float | None]
    other: Callable[[Cost], float | None]
    logarithmic: bool = False


PANELS = (
    Panel(
        "Requests (dashed: the least)", lambda c: c.requests, lambda c: c.least, logarithmic=True
    ),
    Panel(
        "Seconds at 60/min (dashed: 1 s a request)",
        lambda c: c.wall,
        lambda c: c.requests if c.wall else None,
        logarithmic=True,
    ),
    Panel(
        "CPU seconds (dashed: bare SDK)",
        lambda c: c.cpu,
        lambda c: c.bare_cpu,
        logarithmic=True,
    ),
    Panel("Records a CPU second, of bare SDK", lambda c: c.bare_cpu / c.cpu, lambda _: 1.0),
    Panel("Peak memory, MiB (dashed: bare SDK)", lambda c: c.memory, lambda c: c.bare_memory),
    Panel("Largest STATE, bytes", lambda c: c.state, lambda _: None),
)
WIDE, HIGH, LEFT, TOP = 300, 210, 46, 62
STYLE = """
text{font:11px system-ui,sans-serif;fill:#1f2328}.paper{fill:#fff}.title{font-weight:600}
path,circle{fill:none;stroke-width:2}.axis{stroke:#d0d7de;stroke-width:1}.f0{stroke:#0072b2;stroke-width:5;
stroke-opacity:.6}.f1{stroke:#d55e00}.f2{stroke:#009e73}.other{stroke-dasharray:4 3;
stroke-width:1.5;stroke-opacity:1}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.axis{stroke:#3d444d}
.f0{stroke:#56b4e9}.f1{stroke:#ffa657}.f2{stroke:#3fd6a0}}
"""


def picture(costs: Sequence[Cost]) -> str:
    """The panels, as SVG, for light and dark pages."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t"',
        f' viewBox="0 0 {3 * WIDE} {TOP + 2 * HIGH}">',
        f'<title id="t">How cost grows with rows</title><style>{STYLE}</style>',
        '<rect class="paper" width="100%" height="100%"/>',
        '<text class="title" x="16" y="22">How cost grows with rows</text>',
    ]
    for n, flow in enumerate(FLOWS):
        x = 16 + n * 150
        parts.append(f'<path class="f{n}" d="M{x} 40h22"/>')
        parts.append(f'<text x="{x + 28}" y="44">{escape(flow)}</text>')
    for n, panel in enumerate(PANELS):
        where = f"translate({n % 3 * WIDE} {TOP + n // 3 * HIGH})"
        parts.append(f'<g transform="{where}">{"".join(_panel(panel, costs))}</g>')
    return "\n".join(parts) + "\n</svg>\n"


def _panel(panel: Panel, costs: Sequence[Cost]) -> Iterator[str]:
    yield f'<text class="title" x="16" y="14">{escape(panel.title)}</text>'
    rows = sorted({cost.rows for cost in costs})
    values = [each for cost in costs for each in (panel.ours(cost), panel.other(cost)) if each]
    if not values:
        return
    low, high, ticks = _scale(values, logarithmic=panel.logarithmic)

    def across(many: float) -> float:
        share = math.log(many / rows[0]) / math.log(rows[-1] / rows[0]) if rows[1:] else 0.5
        return round(LEFT + 8 + share * (WIDE - LEFT - 62), 1)

    def up(value: float) -> float:
        whole = math.log(high / low) if panel.logarithmic else high
        share = (math.log(value / low) if panel.logarithmic else value) / whole
        return round(HIGH - 36 - share * (HIGH - 66), 1)

    for tick in ticks:
        yield f'<path class="axis" d="M{LEFT} {up(tick)}H{WIDE - 40}"/>'
        yield f'<text x="{LEFT - 4}" y="{up(tick) + 4}" text-anchor="end">{tick:,g}</text>'
    for many in rows:
        yield f'<text x="{across(many)}" y="{HIGH - 18}" text-anchor="middle">{many:,}</text>'
    told: list[float] = []
    for n, flow in enumerate(FLOWS):
        for kind, of in (("", panel.ours), (" other", panel.other)):
            found = {cost.rows: of(cost) for cost in costs if cost.flow == flow}
            points = [(across(many), up(value)) for many, value in sorted(found.items()) if value]
            yield f'<path class="f{n}{kind}" d="M{"L".join(f"{x} {y}" for x, y in points)}"/>' * (
                len(points) > 1
            )
            if kind or not points:
                continue
            yield from (f'<circle class="f{n}" cx="{x}" cy="{y}" r="2"/>' for x, y in points)
            x, y = points[-1]
            if all(abs(y - other) > 11 for other in told):  # no label on another
                told.append(y)
                value = [each for _, each in sorted(found.items()) if each][-1]
                beside = 4 if len(points) == len(rows) else -6
                yield f'<text x="{x + 6:.1f}" y="{y + beside:.1f}">{_short(value)}</text>'


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _scale(values: Sequence[float], *, logarithmic: bool) -> tuple[float, float, list[float]]:
    """The ends of an axis, and its ticks."""
    most = max(values)
    if logarithmic:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(most))
        last = max(last, first + 1)
        return 10.0**first, 10.0**last, [10.0**power for power in range(first, last + 1)]
    step = 10.0 ** math.floor(math.log10(most))
    top = next(step * each for each in (1, 1.5, 2, 3, 4, 5, 8, 10) if step * each >= most)
    return 0.0, top, [0.0, top / 2, top]
