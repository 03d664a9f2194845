"""Landing answers: the current table, its history and every instant before, against a naive model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow, day_close
from layers_etl.domain.readings import EntityKey, Reading, frame_readings
from layers_etl.domain.scopes import PROJECT
from layers_etl.errors import LayersEtlError
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.readings import Landing, upsert_readings
from layers_etl.warehouse.runs import RunStart, forget_requests, record_start

from ..examples import examples
from .builders import A, B, Row, dump, land, load_coverage, march, opened, reading, rows, spends, utc, window

MEASURES = "spend, impressions, clicks, conversions, conversion_value, reach, frequency"
FIRST, SPAN = march(1), 6
Key = tuple[str, date]

AS_OF = """
  SELECT campaign_id, day, currency, {measures} FROM ads.campaign_metrics_history
  WHERE project_id = $project_id AND observed_at <= $at AND $at < superseded_at
  UNION ALL
  SELECT campaign_id, day, currency, {measures} FROM ads.campaign_metrics
  WHERE project_id = $project_id AND first_observed_at <= $at
"""

_project_numbers = count(1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One file for all examples of the properties, each of which has a project of its own."""
    with opened(tmp_path_factory.mktemp("shared")) as warehouse:
        yield warehouse


@dataclass(frozen=True)
class Value:
    """One value of a key, with the instants it was seen at."""

    numbers: Row
    first_seen_at: datetime
    last_seen_at: datetime
    is_settled: bool


@dataclass
class Model:
    """The table as dictionaries: what it says now, what it said before, and a copy of it at every instant."""

    current: dict[Key, Value] = field(default_factory=dict[Key, Value])
    history: list[Row] = field(default_factory=list[Row])
    snapshots: dict[datetime, dict[Key, Row]] = field(default_factory=dict[datetime, dict[Key, Row]])

    def observe(self, seen: Reading, currency: str | None, settle_hours: int) -> None:
        """A whole answer replaces its window; a currency that is not known now leaves a day's own."""
        at = seen.read_at
        incoming: dict[Key, Row] = {
            (seen.key.entity_id, row["day"]): (currency, *(row[name] for name in MEASURES.split(", ")))
            for row in frame_readings([seen]).to_dicts()
        }
        incoming = {
            key: (currency or (self.current[key].numbers[0] if key in self.current else None), *measures)
            for key, (_, *measures) in incoming.items()
        }
        for key in [key for key in self.current if key[0] == seen.key.entity_id and key[1] in seen.window]:
            standing = self.current[key]
            if incoming.get(key) != standing.numbers:
                times = (standing.first_seen_at, standing.last_seen_at, at)
                self.history.append((*key, *standing.numbers, standing.is_settled, *times))
                del self.current[key]
        for key, numbers in incoming.items():
            first_seen_at = self.current[key].first_seen_at if key in self.current else at
            is_settled = at >= day_close(key[1]) + timedelta(hours=settle_hours)
            self.current[key] = Value(numbers, first_seen_at, at, is_settled)
        self.snapshots[at] = {key: value.numbers for key, value in self.current.items()}


@dataclass(frozen=True)
class Observation:
    """One answer as a property draws it."""

    reading: Reading
    currency: str | None
    settle_hours: int


@st.composite
def observations(draw: st.DrawFn) -> list[Observation]:
    """Answers one after another, of few values, so that numbers change, change back, vanish and return."""
    at, drawn = utc(3, 2, 6), list[Observation]()
    project_id = f"prj_{next(_project_numbers)}"
    for _ in range(draw(st.integers(1, 8))):
        since = FIRST + draw(st.integers(0, SPAN - 1)) * ONE_DAY
        days = DayWindow(since, since + draw(st.integers(1, SPAN)) * ONE_DAY)
        numbers = st.fixed_dictionaries(
            {"spend": st.sampled_from([Decimal(1), Decimal("2.5")])},
            optional={"conversion_value": st.just(Decimal(3)), "reach": st.just(7), "frequency": st.just(1.25)},
        )
        buckets = draw(st.dictionaries(st.sampled_from(list(days)), numbers))
        drawn.append(
            Observation(
                reading(replace(draw(st.sampled_from([A, B])), project_id=project_id), days, at, buckets),
                draw(st.sampled_from(["USD", "USD", "USD", "EUR", None])),
                draw(st.sampled_from([24, 72])),
            )
        )
        # Two readings may count as of the same instant.
        at += draw(st.sampled_from([timedelta(0), timedelta(hours=7), timedelta(days=1), timedelta(days=3)]))
    return drawn


@settings(derandomize=True, deadline=None, max_examples=examples(8))
@given(observations())
def test_the_table_and_its_history_and_every_past_instant_equal_a_naive_model(
    shared: Warehouse, observed: list[Observation]
) -> None:
    replay(shared, observed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(derandomize=True, deadline=None, max_examples=12)
@given(observations())
def test_the_table_and_its_history_and_every_past_instant_equal_a_naive_model_over_many_lives(
    shared: Warehouse, observed: list[Observation]
) -> None:
    replay(shared, observed)


def replay(shared: Warehouse, observed: list[Observation]) -> None:
    """Land and model the same answers, and hold the one against the other."""
    model, project_id = Model(), observed[0].reading.key.project_id
    for each in observed:
        land(shared, each.reading, currency=each.currency, settle_hours=each.settle_hours)
        model.observe(each.reading, each.currency, each.settle_hours)

    current = rows(
        shared,
        f"SELECT campaign_id, day, currency, {MEASURES}, settled, first_observed_at, observed_at"
        " FROM ads.campaign_metrics WHERE project_id = ?",
        [project_id],
    )
    assert sorted(current, key=repr) == sorted(
        (
            (*key, *value.numbers, value.is_settled, value.first_seen_at, value.last_seen_at)
            for key, value in model.current.items()
        ),
        key=repr,
    )
    history = rows(
        shared,
        f"SELECT campaign_id, day, currency, {MEASURES}, settled, observed_at, last_observed_at, superseded_at"
        " FROM ads.campaign_metrics_history WHERE project_id = ?",
        [project_id],
    )
    assert sorted(history, key=repr) == sorted(model.history, key=repr)

    for at, expected in model.snapshots.items():
        assert as_of(shared, project_id, at) == expected
        assert as_of(shared, project_id, at + timedelta(minutes=1)) == expected
    assert as_of(shared, project_id, observed[0].reading.read_at - timedelta(seconds=1)) == {}


def as_of(warehouse: Warehouse, project_id: str, at: datetime) -> dict[Key, Row]:
    """The table as it stood at ``at``; a key that comes twice fails."""
    query = AS_OF.format(measures=MEASURES)
    found = warehouse.connection.execute(query, {"project_id": project_id, "at": at}).fetchall()
    table = {(entity, day): tuple(numbers) for entity, day, *numbers in found}
    assert len(table) == len(found)
    return table


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=examples(3))
@given(observations())
def test_landing_the_same_answers_again_changes_no_number_and_no_history(
    shared: Warehouse, observed: list[Observation]
) -> None:
    for each in observed:
        land(shared, each.reading, currency=each.currency)
        before = numbers_and_history(shared, each.reading.key.project_id)
        for minutes in (0, 1):
            later = replace(each.reading, read_at=each.reading.read_at + timedelta(minutes=minutes))
            land(shared, later, currency=each.currency)
            assert numbers_and_history(shared, each.reading.key.project_id) == before


def numbers_and_history(warehouse: Warehouse, project_id: str) -> tuple[list[Row], list[Row]]:
    """What was said when, without when it was last confirmed."""
    current = f"SELECT campaign_id, day, {MEASURES}, first_observed_at FROM ads.campaign_metrics"
    history = f"SELECT campaign_id, day, {MEASURES}, observed_at, superseded_at FROM ads.campaign_metrics_history"
    said_now, said_before = (
        rows(warehouse, f"{query} WHERE project_id = ? ORDER BY ALL", [project_id]) for query in (current, history)
    )
    return said_now, said_before


def test_a_number_that_changes_goes_into_history_with_when_it_was_seen_and_superseded(warehouse: Warehouse) -> None:
    days = window(1, 1)
    for hour, spend in ((6, 100), (7, 100), (8, 103), (9, 100)):
        land(warehouse, reading(A, days, utc(3, 2, hour), spends(days, spend)))
    history = (
        "SELECT spend, observed_at, last_observed_at, superseded_at FROM ads.campaign_metrics_history ORDER BY ALL"
    )
    assert rows(warehouse, history) == [
        (Decimal(100), utc(3, 2, 6), utc(3, 2, 7), utc(3, 2, 8)),
        (Decimal(103), utc(3, 2, 8), utc(3, 2, 8), utc(3, 2, 9)),
    ]
    current = "SELECT spend, first_observed_at, observed_at FROM ads.campaign_metrics"
    assert rows(warehouse, current) == [(Decimal(100), utc(3, 2, 9), utc(3, 2, 9))]


def test_a_bucket_that_vanished_goes_into_history_and_may_come_back(warehouse: Warehouse) -> None:
    days = window(1, 2)
    land(warehouse, reading(A, days, utc(3, 3, 6), spends(days, 5)))
    land(warehouse, reading(A, days, utc(3, 3, 7), spends([march(1)], 5)))
    assert rows(warehouse, "SELECT day FROM ads.campaign_metrics") == [(march(1),)]
    land(warehouse, reading(A, days, utc(3, 3, 8), spends(days, 5)))
    assert rows(warehouse, "SELECT day, first_observed_at FROM ads.campaign_metrics ORDER BY day") == [
        (march(1), utc(3, 3, 6)),
        (march(2), utc(3, 3, 8)),
    ]
    history = rows(warehouse, "SELECT day, observed_at, superseded_at FROM ads.campaign_metrics_history")
    assert history == [(march(2), utc(3, 3, 6), utc(3, 3, 7))]


def test_a_reading_leaves_days_outside_its_window_and_other_entities_alone(warehouse: Warehouse) -> None:
    days = window(1, 5)
    land(warehouse, reading(A, days, utc(3, 6, 6), spends(days, 5)), reading(B, days, utc(3, 6, 6), spends(days, 7)))
    land(warehouse, reading(A, window(2, 3), utc(3, 6, 7), {}))
    assert rows(warehouse, "SELECT campaign_id, list(day ORDER BY day) FROM ads.campaign_metrics GROUP BY ALL") in (
        [("cmp_a", [march(1), march(4), march(5)]), ("cmp_b", list(days))],
        [("cmp_b", list(days)), ("cmp_a", [march(1), march(4), march(5)])],
    )


def test_a_change_of_currency_alone_is_a_change(warehouse: Warehouse) -> None:
    days = window(1, 1)
    land(warehouse, reading(A, days, utc(3, 2, 6), spends(days, 5)))
    land(warehouse, reading(A, days, utc(3, 2, 7), spends(days, 5)), currency="EUR")
    assert rows(warehouse, "SELECT currency FROM ads.campaign_metrics") == [("EUR",)]
    assert rows(warehouse, "SELECT currency FROM ads.campaign_metrics_history") == [("USD",)]


def test_a_day_is_settled_from_the_instant_it_could_no_longer_change(warehouse: Warehouse) -> None:
    days = window(1, 3)
    land(warehouse, reading(A, days, utc(3, 6), spends(days, 5)))
    settled = "SELECT day, settled FROM ads.campaign_metrics ORDER BY day"
    assert rows(warehouse, settled) == [(march(1), True), (march(2), True), (march(3), False)]
    land(warehouse, reading(A, window(3, 3), utc(3, 7), spends([march(3)], 5)))
    assert rows(warehouse, settled)[2] == (march(3), True)


DOUBLED: dict[str, list[Reading]] = {
    "one answer holds a day twice": [
        replace(
            (once := reading(A, window(1, 2), utc(3, 3), spends([march(1)], 5))),
            columns={name: [*values, *values] for name, values in once.columns.items()},
        )
    ],
    "two answers hold the same day": [
        reading(A, window(1, 2), utc(3, 3), spends([march(2)], 5)),
        reading(A, window(2, 3), utc(3, 3), spends([march(2)], 6)),
    ],
    "one answer holds a day and another says it is empty": [
        reading(A, window(1, 2), utc(3, 3), spends([march(2)], 5)),
        reading(A, window(2, 3), utc(3, 3), {}),
    ],
    "two answers say that the same day is empty": [
        reading(A, window(1, 4), utc(3, 3), {}),
        reading(A, window(2, 3), utc(3, 3), {}),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("why", DOUBLED)
def test_a_batch_with_a_key_twice_is_refused_and_writes_nothing_because(warehouse: Warehouse, why: str) -> None:
    land(warehouse, reading(A, window(1, 4), utc(3, 2), spends(window(1, 4), 1)))
    before = dump(warehouse)
    with pytest.raises(LayersEtlError, match="the same day"):
        land(warehouse, reading(B, window(1, 4), utc(3, 3), spends(window(1, 4), 1)), *DOUBLED[why])
    assert dump(warehouse) == before
    land(warehouse, reading(B, window(1, 4), utc(3, 3), spends(window(1, 4), 1)))


def test_a_landing_that_fails_halfway_says_why_and_writes_nothing(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, window(1, 4), utc(3, 2), spends(window(1, 4), 1)))
    before = dump(warehouse)
    later = reading(A, window(1, 4), utc(3, 3), spends(window(1, 4), 2))
    # The ledger is written last, and an interval needs a scope.
    nowhere = replace(A, scope=replace(A.scope, name=None))  # pyright: ignore[reportArgumentType]
    with pytest.raises(duckdb.ConstraintException, match="NOT NULL"):
        upsert_readings(warehouse, A.scope, [Landing(replace(later, key=nowhere), "USD", 72)], {nowhere: ()}, "run")
    assert dump(warehouse) == before
    land(warehouse, later)


def test_landing_writes_the_ledger_and_the_evidence_of_every_answer(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, window(2, 4), utc(3, 5, 6), {}, request_id="req_1"), run_id="run_1")
    land(
        warehouse,
        reading(A, window(3, 4), utc(3, 5, 7), {}, request_id="req_2"),
        reading(B, window(3, 4), utc(3, 5, 7), {}, request_id="req_3"),
        run_id="run_2",
    )
    evidence = "SELECT entity_id, since, until, read_at, run_id, request_id FROM ops.readings ORDER BY request_id"
    assert rows(warehouse, evidence) == [
        ("cmp_a", march(2), march(5), utc(3, 5, 6), "run_1", "req_1"),
        ("cmp_a", march(3), march(5), utc(3, 5, 7), "run_2", "req_2"),
        ("cmp_b", march(3), march(5), utc(3, 5, 7), "run_2", "req_3"),
    ]
    assert [(interval.window, interval.read_at) for interval in load_coverage(warehouse, A)] == [
        (window(2, 2), utc(3, 5, 6)),
        (window(3, 4), utc(3, 5, 7)),
    ]
    assert [(interval.window, interval.read_at) for interval in load_coverage(warehouse, B)] == [
        (window(3, 4), utc(3, 5, 7))
    ]


def test_a_thousand_quiet_days_are_one_row_of_the_ledger(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, DayWindow(date(2023, 1, 1), date(2026, 1, 1)), utc(3, 1), {}))
    assert rows(warehouse, "SELECT count(*) FROM ops.coverage") == [(1,)]
    assert rows(warehouse, "SELECT count(*) FROM ads.campaign_metrics") == [(0,)]


def test_ratios_the_primitives_do_not_give_are_noted_beside_the_numbers(warehouse: Warehouse) -> None:
    buckets = spends([march(1), march(2)], 4, conversions=1)
    buckets = {march(1): {**buckets[march(1)], "cpa": 5.0}, march(2): {**buckets[march(2)], "cpa": 4.0}}
    land(warehouse, reading(A, window(1, 2), utc(3, 3), buckets))
    noted = rows(warehouse, "SELECT scope, entity_id, day, metric, reported, recomputed FROM ops.ratio_mismatches")
    assert noted == [("campaign", "cmp_a", march(1), "cpa", 5.0, 4.0)]


def test_a_ratio_is_noted_as_long_as_the_numbers_it_came_with_stand(warehouse: Warehouse) -> None:
    wrong, right = ({**spends([march(1)], 4, conversions=1)[march(1)], "cpa": cpa} for cpa in (5.0, 4.0))
    noted = "SELECT day, reported, read_at FROM ops.ratio_mismatches ORDER BY day"
    land(warehouse, reading(A, window(1, 2), utc(3, 3), {march(1): wrong, march(2): wrong}))
    land(warehouse, reading(B, window(1, 2), utc(3, 3), {march(1): wrong}))
    land(warehouse, reading(A, window(2, 2), utc(3, 4), {march(2): wrong}))
    assert rows(warehouse, noted) == [
        (march(1), 5.0, utc(3, 3)),
        (march(1), 5.0, utc(3, 3)),
        (march(2), 5.0, utc(3, 4)),
    ]
    land(warehouse, reading(A, window(1, 2), utc(3, 5), {march(1): right, march(2): right}))
    assert rows(warehouse, noted) == [(march(1), 5.0, utc(3, 3))]


def test_every_landing_counts_as_a_change_worth_publishing(warehouse: Warehouse) -> None:
    revision = "SELECT revision FROM ops.revision"
    before = rows(warehouse, revision)[0][0]
    land(warehouse, reading(A, window(1, 1), utc(3, 2), {}))
    assert rows(warehouse, revision) == [(before + 1,)]


def test_the_request_of_a_reading_is_forgotten_with_the_log_of_its_run_and_the_reading_is_not(
    warehouse: Warehouse,
) -> None:
    for run_id, started_at in (("old", utc(3, 2)), ("new", utc(3, 4))):
        record_start(warehouse, RunStart(run_id, "run", "all", started_at, started_at, None, started_at))
        # A run that stands for the past reads as of then; the log counts by when it was made.
        land(warehouse, reading(A, window(1, 1), utc(3, 2, 6), {}, request_id=f"req_{run_id}"), run_id=run_id)
    forget_requests(warehouse, before=utc(3, 3))
    assert rows(warehouse, "SELECT run_id, request_id FROM ops.readings ORDER BY run_id") == [
        ("new", "req_new"),
        ("old", None),
    ]


@pytest.mark.slow
def test_a_project_is_its_own_key(tmp_path: Path) -> None:
    key = EntityKey(PROJECT, "prj_1", "prj_1")
    measures: dict[str, Any] = {"spend": Decimal(3)}
    with open_warehouse(tmp_path / "build.duckdb", [PROJECT]) as warehouse:
        for hour in (6, 7):
            land(warehouse, reading(key, window(1, 1), utc(3, 2, hour), {march(1): measures}), currency=None)
        assert rows(warehouse, "SELECT project_id, day, spend FROM ads.project_metrics") == [
            ("prj_1", march(1), Decimal(3))
        ]
        assert rows(warehouse, "SELECT * FROM ads.project_metrics_history") == []
