"""A project that is no longer active: what was begun of it is read until it has settled, and no day more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.ingest.outstanding import Outstanding, find_outstanding, find_overdue
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.world import ORGANIZATION, WorldConfig
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, morning
from ..harness.pipeline import Pipeline, Ran
from ..harness.place import Asked

pytestmark = pytest.mark.slow

PipelineOver = Callable[..., Pipeline]
WORLD = WorldConfig(projects=2, accounts=1, campaigns=2)


@pytest.fixture
def archived(pipeline_over: PipelineOver) -> tuple[Pipeline, str]:
    """A pipeline that has run once, and the one of its two projects that was archived since."""
    pipeline = pipeline_over(WORLD)
    pipeline.run()
    _, project = pipeline.sandbox.world.projects(ORGANIZATION)
    pipeline.sandbox.world.update_project(project.id, status="archived")
    return pipeline, project.id


def asked_of(pipeline: Pipeline, project_id: str, ran: Ran) -> list[Asked]:
    """What a run asked of one project."""
    world = pipeline.sandbox.world
    campaigns = world.campaigns(project_id, pipeline.sandbox.clock.now())
    entities = {account.id for account in world.accounts(project_id)} | {campaign.id for campaign in campaigns}
    return [asked for asked in ran.asked if asked[1] in entities]


def outstanding(pipeline: Pipeline, at: datetime) -> Outstanding:
    return find_outstanding(pipeline.warehouse, pipeline.settings, at)


def test_what_was_begun_of_an_archived_project_is_read_until_it_has_settled(archived: tuple[Pipeline, str]) -> None:
    pipeline, project_id = archived
    last_read = FIRST_MORNING.date()
    for number in (1, 2, 3):
        ran = pipeline.run(morning(number))
        assert ran.status is RunStatus.SUCCEEDED
        since = last_read - timedelta(days=4 - number)
        # Of its account up to the running day, to see whether the copy moves; no day of it is begun.
        assert {(scope, window) for scope, _, window in asked_of(pipeline, project_id, ran)} == {
            ("campaign", DayWindow(since, last_read)),
            ("ad_account", DayWindow(since, morning(number).date() + timedelta(days=1))),
        }
        assert pipeline.rows(
            "SELECT max(day) < ? FROM ads.ad_account_metrics WHERE project_id = ?", [last_read, project_id]
        )
    assert asked_of(pipeline, project_id, pipeline.run(morning(4))) == []
    settled = "SELECT bool_and(settled) FROM ads.campaign_metrics WHERE project_id = ?"
    assert pipeline.rows(settled, [project_id]) == [(True,)]
    assert find_overdue(outstanding(pipeline, morning(9)), pipeline.settings.settle_hours) != [], "of the other project"


def test_days_of_an_archived_project_that_nobody_read_late_enough_are_overdue(archived: tuple[Pipeline, str]) -> None:
    pipeline, project_id = archived
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 409}, path=f"{project_id}/ads-metrics"))
    ran = pipeline.run(morning(5))
    assert ran.status is RunStatus.INCOMPLETE
    overdue = find_overdue(outstanding(pipeline, morning(5)), pipeline.settings.settle_hours)
    assert {(read.key.project_id, read.window) for read in overdue} == {
        (project_id, DayWindow(date(2026, 3, 29), FIRST_MORNING.date()))
    }


@pytest.mark.parametrize("status", [403, 404])
def test_an_archived_project_that_is_not_to_be_seen_any_more_is_gone(
    archived: tuple[Pipeline, str], status: int
) -> None:
    pipeline, project_id = archived
    parameters = {"status": status, "code": {403: "FORBIDDEN", 404: "NOT_FOUND"}[status]}
    pipeline.sandbox.add_fault(Fault(effect="status", parameters=parameters, path=f"{project_id}/ads-metrics"))
    assert pipeline.run(morning(1)).status is RunStatus.INCOMPLETE
    again = pipeline.run(morning(2))
    assert again.status is RunStatus.SUCCEEDED
    assert asked_of(pipeline, project_id, again) == []


def test_a_project_that_is_active_again_is_read_as_if_it_had_always_been(archived: tuple[Pipeline, str]) -> None:
    pipeline, project_id = archived
    pipeline.run(morning(1))
    pipeline.sandbox.world.update_project(project_id, status="active")
    ran = pipeline.run(morning(2))
    assert {(scope, window) for scope, _, window in asked_of(pipeline, project_id, ran)} == {
        ("campaign", DayWindow(date(2026, 3, 30), morning(2).date())),
        ("ad_account", DayWindow(date(2026, 3, 30), morning(3).date())),
    }


def test_a_project_that_the_settings_leave_out_is_not_read(archived: tuple[Pipeline, str]) -> None:
    pipeline, project_id = archived
    pipeline.options["project_ids"] = (pipeline.project_id,)
    assert asked_of(pipeline, project_id, pipeline.run(morning(1))) == []


def test_a_backfill_leaves_archived_projects_alone(archived: tuple[Pipeline, str]) -> None:
    pipeline, project_id = archived
    days = DayWindow(date(2026, 3, 28), FIRST_MORNING.date())
    assert asked_of(pipeline, project_id, pipeline.backfill(days, morning(1))) == []
