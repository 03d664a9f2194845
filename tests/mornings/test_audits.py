"""Settled days are read again at random; what moved is found, kept, counted and told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.ingest.status import examine_status
from layers_etl.warehouse.audits import load_audit_findings
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, START, morning
from ..harness.pipeline import Pipeline, refusing

PipelineOver = Callable[..., Pipeline]
SETTLED = DayWindow(START, FIRST_MORNING.date() - timedelta(days=3))


def audits(pipeline: Pipeline) -> list[tuple[object, ...]]:
    return pipeline.rows("SELECT scope, entity_id, since, until, days, moved_days FROM ops.audits ORDER BY read_at")


@pytest.mark.slow
def test_every_run_but_the_first_reads_one_settled_window_again_by_default(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(audit_percent=1)
    assert len(pipeline.run().asked) == len(pipeline.entities())
    assert audits(pipeline) == []
    for number in range(1, 4):
        ran = pipeline.run(morning(number))
        assert len(ran.asked) == len(pipeline.entities()) + 1
        assert ran.status is RunStatus.SUCCEEDED
        scope, entity_id, since, until, days, moved = audits(pipeline)[-1]
        assert (scope, entity_id, DayWindow(since, until)) in ran.asked  # pyright: ignore[reportArgumentType]
        assert (days, moved) == ((until - since).days, 0)  # pyright: ignore[reportOperatorIssue]
        assert until <= morning(number).date() - timedelta(days=4)  # pyright: ignore[reportOperatorIssue]


@pytest.mark.slow
def test_none_is_read_again_where_it_is_switched_off_or_in_a_backfill(pipeline: Pipeline) -> None:
    pipeline.run()
    assert len(pipeline.run(morning(1)).asked) == len(pipeline.entities())
    pipeline.options["audit_percent"] = 100
    assert len(pipeline.backfill(SETTLED).asked) == len(pipeline.entities())
    assert audits(pipeline) == []


def test_a_settled_day_that_moved_is_found_kept_in_history_counted_and_told(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(audit_percent=100)
    pipeline.run()
    restated = [(campaign, day) for campaign in pipeline.campaigns() for day in SETTLED]
    for campaign, day in restated:
        pipeline.sandbox.world.restate_day(campaign, day, spend_cents=999_999, conversions=77)
    ran = pipeline.run(morning(1), publish=True)
    assert ran.status is RunStatus.SUCCEEDED
    moved = pipeline.rows(
        "SELECT entity_id, since, until, moved_days FROM ops.audits WHERE scope = 'campaign' AND moved_days > 0"
    )
    assert moved, "some campaign that ran was among those read again"
    campaign, since, until, days_moved = moved[0]
    history = pipeline.rows(
        "SELECT day, settled, superseded_at FROM ads.campaign_metrics_history"
        " WHERE campaign_id = ? AND day >= ? AND day < ? AND settled ORDER BY day",
        [campaign, since, until],
    )
    assert len(history) == days_moved
    assert {(settled, at) for _, settled, at in history} == {(True, morning(1))}
    for day, *_ in history:
        assert pipeline.table(CAMPAIGN)[campaign, day] == pipeline.said("campaign", campaign, day)

    change = pipeline.rows(
        "SELECT sum(entity_days_that_moved), max(share_moved_at_most), sum(spend_after) > sum(spend_before)"
        " FROM marts.late_changes WHERE scope = 'campaign' AND entity_days_that_moved > 0"
    )
    total = pipeline.rows("SELECT sum(moved_days) FROM ops.audits WHERE scope = 'campaign'")
    assert change == [(total[0][0], None, True)]

    found = [finding for finding in load_audit_findings(pipeline.warehouse, [CAMPAIGN]) if finding.moved_days]
    oldest = min(day for day, *_ in history)
    needed = (morning(1) - FIRST_MORNING).days * 24 + (FIRST_MORNING.date() - oldest).days * 24 - 24 + 6
    assert max(finding.held_by_hours or 0 for finding in found) >= needed
    assert f"{found[0].held_by_hours} hours would have held" in str(found[0])
    assert examine_status(pipeline.warehouse, pipeline.settings, morning(1)).audits


@pytest.mark.slow
def test_days_that_stand_are_told_with_the_bound_of_what_may_move(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(audit_percent=100)
    pipeline.run()
    pipeline.run(morning(1))
    ((days, moved),) = pipeline.rows("SELECT sum(days), sum(moved_days) FROM ops.audits")
    assert days > 0
    assert moved == 0
    shown = pipeline.rows(
        "SELECT sum(entity_days), sum(entity_days_that_moved), bool_and(abs(share_moved_at_most - (1 - pow(0.05, 1.0 /"
        " entity_days))) < 1e-12), bool_and(spend_before = spend_after) FROM marts.late_changes"
    )
    assert shown == [(days, 0, True, True)]


@pytest.mark.slow
def test_settled_days_that_cannot_be_read_again_are_no_failure(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(audit_percent=100)
    pipeline.run()
    # Everything that is asked for of the time before the days that are open.
    for campaign in pipeline.campaigns():
        pipeline.sandbox.add_fault(refusing(campaign, query={"until": f"{SETTLED.until}T00:00:00Z"}))
    ran = pipeline.run(morning(1))
    assert ran.status is RunStatus.SUCCEEDED
    assert pipeline.rows("SELECT count(*) FROM ops.failures") == [(0,)]
