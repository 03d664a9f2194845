"""The sequence of a run: each step is told once it is committed, and what landed is published whatever comes after."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import date

import pytest

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, listed_scopes
from layers_etl.errors import RefusedError
from layers_etl.ingest.checks import Check, Evidence, all_checks
from layers_etl.ingest.refresh import Work, refresh
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run import Run
from layers_etl.ingest.steps import Derived, Judged, Listed, MetricsRead, Published, Step, WeeklyReachRead
from layers_etl.ingest.summary import describe_shortfall, describe_summary, summarize
from layers_etl.sandbox.faults import Fault
from layers_etl.warehouse.findings import load_findings
from layers_etl.warehouse.published_file import PublishedFile

from ..harness.instants import FIRST_MORNING
from ..harness.pipeline import Pipeline
from ..warehouse.builders import STALE_WINDOWS

SCOPES = (CAMPAIGN, AD_ACCOUNT)
WEEK = DayWindow(date(2026, 3, 23), date(2026, 3, 30))
EVERYTHING = Work(listed_scopes(SCOPES), SCOPES, SCOPES, WEEK, all_checks(SCOPES))


def begun(pipeline: Pipeline) -> AbstractContextManager[Run]:
    """A backfill that has done nothing yet."""
    return pipeline.preparing(RunRequest(RunKind.BACKFILL, window=WEEK))


def kinds(steps: list[Step]) -> list[type[Step]]:
    return [type(step) for step in steps]


def rows(pipeline: Pipeline, table: str) -> int:
    return pipeline.warehouse.connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def test_everything_is_listed_read_derived_judged_and_published_in_this_order(pipeline: Pipeline) -> None:
    with begun(pipeline) as run:
        steps = list(refresh(run, EVERYTHING))

    assert kinds(steps) == [
        *[Listed] * 2,
        *[MetricsRead] * 2,
        *[WeeklyReachRead] * 2,
        *[Derived] * 2,
        Judged,
        Published,
    ]
    assert describe_shortfall(steps) == ""
    summary = summarize(steps, WEEK)
    told = {warned.check for warned in summary.warnings if warned.sentences}
    assert told == {"every_day_was_read_late_enough"}, "before the week"
    assert describe_summary(summary).startswith(f"{WEEK}: read ")
    assert (summary.published, summary.changed_days, summary.restated_days) == (True, None, 0)
    assert summary.rows_read == sum(step.outcome.rows_landed for step in steps if isinstance(step, MetricsRead)) > 0


def test_a_step_is_told_once_it_is_committed(pipeline: Pipeline) -> None:
    with begun(pipeline) as run:
        for step in refresh(run, EVERYTHING):
            match step:
                case Listed(outcome):
                    assert rows(pipeline, f"ads.{outcome.scope.plural}")
                case MetricsRead(outcome):
                    assert rows(pipeline, f"ads.{outcome.scope.metrics_table}")
                case Derived(scope):
                    assert rows(pipeline, f"marts.{scope.daily_mart}")
                case Published():
                    assert pipeline.settings.published_path.exists()
                case _:
                    pass


def test_a_part_that_is_read_is_followed_by_all_that_hangs_on_it(pipeline: Pipeline) -> None:
    with begun(pipeline) as run:
        steps = list(refresh(run, Work(read=[CAMPAIGN], window=WEEK)))

    assert kinds(steps) == [*[Listed] * 2, MetricsRead, WeeklyReachRead, *[Derived] * 2, Judged, Published]
    assert rows(pipeline, "ads.ad_account_metrics") == 0


@pytest.mark.slow
def test_a_publication_tells_how_many_days_changed_since_the_one_before(pipeline: Pipeline) -> None:
    two_days = DayWindow(WEEK.since, WEEK.since + 2 * ONE_DAY)
    told: list[int | None] = []
    for work in (EVERYTHING, Work(read=[CAMPAIGN], window=two_days), Work()):
        with begun(pipeline) as run:
            told += [step.outcome.changed_days for step in refresh(run, work) if isinstance(step, Published)]

    assert told == [None, 2 * rows(pipeline, "ads.campaigns"), 0]


def test_what_landed_before_a_refusal_is_published_and_the_refusal_is_raised(pipeline: Pipeline) -> None:
    refused = Fault(effect="status", parameters={"status": 401}, path="ads-metrics", after=3)
    pipeline.sandbox.add_fault(refused)
    steps: list[Step] = []
    with begun(pipeline) as run, pytest.raises(RefusedError):
        steps += refresh(run, EVERYTHING)

    assert rows(pipeline, "ads.campaign_metrics") + rows(pipeline, "ads.ad_account_metrics")
    assert rows(pipeline, STALE_WINDOWS) == 0
    assert pipeline.settings.published_path.exists()


def test_a_key_that_is_refused_at_once_leaves_nothing(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 401}))
    with begun(pipeline) as run, pytest.raises(RefusedError):
        list(refresh(run, EVERYTHING))

    assert not pipeline.settings.published_path.exists()


def test_checks_alone_change_nothing(pipeline: Pipeline) -> None:
    pipeline.run(FIRST_MORNING, publish=True)
    before = pipeline.settings.published_path.read_bytes()
    with begun(pipeline) as run:
        (judged,) = refresh(run, Work(checks=all_checks(SCOPES), brings_up_to_date=False))

    assert isinstance(judged, Judged)
    names = {finding.check.name for finding in judged.findings}
    assert "keys_are_unique" in names
    assert "every_entity_was_read" not in names, "nothing was read that could tell"
    assert pipeline.settings.published_path.read_bytes() == before


@pytest.mark.slow
def test_an_entity_that_cannot_be_read_is_a_shortfall_and_the_rest_is_summed_up(pipeline: Pipeline) -> None:
    campaign = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 422}, entity=campaign))
    with begun(pipeline) as run:
        steps = list(refresh(run, EVERYTHING))

    assert "1 of 6 campaigns could not be read" in describe_shortfall(steps)
    assert describe_shortfall(steps).endswith("the next run asks for just what is missing.")
    assert Published in kinds(steps)


@pytest.mark.slow
def test_what_the_checks_found_is_published_with_what_they_found_it_of(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 422}, entity=pipeline.campaigns()[0]))
    with begun(pipeline) as run:
        *_, judged, _ = refresh(run, EVERYTHING)

    assert isinstance(judged, Judged)
    with PublishedFile(pipeline.settings.published_path).open() as published:
        assert published
        standing = {(each.asset, each.check_name): each for each in load_findings(published)}
    assert {(finding.check.asset, finding.check.name) for finding in judged.findings} == standing.keys()
    unread = standing["campaign_metrics", "every_entity_was_read"]
    assert unread.is_error
    assert unread.message
    assert "1 of 6 campaigns could not be read" in unread.message


def test_what_landed_is_published_though_holding_a_promise_breaks_off(pipeline: Pipeline) -> None:
    def break_off(_: Evidence) -> None:
        raise ZeroDivisionError

    broken = Check("broken", "campaign_metrics", "Never.", break_off)
    with begun(pipeline) as run, pytest.raises(ZeroDivisionError):
        list(refresh(run, Work(read=[CAMPAIGN], window=WEEK, checks=[broken])))

    assert pipeline.settings.published_path.exists()
