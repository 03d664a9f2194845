"""The daily schedule asks for one run over every day that still needs reading, however long the pipeline was down."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta

import dagster as dg
import pytest

from layers_etl.definitions import build_definitions
from layers_etl.sandbox.server import SandboxServer
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import utc
from ..harness.job_fixtures import NewPipeline
from ..harness.jobs import DagsterPipeline
from ..harness.pipeline import Pipeline
from ..harness.worlds import SMALL, TODAY

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def evaluate(pipeline: DagsterPipeline, at: datetime) -> dg.SkipReason | list[dg.RunRequest]:
    """What the schedule says at ``at``: why it skips, or the runs it asks for."""
    with pipeline.environment() as settings, pipeline.instance() as instance:
        schedule = build_definitions(settings).resolve_schedule_def("daily_refresh")
        with dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
            tick = schedule.evaluate_tick(context)
    return list(tick.run_requests or []) or dg.SkipReason(tick.skip_message)


def asked_range(pipeline: DagsterPipeline, at: datetime) -> tuple[date, date]:
    """First and last day of the one run that the schedule asks for."""
    requests = evaluate(pipeline, at)
    assert isinstance(requests, list)
    (request,) = requests
    return date.fromisoformat(request.tags[RANGE_START]), date.fromisoformat(request.tags[RANGE_END])


def test_without_a_published_file_the_first_run_begins_at_the_start_date(pipeline: DagsterPipeline) -> None:
    assert asked_range(pipeline, TODAY) == (date(2026, 3, 1), date(2026, 3, 11))


def test_a_start_date_in_the_future_is_a_reason_to_skip(new_pipeline: NewPipeline) -> None:
    reason = evaluate(new_pipeline(date(2026, 3, 12)), TODAY)
    assert isinstance(reason, dg.SkipReason)
    assert "LAYERS_START_DATE" in str(reason.skip_message)


def test_one_tick_is_one_run_of_the_refresh_job(pipeline: DagsterPipeline) -> None:
    requests = evaluate(pipeline, TODAY)
    assert isinstance(requests, list)
    (request,) = requests
    assert request.asset_selection is None
    assert request.run_config["resources"]["ingestion"]["config"] == {"kind": "RUN"}
    assert request.run_key == TODAY.isoformat()


@pytest.mark.parametrize(
    ("days_later", "first"),
    [(0, date(2026, 3, 9)), (1, date(2026, 3, 9)), (7, date(2026, 3, 9))],
    ids=["the same morning", "the next morning", "after a week's outage"],
)
def test_the_range_begins_with_the_oldest_day_that_has_not_settled(
    read_once: DagsterPipeline, days_later: int, first: date
) -> None:
    at = TODAY + timedelta(days=days_later)
    assert asked_range(read_once, at) == (first, at.date() - timedelta(days=1))


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> DagsterPipeline:
    """A warehouse after its first morning; the schedule needs no API, only the published file."""
    folder, first = tmp_path_factory.mktemp("data"), date(2026, 3, 1)
    with SandboxServer(SMALL, now=TODAY) as sandbox:
        pipeline = Pipeline(sandbox, folder, {"start_date": first})
        assert pipeline.run(TODAY, publish=True).status is RunStatus.SUCCEEDED
        pipeline.let_go()
    return DagsterPipeline(sandbox, folder, first)


def test_a_scope_that_was_added_since_the_last_run_is_read_from_the_start_date_on(read_once: DagsterPipeline) -> None:
    with_adsets = replace(read_once, extra={"LAYERS_SCOPES": "campaign,ad_account,adset"})
    assert asked_range(with_adsets, TODAY) == (date(2026, 3, 1), date(2026, 3, 11))


@pytest.mark.slow
def test_the_run_asked_for_reads_exactly_that_range(pipeline: DagsterPipeline) -> None:
    assert pipeline.morning(utc("2026-03-10 06:00")).code == 0
    pipeline.sandbox.set_clock(TODAY)
    requests = evaluate(pipeline, TODAY)
    assert isinstance(requests, list)
    (request,) = requests
    with pipeline.watched() as received, pipeline.environment() as settings, pipeline.instance() as instance:
        job = build_definitions(settings, last_day=TODAY.date()).resolve_job_def("refresh")
        result = job.execute_in_process(run_config=request.run_config, tags=request.tags, instance=instance)

    assert result.success
    assert {dict(record.query)["since"][:10] for record in received} == {request.tags[RANGE_START]} == {"2026-03-07"}
    asked = {(dict(record.query)["scope"], dict(record.query)["until"][:10]) for record in received}
    assert asked == {("campaign", "2026-03-12"), ("ad_account", "2026-03-13")}, (
        "accounts with a look at the running day"
    )


def test_a_published_file_that_is_no_duckdb_file_does_not_stop_the_schedule(pipeline: DagsterPipeline) -> None:
    pipeline.published.write_bytes(b"spoilt" * 5000)
    assert asked_range(pipeline, TODAY) == (date(2026, 3, 1), date(2026, 3, 11))


def test_a_published_file_that_someone_holds_open_for_writing_does_not_stop_the_schedule(
    pipeline: DagsterPipeline,
) -> None:
    path = str(pipeline.published)
    script = f"import duckdb; held = duckdb.connect({path!r}); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert asked_range(pipeline, TODAY) == (date(2026, 3, 1), date(2026, 3, 11))
        holder.communicate(b"\n")
