"""Windows of days cut into stretches: nothing is left out, and a few of long ago are kept apart from many new ones."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.warehouse.stretches import stretches

from ..examples import examples

FIRST = date(2026, 1, 1)


def day(number: int) -> date:
    """The day with this number; the first is 0."""
    return FIRST + timedelta(days=number)


def cut(windows: list[tuple[str, int, int]], days: set[int]) -> list[tuple[date, date]]:
    """The stretches of windows of entities, over a table with these days."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE windows (project_id VARCHAR, entity_id VARCHAR, since DATE, until DATE)")
        connection.execute("CREATE TABLE held (day DATE)")
        for entity, since, until in windows:
            connection.execute("INSERT INTO windows VALUES ('prj', ?, ?, ?)", [entity, day(since), day(until)])
        for number in days:
            connection.execute("INSERT INTO held VALUES (?)", [day(number)])
        return list(stretches(connection, "windows", "days", ["held"], whole_up_to=0))


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(-5, 60), st.integers(1, 70)).map(
            lambda drawn: (drawn[0], drawn[1], drawn[1] + drawn[2])
        ),
        max_size=20,
    ),
    st.sets(st.integers(0, 60)),
)
def test_for_all_windows_the_stretches_follow_each_other_and_hold_every_day_of_them(
    windows: list[tuple[str, int, int]], days: set[int]
) -> None:
    found = cut(windows, days)
    assert all(since < until for since, until in found)
    assert all(until <= following for (_, until), (following, _) in pairwise(found))
    wanted = {day(number) for number in days for _, since, until in windows if since <= number < until}
    assert wanted <= {each for each in map(day, range(61)) if any(since <= each < until for since, until in found)}


def test_a_few_windows_of_long_ago_are_kept_apart_from_many_of_the_newest_days() -> None:
    many = [(f"cmp_{number}", 96, 100) for number in range(50)]
    assert cut([*many, ("cmp_1", 3, 9), ("cmp_2", 5, 40)], set(range(101))) == [
        (day(3), day(40)),
        (day(96), day(100)),
    ]


def test_windows_without_an_end_are_cut_at_the_days_there_are() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE windows AS SELECT 'prj' AS project_id, 'cmp' AS entity_id, DATE '0001-01-01' AS since, "
            "DATE '9999-12-31' AS until"
        )
        connection.execute("CREATE TABLE held AS SELECT DATE '2026-01-01' AS day")
        assert list(stretches(connection, "windows", "days", ["held"], whole_up_to=0)) == [(day(0), day(1))]
