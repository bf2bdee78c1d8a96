"""Two kinds of plots as SVG text, without a plotting library. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 28, 40
LEGEND_LINE = 18
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """0 to 1, with a whisker of ``spread`` to each side."""

    value: float
    spread: float = 0.0


def bars(title: str, groups: Sequence[str], series: Sequence[tuple[str, Sequence[Bar | None]]]) -> str:
    """A group per metric, a bar per series; None leaves a gap."""
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    thin = wide * 0.8 / max(1, len(series))
    parts = [*_frame(title), *_percent_axis()]
    for number, group in enumerate(groups):
        parts.append(_text(LEFT + wide * (number + 0.5), HEIGHT - BOTTOM + 18, group, "middle"))
        for place, (_name, values) in enumerate(series):
            bar = values[number]
            if bar is not None:
                parts += _bar(LEFT + wide * (number + 0.1) + thin * place, thin, bar, _colour(place))
    return _document(parts, [name for name, _ in series])


def curves(
    title: str, across: str, series: Sequence[tuple[str, Sequence[float]]], totals: Sequence[int]
) -> str:
    """Of each series, the share of its ``totals`` that had succeeded within so much: a step per value."""
    most = max((value for _, values in series for value in values), default=0.0) or 1.0
    parts = [*_frame(title), *_percent_axis()]
    for part in range(5):
        value = most * part / 4
        parts.append(_text(_x(value / most), HEIGHT - BOTTOM + 18, f"{value:.4g}", "middle"))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - BOTTOM + 34, across, "end"))
    for place, ((_name, values), total) in enumerate(zip(series, totals, strict=True)):
        share, path = 0.0, f"M{_x(0):.1f},{_y(0):.1f}"
        for count, value in enumerate(sorted(values), start=1):
            share = count / max(1, total)
            path += f"H{_x(value / most):.1f}V{_y(share):.1f}"
        path += f"H{_x(1):.1f}"
        parts.append(f'<path d="{path}" fill="none" stroke="{_colour(place)}" stroke-width="2"/>')
    return _document(parts, [name for name, _ in series])


def _frame(title: str) -> list[str]:
    return [
        _text(LEFT, 16, title, "start", bold=True),
        f'<path d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#888"/>',
    ]


def _percent_axis() -> list[str]:
    parts = []
    for part in range(5):
        height = _y(part / 4)
        parts.append(f'<path d="M{LEFT},{height:.1f}H{WIDTH - RIGHT}" stroke="#8884" fill="none"/>')
        parts.append(_text(LEFT - 6, height + 4, f"{25 * part}%", "end"))
    return parts


def _bar(left: float, width: float, bar: Bar, colour: str) -> list[str]:
    top, middle = _y(bar.value), left + width / 2
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width * 0.9:.1f}" '
        f'height="{HEIGHT - BOTTOM - top:.1f}" fill="{colour}"/>'
    ]
    if bar.spread:
        low, high = _y(max(0.0, bar.value - bar.spread)), _y(min(1.0, bar.value + bar.spread))
        parts.append(f'<path d="M{middle:.1f},{low:.1f}V{high:.1f}" stroke="#555" stroke-width="1.5"/>')
    return parts


def _document(parts: Sequence[str], names: Sequence[str]) -> str:
    legend = []
    for place, name in enumerate(names):
        height = HEIGHT + LEGEND_LINE * place
        legend.append(f'<rect x="{LEFT}" y="{height + 2}" width="12" height="12" fill="{_colour(place)}"/>')
        legend.append(_text(LEFT + 18, height + 12, name, "start"))
    whole = HEIGHT + LEGEND_LINE * len(names) + 8
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" width="{WIDTH}" '
        f'height="{whole}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" '
        'fill="#fff"/>'
    )
    return "\n".join([head, *parts, *legend, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight} fill="#222">{escape(text)}</text>'


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
