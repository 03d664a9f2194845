"""Charts as small SVG: each a pure function of its numbers, with colours by class and its content in words.

Numbers alone get into a path; every word goes through :func:`markupsafe.escape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 260
HEIGHT: Final = 92
TOP: Final = 16
BOTTOM: Final = 14
PLOT: Final = HEIGHT - TOP - BOTTOM

SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 22

CURVE_WIDTH: Final = 320
CURVE_HEIGHT: Final = 170
CURVE_LEFT: Final = 34
CURVE_RIGHT: Final = 10

STRIP_CELL: Final = 10
STRIP_HEIGHT: Final = 14

HALF: Final = 0.5
SOME: Final = 0.15
"""Least share of a chart's height that anything above zero has: a quiet day is not a day without."""


@dataclass(frozen=True, slots=True)
class Point:
    """A day's value; None where it is not known. Where it is not ``final``: where it may end, and between what."""

    value: float | None
    final: bool = True
    expected: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """What a chart says in words: its ``label`` for those who do not see it, its highest value and its two ends."""

    label: str
    top: str
    first: str
    last: str


def bars(points: Sequence[Point], axis: Axis) -> Markup:
    """A bar a day from zero; hollow where it may still change, with a mark and an interval where it may end."""
    most = _most(points)
    step = WIDTH / max(len(points), 1)
    closed: list[str] = []
    open_: list[str] = []
    bands: list[str] = []
    expected: list[str] = []
    for number, point in enumerate(points):
        left, width = number * step + step * SOME, step * (1 - 2 * SOME)
        if point.value:
            (closed if point.final else open_).append(_rectangle(left, _y(point.value, most), width))
        if point.low is not None and point.high is not None:
            bands.append(_box(left, _y(point.high, most), width, _y(point.low, most)))
        if point.expected is not None:
            expected.append(f"M{_n(left)} {_n(_y(point.expected, most))}h{_n(width)}")
    return _chart(
        axis,
        (("b", closed), ("o", open_), ("band", bands), ("e", expected)),
    )


def line(points: Sequence[Point], axis: Axis) -> Markup:
    """A line through the days that are known, dashed where they may still change, with marks where these may end."""
    most = _most(points)
    step = WIDTH / max(len(points), 1)
    at = [
        None if point.value is None else (number * step + step * HALF, _y(point.value, most))
        for number, point in enumerate(points)
    ]
    closed = [place if point.final else None for place, point in zip(at, points, strict=True)]
    # What is open goes on from the last day that is closed.
    open_ = [
        place if not point.final or (number + 1 < len(points) and not points[number + 1].final) else None
        for number, (place, point) in enumerate(zip(at, points, strict=True))
    ]
    expected = [
        f"M{_n(number * step + step * SOME)} {_n(_y(point.expected, most))}h{_n(step * (1 - 2 * SOME))}"
        for number, point in enumerate(points)
        if point.expected is not None
    ]
    return _chart(axis, (("l", [_path(closed)]), ("l d", [_path(open_)]), ("e", expected)))


def sparkline(values: Sequence[float | None], label: str) -> Markup:
    """A line without axes, from zero to the highest value; a dot at the newest."""
    most = max((value for value in values if value is not None), default=0) or 1
    step = SPARK_WIDTH / max(len(values), 1)
    at = [
        None if value is None else (number * step + step * HALF, SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * value / most)
        for number, value in enumerate(values)
    ]
    known = [place for place in at if place]
    dot = f'<circle cx="{_n(known[-1][0])}" cy="{_n(known[-1][1])}" r="2"/>' if known else ""
    return _drawn(
        f'<svg class="s" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<path class="l" d="{_path(at)}"/>{dot}</svg>'
    )


def strip(states: Sequence[str], classes: dict[str, str], label: str) -> Markup:
    """A cell a day, by the class of its state; the newest at the right."""
    cells: dict[str, list[str]] = {}
    for number, state in enumerate(states):
        cells.setdefault(classes[state], []).append(f"M{number * STRIP_CELL + 1} 1h8v12h-8z")
    paths = "".join(f'<path class="{name}" d="{"".join(boxes)}"/>' for name, boxes in sorted(cells.items()))
    width = max(len(states), 1) * STRIP_CELL
    return _drawn(
        f'<svg class="strip" viewBox="0 0 {width} {STRIP_HEIGHT}" width="{width}" height="{STRIP_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{paths}</svg>'
    )


def curves(series: Sequence[Sequence[tuple[int, float]]], label: str) -> Markup:
    """A line for each series of (days after the close, share known), with a dash of its own."""
    days = max((day for one in series for day, _ in one), default=1) or 1
    most = max((share for one in series for _, share in one), default=1)
    top = max(1.0, most)
    across, down = CURVE_WIDTH - CURVE_LEFT - CURVE_RIGHT, CURVE_HEIGHT - TOP - BOTTOM - 4

    def place(day: int, share: float) -> tuple[float, float]:
        return CURVE_LEFT + across * day / days, TOP + down * (1 - share / top)

    grid = "".join(
        f'<path class="g" d="M{CURVE_LEFT} {_n(place(0, share)[1])}h{across}"/>'
        f'<text x="{CURVE_LEFT - 4}" y="{_n(place(0, share)[1] + 3)}" text-anchor="end">{share:.0%}</text>'
        for share in (0.0, 0.5, 1.0)
    )
    ticks = "".join(
        f'<text x="{_n(place(day, 0)[0])}" y="{CURVE_HEIGHT - 4}" text-anchor="middle">{day}</text>'
        for day in range(days + 1)
    )
    lines = "".join(
        f'<path class="l c{number}" d="{_path([place(*point) for point in one])}"/>'
        for number, one in enumerate(series)
    )
    return _drawn(
        f'<svg class="curve" viewBox="0 0 {CURVE_WIDTH} {CURVE_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{grid}{ticks}{lines}</svg>"
    )


def _chart(axis: Axis, paths: Iterable[tuple[str, Sequence[str]]]) -> Markup:
    drawn = "".join(f'<path class="{name}" d="{"".join(parts)}"/>' for name, parts in paths if any(parts))
    return _drawn(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(axis.label)}">'
        f'<path class="g" d="M0 {TOP}h{WIDTH}M0 {HEIGHT - BOTTOM}h{WIDTH}"/>{drawn}'
        f'<text x="0" y="{TOP - 4}">{escape(axis.top)}</text>'
        f'<text x="0" y="{HEIGHT - 3}">{escape(axis.first)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 3}" text-anchor="end">{escape(axis.last)}</text></svg>'
    )


def _drawn(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - made of numbers and constants; its words were escaped one by one


def most_of(points: Sequence[Point]) -> float:
    """The highest value that is drawn: what the top of a chart stands for."""
    drawn = (value for point in points for value in (point.value, point.expected, point.high) if value is not None)
    return max(drawn, default=0)


def _most(points: Sequence[Point]) -> float:
    return most_of(points) or 1


def _y(value: float, most: float) -> float:
    return TOP + PLOT * (1 - min(max(value, 0), most) / most)


def _rectangle(left: float, top: float, width: float) -> str:
    return _box(left, min(top, HEIGHT - BOTTOM - 1), width, HEIGHT - BOTTOM)


def _box(left: float, top: float, width: float, bottom: float) -> str:
    return f"M{_n(left)} {_n(top)}h{_n(width)}V{_n(bottom)}h{_n(-width)}z"


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    """Through all places; interrupted where there is none. A place that stands alone is drawn as a dot."""
    return "".join(_segments(places))


def _segments(places: Sequence[tuple[float, float] | None]) -> Iterator[str]:
    before: tuple[float, float] | None = None
    for number, place in enumerate(places):
        if place:
            x, y = place
            is_alone = before is None and (number + 1 == len(places) or places[number + 1] is None)
            yield f"{'L' if before else 'M'}{_n(x)} {_n(y)}{'h.01' if is_alone else ''}"
        before = place


def _n(number: float) -> str:
    """To a tenth of a pixel, as short as it gets."""
    return f"{number:.1f}".removesuffix(".0")
