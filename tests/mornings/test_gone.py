"""What answers 404 is reported once and remembered; whether it is asked for again is for the listing to say."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.ingest.outstanding import find_open_days, find_outstanding, find_overdue
from layers_etl.sandbox.faults import Fault
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, START, last_days, morning
from ..harness.pipeline import Pipeline

WHOLE = DayWindow(START, FIRST_MORNING.date())


def not_found(entity: str) -> Fault:
    """The API does not know an entity's metrics."""
    return Fault(effect="status", parameters={"status": 404}, path="ads-metrics", entity=entity)


def gone_since(pipeline: Pipeline, campaign: str) -> object:
    """When the campaign was first found to be gone; None where it is not."""
    ((gone_at,),) = pipeline.rows("SELECT gone_at FROM ads.campaigns WHERE campaign_id = ?", [campaign])
    return gone_at


def reported(pipeline: Pipeline) -> list[object]:
    """The runs that reported a failure, once for each."""
    return [run_id for (run_id,) in pipeline.rows("SELECT run_id FROM ops.failures ORDER BY failed_at")]


@pytest.mark.slow
def test_a_campaign_that_is_listed_before_its_metrics_are_known_is_read_whole_once_they_are(pipeline: Pipeline) -> None:
    new = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(not_found(new))
    first = pipeline.run()
    assert first.status is RunStatus.INCOMPLETE
    second = pipeline.run(morning(1))
    assert second.status is RunStatus.SUCCEEDED, "nothing new"
    assert second.windows["campaign", new] == [DayWindow(START, morning(1).date())]
    assert gone_since(pipeline, new) == FIRST_MORNING
    pipeline.sandbox.clear_faults()
    third = pipeline.run(morning(2))
    assert third.windows["campaign", new] == [DayWindow(START, morning(2).date())]
    assert gone_since(pipeline, new) is None
    assert reported(pipeline) == [first.run_id]
    assert pipeline.run(morning(3)).windows["campaign", new] == [last_days(morning(3), 4)]


@pytest.mark.slow
def test_what_is_gone_and_listed_no_longer_is_left_alone_by_runs_and_asked_for_by_a_backfill(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    before = pipeline.table(CAMPAIGN)
    removed = pipeline.campaigns()[0]
    pipeline.sandbox.world.remove_campaign(removed)
    first = pipeline.run(morning(1))
    assert first.status is RunStatus.INCOMPLETE
    assert gone_since(pipeline, removed) == morning(1)
    second = pipeline.run(morning(2))
    assert second.status is RunStatus.SUCCEEDED
    assert ("campaign", removed) not in second.windows
    assert [known.key.entity_id for known in second.outcomes["campaign"].plan.gone] == [removed]
    again = pipeline.backfill(WHOLE)
    assert ("campaign", removed) in again.windows
    assert again.status is RunStatus.SUCCEEDED
    assert {key: row for key, row in pipeline.table(CAMPAIGN).items() if key[0] == removed} == {
        key: row for key, row in before.items() if key[0] == removed
    }


@pytest.mark.slow
def test_what_a_request_names_and_is_gone_is_a_failure_every_time(pipeline: Pipeline) -> None:
    gone = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(not_found(gone))
    pipeline.run()
    named = pipeline.backfill(WHOLE, campaign_ids=frozenset({gone}))
    assert named.status is RunStatus.FAILED
    assert [failed.read.key.entity_id for failed in named.outcomes["campaign"].failed] == [gone]
    assert reported(pipeline)[-1] == named.run_id
    assert gone_since(pipeline, gone) == FIRST_MORNING


@pytest.mark.slow
def test_what_is_gone_holds_back_neither_the_settled_days_nor_the_next_range(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(not_found(pipeline.campaigns()[0]))
    pipeline.run()
    outstanding = find_outstanding(pipeline.warehouse, pipeline.settings, FIRST_MORNING)
    assert find_open_days(pipeline.warehouse, outstanding).oldest == date(2026, 3, 29)
    assert find_overdue(outstanding, pipeline.settings.settle_hours) == []


@pytest.mark.slow
def test_days_have_failed_where_all_but_what_is_gone_could_not_be_read(pipeline: Pipeline) -> None:
    gone, *others = pipeline.campaigns()
    pipeline.sandbox.add_fault(not_found(gone))
    pipeline.run()
    for other in others:
        pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 409}, entity=other))
    newest = morning(1).date() - timedelta(days=1)
    assert newest in pipeline.run(morning(1)).outcomes["campaign"].failed_days


def test_a_batch_lands_with_its_failures_or_not_at_all(pipeline: Pipeline) -> None:
    gone = pipeline.campaigns()[0]
    pipeline.run()
    pipeline.sandbox.add_fault(not_found(gone))
    readings = "SELECT count(*) FROM ops.readings"
    before = pipeline.rows(readings)
    # Where the failure cannot be written down, the rest of the batch must not be either.
    pipeline.warehouse.connection.execute("ALTER TABLE ops.failures RENAME TO no_failures")
    with pytest.raises(duckdb.CatalogException):
        pipeline.run(morning(1))
    assert gone_since(pipeline, gone) is None
    assert pipeline.rows(readings) == before
