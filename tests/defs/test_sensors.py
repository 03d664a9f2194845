"""What Dagster's sensors make of its runs: the same alerts as the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from layers_etl.defs.dead_runs import KILLED, process_tags
from layers_etl.defs.sensors import alert_sensors
from layers_etl.domain.days import DayWindow
from layers_etl.ingest.request import RunKind
from layers_etl.settings import Settings

from ..harness.hooks import Hook, webhook
from ..harness.job_fixtures import NewPipeline
from ..harness.jobs import DagsterPipeline, unreadable

START = date(2026, 3, 9)
DAYS = DayWindow(START, date(2026, 3, 12))


@pytest.fixture
def hook() -> Iterator[Hook]:
    """One that takes what comes."""
    with webhook() as server:
        yield server


@pytest.fixture
def alerted(new_pipeline: NewPipeline, hook: Hook) -> DagsterPipeline:
    """Three days to read, and everything that there is to tell goes to the hook."""
    return new_pipeline(START, LAYERS_NOTIFY_URL=hook.address, LAYERS_PING_URL=f"{hook.address}&ping")


def tick(pipeline: DagsterPipeline, run_id: str) -> None:
    """What the daemon does once it has heard how a run ended."""
    with pipeline.environment() as settings, pipeline.instance() as instance:
        run = instance.get_run_by_id(run_id)
        assert run
        failed = run.status is dg.DagsterRunStatus.FAILURE
        kind = dg.DagsterEventType.RUN_FAILURE if failed else dg.DagsterEventType.RUN_SUCCESS
        (*_, entry) = instance.all_logs(run_id, of_type=kind)
        sensor = {sensor.name: sensor for sensor in alert_sensors(settings)}[
            "alert_of_failures" if failed else "alert_of_findings"
        ]
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name,
            dagster_event=entry.get_dagster_event(),
            dagster_instance=instance,
            dagster_run=run,
        )
        sensor(context.for_run_failure() if failed else context)


def test_the_sensors_run_by_themselves_only_where_an_address_is_set() -> None:
    without = {sensor.default_status for sensor in alert_sensors(Settings())}
    with webhook() as hook:
        having = {sensor.default_status for sensor in alert_sensors(Settings(ping_url=hook.secret))}
    assert without == {dg.DefaultSensorStatus.STOPPED}
    assert having == {dg.DefaultSensorStatus.RUNNING}


@pytest.mark.slow
def test_a_run_whose_checks_do_not_hold_is_told_by_its_checks(alerted: DagsterPipeline, hook: Hook) -> None:
    with alerted.broken(unreadable(scope="campaign")):
        run_id = alerted.materialize(DAYS, kind=RunKind.RUN).run_id
    for _ in range(2):
        tick(alerted, run_id)
    (told,) = hook.texts
    assert told.startswith("layers_etl: error check failed, ")


def test_a_run_that_broke_off_is_told_in_the_words_of_the_error(alerted: DagsterPipeline, hook: Hook) -> None:
    alerted.extra["LAYERS_API_KEY"] = "lp_test_of_nobody"
    tick(alerted, alerted.materialize(DAYS, kind=RunKind.RUN).run_id)
    (told,) = hook.texts
    assert told.startswith("layers_etl: run failed, ")
    assert "LAYERS_API_KEY" in told
    assert "Error:" not in told


def test_a_run_that_could_not_open_the_warehouse_is_told_in_the_words_of_the_error(
    alerted: DagsterPipeline, hook: Hook
) -> None:
    alerted.data_dir.mkdir(parents=True)
    (alerted.data_dir / "build.duckdb").mkdir()
    tick(alerted, alerted.materialize(DAYS, kind=RunKind.RUN).run_id)
    (told,) = hook.texts
    assert "- run failed: the run: " in told
    assert "build.duckdb" in told


def test_a_run_whose_process_was_killed_is_told(alerted: DagsterPipeline, hook: Hook) -> None:
    alerted.data_dir.mkdir(parents=True)
    with alerted.instance() as instance:
        run = instance.create_run_for_job(dg.job(name="refresh")(lambda: None))
        instance.report_run_failed(run, KILLED)
    tick(alerted, run.run_id)
    (told,) = hook.texts
    assert "- run failed: the run: its process ended without a word." in told
    assert KILLED in told


def test_a_run_of_the_command_line_tells_its_own_end_and_is_told_by_a_sensor_only_where_it_was_killed(
    alerted: DagsterPipeline, hook: Hook
) -> None:
    alerted.data_dir.mkdir(parents=True)
    with alerted.instance() as instance:
        interrupted, killed, well = (
            instance.create_run_for_job(dg.job(name="refresh")(lambda: None), tags=process_tags()) for _ in range(3)
        )
        instance.report_run_failed(interrupted, "Interrupted.")
        instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "refresh"), well.run_id)
        tick(alerted, interrupted.run_id)
        tick(alerted, well.run_id)
        assert hook.requests == []
        instance.report_run_failed(killed, KILLED)
    tick(alerted, killed.run_id)
    (told,) = hook.texts
    assert KILLED in told


@pytest.mark.slow
def test_a_daily_run_that_succeeds_pings_and_a_backfill_does_not(alerted: DagsterPipeline, hook: Hook) -> None:
    for kind, pings in ((RunKind.BACKFILL, 0), (RunKind.RUN, 1)):
        tick(alerted, alerted.materialize(DAYS, kind=kind).run_id)
        assert len(hook.requests) == pings


def test_looking_at_how_late_the_publication_is_launches_nothing(alerted: DagsterPipeline, hook: Hook) -> None:
    with alerted.environment() as settings:
        (*_, lateness) = alert_sensors(settings)
        with dg.build_sensor_context() as context:
            assert not lateness.evaluate_tick(context).run_requests
    assert hook.requests == []
