"""Which settled days are read again: any of them, as likely as any other, and never many."""

from __future__ import annotations

from collections import Counter
from datetime import date
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.auditing import AUDITED_DAYS, count_audits, sample_audits
from layers_etl.domain.days import DayWindow
from layers_etl.domain.planning import KnownEntity
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.settlement import Coverage, SettlingTimes

from .strategies import ledger_of as ledger
from .strategies import properties, readings, utc


def known(name: str, *coverage: Coverage, **facts: Any) -> KnownEntity:
    return KnownEntity(EntityKey(CAMPAIGN, "prj_1", name, "meta_ads"), coverage=coverage, **facts)


@properties
@given(st.lists(readings(), max_size=4), st.integers(0, 5), st.integers())
def test_only_settled_days_are_sampled_and_no_entity_twice(read: list[object], count: int, seed: int) -> None:
    entities = [known(f"cmp_{n}", *ledger(each, 78)) for n, each in enumerate(read)]  # pyright: ignore[reportArgumentType]
    audits = sample_audits(entities, SettlingTimes(78), count, Random(seed))
    assert len(audits) <= count
    assert len({audit.key for audit in audits}) == len(audits)
    for audit in audits:
        (entity,) = (each for each in entities if each.key == audit.key)
        settled = {day for interval in entity.coverage for day in interval.settled_window(78) or ()}
        assert set(audit.window) <= settled
        assert len(audit.window) <= AUDITED_DAYS
    assert bool(audits) == bool(count and any(each.settled_window(78) for one in entities for each in one.coverage))


def test_the_whole_past_is_sampled_evenly() -> None:
    year = DayWindow(date(2025, 1, 1), date(2026, 1, 1))
    entities = [known("cmp_old", Coverage(year, utc(2, 1))), known("cmp_new", Coverage(year, lag_hours=80))]
    drawn: Counter[tuple[str, int]] = Counter()
    for seed in range(400):
        for audit in sample_audits(entities, SettlingTimes(78), 1, Random(seed)):
            for day in audit.window:
                drawn[audit.key.entity_id, day.month] += 1
    assert len(drawn) == 24
    assert max(drawn.values()) < 4 * min(drawn.values())


def test_what_is_gone_or_of_an_archived_project_is_not_sampled() -> None:
    week = Coverage(DayWindow(date(2025, 1, 1), date(2025, 1, 8)), utc(2, 1))
    entities = [known("cmp_1", week, gone=True), known("cmp_2", week, project_archived=True)]
    assert sample_audits(entities, SettlingTimes(78), 5, Random(1)) == []


@given(st.integers(0, 100_000), st.floats(0, 100))
def test_audits_cost_their_share_of_a_runs_requests_and_at_least_one(requests: int, percent: float) -> None:
    count = count_audits(requests, percent)
    assert (count == 0) == (requests == 0 or percent == 0)
    assert count <= max(1, requests * percent / 100)
