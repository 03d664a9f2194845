"""Settlement as a whole, through HTTP and DuckDB: random clocks, outages, failures, restatements, settling times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.days import DayWindow, day_close
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.runs import RunStatus

from ..examples import examples
from ..harness.instants import FIRST_MORNING, START
from ..harness.pipeline import Pipeline, refusing
from ..harness.place import Entity

Told = tuple[Entity, date]
WORLD = WorldConfig(accounts=2, campaigns=2)


@dataclass(frozen=True)
class Step:
    """One run of a life: how long after the one before, under which settings, what fails, what is restated."""

    later: timedelta
    settling: SettlingTimes
    failing: frozenset[int]
    restated: int | None
    backfilled: bool


steps = st.builds(
    Step,
    later=st.sampled_from([0, 1, 18, 24, 24, 24, 49, 30 * 24]).map(lambda hours: timedelta(hours=hours)),
    settling=st.sampled_from(
        [SettlingTimes(), SettlingTimes(), SettlingTimes(24), SettlingTimes(72, {"meta_ads": 120})]
    ),
    failing=st.frozensets(st.integers(0, 5), max_size=2),
    restated=st.none() | st.integers(1, 6),
    backfilled=st.sampled_from([False, False, False, True]),
)


@settings(derandomize=True, deadline=None, max_examples=examples(2))
@given(st.lists(steps, min_size=2, max_size=5))
def test_no_day_is_called_settled_that_was_not_read_late_enough_and_a_clean_run_settles_all_that_is_due(
    tmp_path_factory: pytest.TempPathFactory, life: list[Step]
) -> None:
    live(tmp_path_factory.mktemp("life"), life)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(derandomize=True, deadline=None, max_examples=5)
@given(st.lists(steps, min_size=2, max_size=8))
def test_no_day_is_called_settled_that_was_not_read_late_enough_over_many_lives(
    tmp_path_factory: pytest.TempPathFactory, life: list[Step]
) -> None:
    live(tmp_path_factory.mktemp("life"), life)


def live(folder: Path, life: list[Step]) -> None:
    """Live through ``life``, holding the warehouse against what it was told after every run."""
    now = FIRST_MORNING
    with SandboxServer(WORLD, now=now) as sandbox:
        pipeline = Pipeline(sandbox, folder)
        told: dict[Told, datetime] = {}
        for number, step in enumerate(life):
            now += step.later
            sandbox.set_clock(now)
            sandbox.clear_faults()
            campaigns = pipeline.campaigns()
            if step.restated:
                day = now.date() - timedelta(days=step.restated)
                sandbox.world.restate_day(campaigns[0], day, spend_cents=1000 + number)
            entities = pipeline.entities()
            failing = {entities[index] for index in step.failing if index < len(entities)}
            for _, entity_id in failing:
                sandbox.add_fault(refusing(entity_id))
            pipeline.options["settle_hours"] = step.settling
            whole = DayWindow(START, now.date())
            ran = pipeline.backfill(whole) if step.backfilled else pipeline.run()
            just_told = {
                ((scope, entity_id), day)
                for scope, entity_id, window in ran.asked
                if (scope, entity_id) not in failing
                for day in window
            }
            told |= dict.fromkeys(just_told, now)
            assert_true_to(pipeline, told, just_told, step.settling)
            if ran.status is RunStatus.SUCCEEDED:
                assert_settled_what_is_due(pipeline, step.settling, now)
                assert pipeline.run(as_of=now).asked == []
        pipeline.let_go()


def assert_true_to(
    pipeline: Pipeline, told: dict[Told, datetime], just_told: set[Told], settling: SettlingTimes
) -> None:
    """Rows say when they were read, whether that was late enough and counts, and what the API said at that instant."""
    platforms = dict(
        pipeline.rows(
            "SELECT campaign_id, platform FROM ads.campaigns"
            " UNION ALL SELECT ad_account_id, platform FROM ads.ad_accounts"
        )
    )
    # What its copy was not seen to be late enough for: an account that failed, or has no activity yet today.
    held = {
        ((scope, entity_id), day)
        for scope, entity_id, day in pipeline.rows("SELECT scope, entity_id, day FROM ops.day_states WHERE held")
    }
    for scope, column in (("campaign", "campaign_id"), ("ad_account", "ad_account_id")):
        found = pipeline.rows(f"SELECT {column}, day, settled, observed_at, spend FROM ads.{scope}_metrics")
        for entity_id, day, settled, observed_at, spend in found:
            read_at = told[(scope, entity_id), day]
            late_enough = day_close(day) + timedelta(hours=settling.hours(platforms[entity_id]))
            assert observed_at == read_at
            assert settled == (read_at >= late_enough and ((scope, entity_id), day) not in held)
            if ((scope, entity_id), day) in just_told:
                truth = pipeline.said(scope, entity_id, day)
                assert truth and spend == truth[0]


def assert_settled_what_is_due(pipeline: Pipeline, settling: SettlingTimes, now: datetime) -> None:
    """Every entity was read late enough on every day that closed its settling time ago."""
    for scope, entity_id, platform in pipeline.rows(
        "SELECT 'campaign', campaign_id, platform FROM ads.campaigns"
        " UNION ALL SELECT 'ad_account', ad_account_id, platform FROM ads.ad_accounts"
    ):
        hours = timedelta(hours=settling.hours(platform))
        due = {day for day in DayWindow(START, now.date()) if day_close(day) + hours <= now}
        evidence = pipeline.rows(
            "SELECT since, until, read_at FROM ops.readings WHERE scope = ? AND entity_id = ?", [scope, entity_id]
        )
        final = {
            day
            for since, until, read_at in evidence
            for day in DayWindow(since, until)
            if read_at >= day_close(day) + hours
        }
        assert due <= final
