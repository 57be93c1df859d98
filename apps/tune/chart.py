"""Small charts as SVG, for a page that needs nothing else."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Callable, Sequence

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 460, 260, 64, 40, 12, 12


@dataclass
class Axis:
    """Where values stand between 0 and 1. `ticks`: place and text."""

    name: str
    place: Callable[[object], float]
    ticks: list[tuple[float, str]]


def number_axis(name: str, values: Sequence[float], log: bool = False) -> Axis:
    low, high = min(values), max(values)
    if low == high:
        return Axis(name, lambda value: 0.5, [(0.5, f"{low:.4g}")])
    change = math.log if log else float
    begin, length = change(low), change(high) - change(low)
    marks = [low, *(begin + length * i / 4 for i in range(1, 4)), high]
    marks[1:4] = [math.exp(mark) if log else mark for mark in marks[1:4]]
    if all(isinstance(value, int) for value in values):
        marks = list(dict.fromkeys(round(mark) for mark in marks))
    return Axis(name, lambda value: (change(value) - begin) / length,
                [((change(mark) - begin) / length, f"{mark:.4g}") for mark in marks])


def label_axis(name: str, labels: Sequence[str]) -> Axis:
    step = 1 / len(labels)
    places = {label: (i + 0.5) * step for i, label in enumerate(labels)}
    return Axis(name, lambda value: places[value], [(place, label) for label, place in places.items()])


def _x(place: float) -> float:
    return LEFT + place * (WIDTH - LEFT - RIGHT)


def _y(place: float) -> float:
    return HEIGHT - BOTTOM - place * (HEIGHT - BOTTOM - TOP)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    short = text if len(text) <= 14 else text[:13] + "…"
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"><title>{html.escape(text)}</title>'
            f'{html.escape(short)}</text>')


def _path(x: float, y: float, path: str, most: int, style: str) -> str:
    """A path, whose end says the most."""
    short = path if len(path) <= most else "…" + path[-most + 1:]
    return f'<text x="{x}" y="{y}" {style}><title>{html.escape(path)}</title>{html.escape(short)}</text>'


def _frame(across: Axis, up: Axis, inner: str) -> str:
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
             f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - BOTTOM - TOP}" class="frame"/>']
    parts += [_text(_x(place), HEIGHT - BOTTOM + 14, text, "end" if place == 1 else "middle") for place, text in across.ticks]
    parts += [_text(LEFT - 4, _y(place) + 4, text, "end") for place, text in up.ticks]
    parts.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 6}" text-anchor="middle" class="name">'
                 f'{html.escape(across.name)}</text>')
    return "".join([*parts, inner, "</svg>"])


def scatter(across: Axis, up: Axis, points: Sequence[tuple[object, float, str, str]],
            steps: Sequence[tuple[float, float]] = ()) -> str:
    """`points`: place across, place up, class, what to say when pointed at. `steps`: a line that goes up in steps."""
    inner = [f'<circle cx="{_x(across.place(x)):.1f}" cy="{_y(up.place(y)):.1f}" r="3.5" class="{kind}">'
             f'<title>{html.escape(says)}</title></circle>' for x, y, kind, says in points]
    if steps:
        path = f"M{_x(across.place(steps[0][0])):.1f} {_y(up.place(steps[0][1])):.1f}"
        path += "".join(f"H{_x(across.place(x)):.1f}V{_y(up.place(y)):.1f}" for x, y in steps[1:])
        inner.append(f'<path d="{path}" class="best"/>')
    return _frame(across, up, "".join(inner))


def bars(values: Sequence[tuple[str, float]]) -> str:
    """Shares of 1, one below the other."""
    height = 22
    rows = [_path(170, i * height + 15, name, 25, 'text-anchor="end"')
            + f'<rect x="176" y="{i * height + 4}" width="{max(value, 0) * 220:.1f}" height="14" class="bar"/>'
            f'<text x="{180 + max(value, 0) * 220:.1f}" y="{i * height + 15}">{100 * value:.0f} %</text>'
            for i, (name, value) in enumerate(values)]
    size = len(values) * height + 4
    return f'<svg viewBox="0 0 {WIDTH} {size}" width="{WIDTH}" height="{size}" role="img">{"".join(rows)}</svg>'


def parallel(axes: Sequence[Axis], lines: Sequence[tuple[Sequence[object], float, str]]) -> str:
    """A line for each trial over all axes. `lines`: values, how good from 0 to 1, what to say when pointed at."""
    gap = 150
    width = gap * (len(axes) - 1) + 2 * LEFT + 40
    x = [LEFT + i * gap for i in range(len(axes))]
    parts = [f'<svg viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" role="img">']
    for values, good, says in sorted(lines, key=lambda line: line[1]):
        path = "M" + "L".join(f"{x[i]} {_y(axis.place(value)):.1f}" for i, (axis, value) in enumerate(zip(axes, values)))
        style = f"stroke:hsl({220 - 200 * good:.0f} 70% 50%);opacity:{0.25 + 0.7 * good:.2f}"
        parts.append(f'<path d="{path}" class="line" style="{style}"><title>{html.escape(says)}</title></path>')
    for i, axis in enumerate(axes):
        parts.append(f'<path d="M{x[i]} {TOP}V{HEIGHT - BOTTOM}" class="axis"/>')
        parts += [_text(x[i] + 4, _y(place) + 4, text, "start") for place, text in axis.ticks]
        parts.append(_path(x[i], HEIGHT - (6 if i % 2 else 20), axis.name, 19, 'text-anchor="middle" class="name"'))
    return "".join([*parts, "</svg>"])
