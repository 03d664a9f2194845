from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from layers_etl.report.charts import (
    HEIGHT,
    SPARK_HEIGHT,
    SPARK_WIDTH,
    WIDTH,
    Axis,
    Point,
    bars,
    curves,
    line,
    sparkline,
    strip,
)

VALUES = st.none() | st.floats(0, 1e12)
POINTS = st.lists(
    st.builds(Point, value=VALUES, final=st.booleans(), expected=VALUES, low=VALUES, high=VALUES), max_size=28
)
PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]))
AXES = st.builds(Axis, label=PRINTABLE, top=PRINTABLE, first=PRINTABLE, last=PRINTABLE)
SLACK = 0.1


def drawn(markup: Markup) -> ET.Element:
    """The drawing, which is well-formed and says in words what it shows."""
    svg = ET.fromstring(str(markup))
    assert svg.get("role") == "img"
    assert svg.get("aria-label") is not None
    return svg


def within(svg: ET.Element, width: float, height: float) -> bool:
    """Whether the pen is never put down outside."""
    places = [
        (float(x), float(y))
        for path in svg.iter("path")
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d") or "")
    ]
    return all(-SLACK <= x <= width + SLACK and -SLACK <= y <= height + SLACK for x, y in places)


@given(POINTS, AXES)
def test_whatever_the_numbers_bars_and_lines_stay_within_their_frame(points: list[Point], axis: Axis) -> None:
    for draw in (bars, line):
        assert within(drawn(draw(points, axis)), WIDTH, HEIGHT)


@given(AXES)
def test_every_word_is_taken_as_text(axis: Axis) -> None:
    svg = drawn(bars([Point(1.0)], axis))
    assert svg.get("aria-label") == axis.label
    assert [text.text or "" for text in svg.iter("text")] == [axis.top, axis.first, axis.last]
    assert {element.tag for element in svg.iter()} == {"svg", "path", "text"}


@given(st.lists(VALUES, max_size=28))
def test_a_sparkline_stays_within_its_frame_and_ends_in_a_dot_if_anything_is_known(values: list[float | None]) -> None:
    svg = drawn(sparkline(values, "Spend"))
    assert within(svg, SPARK_WIDTH, SPARK_HEIGHT)
    assert len(list(svg.iter("circle"))) == any(value is not None for value in values)


def test_a_day_that_may_still_change_is_hollow_with_its_interval_and_where_it_may_end() -> None:
    axis = Axis("", "", "", "")
    kinds = [
        {path.get("class") for path in drawn(bars([point], axis)).iter("path")}
        for point in (Point(5.0), Point(5.0, final=False), Point(5.0, final=False, expected=6.0, low=5.5, high=8.0))
    ]
    assert kinds == [{"g", "b"}, {"g", "o"}, {"g", "o", "band", "e"}]


def test_a_line_is_interrupted_where_nothing_is_known_and_one_day_alone_is_a_dot() -> None:
    points = [Point(1.0), Point(2.0), Point(None), Point(3.0)]
    svg = drawn(line(points, Axis("", "", "", "")))
    (path,) = [path.get("d") or "" for path in svg.iter("path") if path.get("class") == "l"]
    assert path.count("M") == 2
    assert path.endswith("h.01")


def test_a_strip_has_a_cell_a_day_of_the_class_of_its_state() -> None:
    svg = drawn(strip(["settled", "settled", "held"], {"settled": "f", "held": "w"}, "Days"))
    assert {path.get("class"): (path.get("d") or "").count("z") for path in svg.iter("path")} == {"f": 2, "w": 1}


@given(st.lists(st.lists(st.tuples(st.integers(0, 7), st.floats(0, 3)), max_size=8), max_size=4))
def test_curves_stay_within_their_frame(series: list[list[tuple[int, float]]]) -> None:
    assert within(drawn(curves(series, "Known")), 320, 170)
