"""Of old runs the logs are forgotten, and nothing that assets and partitions are shown by."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from layers_etl.defs.instance import prepare_dagster_home
from layers_etl.defs.old_logs import forget_old_logs
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.fresh import sandbox_settings
from ..harness.instants import utc, window
from ..harness.jobs import METRICS_ASSETS, DagsterPipeline

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-09")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(partitions_def=DAYS)
def numbers(context: dg.AssetExecutionContext) -> None:
    print("what a step prints")
    if context.partition_key == "2026-01-03":
        raise ValueError


@dg.asset_check(asset=numbers, name="are_right")
def check_numbers(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=context.run.tags["dagster/partition"] != "2026-01-02")


JOB = dg.Definitions(
    assets=[numbers],
    asset_checks=[check_numbers],
    jobs=[dg.define_asset_job("read", executor_def=dg.in_process_executor)],
).resolve_job_def("read")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, as the commands prepare it."""
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that what is set here ends with the test
    home = prepare_dagster_home(sandbox_settings("http://127.0.0.1:1", tmp_path))
    with dg.DagsterInstance.from_config(str(home)) as disk:
        yield disk


def run(instance: dg.DagsterInstance, day: int) -> str:
    """A run over one day of January; its id."""
    result = JOB.execute_in_process(QUIET, instance=instance, partition_key=f"2026-01-{day:02d}", raise_on_error=False)
    return result.run_id


def now() -> datetime:
    """This machine's clock, by which logs are dated."""
    return datetime.now(UTC)


def logs_of(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    """Every file of the instance that carries the run's id, or lies in a folder that does."""
    home = Path(instance.root_directory)
    return [path for path in home.rglob("*") if run_id in str(path.relative_to(home))]


def shown(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the UI shows of the asset: its partitions, its history, its checks; and the runs."""
    key, check = dg.AssetKey("numbers"), dg.AssetCheckKey(dg.AssetKey("numbers"), "are_right")
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    return {
        "partitions": instance.get_status_by_partition(key, DAYS.get_partition_keys(), DAYS),
        "materialized": instance.get_materialized_partitions(key),
        "history": [
            (record.storage_id, record.run_id, record.partition_key)
            for record in instance.fetch_materializations(key, limit=100).records
        ],
        "check": (latest.id, latest.run_id, latest.status, latest.event),
        "runs": [(each.run_id, each.status) for each in instance.get_runs()],
    }


@pytest.mark.slow
def test_logs_of_old_runs_go_and_all_that_the_asset_is_shown_by_stays(instance: dg.DagsterInstance) -> None:
    old = [run(instance, day) for day in (1, 2, 3)]
    before = now()
    new = run(instance, 4)
    kept, logs_kept = shown(instance), logs_of(instance, new)
    assert all(len(logs_of(instance, run_id)) > 3 for run_id in (*old, new))

    forget_old_logs(instance, Path(instance.root_directory), before=before)

    assert [logs_of(instance, run_id) for run_id in old] == [[], [], []]
    assert logs_of(instance, new) == logs_kept
    assert shown(instance) == kept
    assert [state.value for state in kept["partitions"].values() if state] == ["MATERIALIZED"] * 2 + [
        "FAILED",
        "MATERIALIZED",
    ]
    with dg.DagsterInstance.from_config(instance.root_directory) as of_a_web_server:
        assert of_a_web_server.all_logs(old[0]) == [], "the page of such a run is empty"
        assert of_a_web_server.all_logs(new)


@pytest.mark.slow
def test_results_of_checks_go_once_newer_ones_have_followed(instance: dg.DagsterInstance) -> None:
    for day in (1, 2, 4):
        run(instance, day)
    check = dg.AssetCheckKey(dg.AssetKey("numbers"), "are_right")
    last, *_ = instance.event_log_storage.get_asset_check_execution_history(check, limit=10)

    forget_old_logs(instance, Path(instance.root_directory), before=now())

    assert instance.event_log_storage.get_asset_check_execution_history(check, limit=10) == [last]
    assert stored_events(instance, "ASSET_CHECK_EVALUATION") == 1
    assert stored_events(instance, "ASSET_CHECK_EVALUATION_PLANNED") == 0
    assert stored_events(instance, "ASSET_MATERIALIZATION") == 3


@pytest.mark.slow
def test_a_check_that_was_last_planned_and_never_evaluated_keeps_its_last_result_too(
    instance: dg.DagsterInstance,
) -> None:
    evaluated = run(instance, 1)
    planned = run(instance, 3)
    check = dg.AssetCheckKey(dg.AssetKey("numbers"), "are_right")

    forget_old_logs(instance, Path(instance.root_directory), before=now())

    history = instance.event_log_storage.get_asset_check_execution_history(check, limit=10)
    assert [record.run_id for record in history] == [planned, evaluated]


@pytest.mark.slow
def test_a_run_in_progress_keeps_its_log_however_old(instance: dg.DagsterInstance) -> None:
    started = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED)
    instance.report_engine_event("It goes on.", started)
    finished = run(instance, 1)

    forget_old_logs(instance, Path(instance.root_directory), before=now() + timedelta(days=1))

    assert logs_of(instance, started.run_id)
    assert not logs_of(instance, finished)
    assert "It goes on." in [entry.message for entry in instance.all_logs(started.run_id)]


@pytest.mark.slow
def test_a_log_that_cannot_be_removed_costs_no_other(
    instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn, other = run(instance, 1), run(instance, 2)
    path = shard(instance, stubborn)
    path.unlink()
    path.mkdir()

    forget_old_logs(instance, Path(instance.root_directory), before=now())

    assert not logs_of(instance, other)
    assert f"The logs of run {stubborn} could not be removed" in caplog.text


@pytest.mark.slow
def test_what_a_killed_removal_left_is_removed_by_the_next(instance: dg.DagsterInstance) -> None:
    killed = run(instance, 1)
    instance.compute_log_manager.delete_logs(prefix=[killed])
    run(instance, 2)

    forget_old_logs(instance, Path(instance.root_directory), before=now())

    assert not logs_of(instance, killed)
    assert stored_events(instance, "ASSET_CHECK_EVALUATION") == 1


@pytest.mark.slow
def test_what_is_no_log_of_a_run_is_left_alone(instance: dg.DagsterInstance) -> None:
    old = run(instance, 1)
    others = [shard(instance, name) for name in ("index", "runs", "schedules", "")]
    for other in others:
        other.touch()

    forget_old_logs(instance, Path(instance.root_directory), before=now() + timedelta(days=1))

    assert all(other.exists() for other in others)
    assert not logs_of(instance, old)


@pytest.mark.slow
def test_an_instance_that_is_not_the_data_folders_is_left_alone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    theirs = run(instance, 1)
    forget_old_logs(instance, tmp_path / "data" / "dagster", before=now())
    assert logs_of(instance, theirs)


@pytest.mark.slow
def test_a_spoilt_storage_costs_no_run(instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture) -> None:
    run(instance, 1)
    for runs in Path(instance.root_directory).glob("history/runs.db*"):
        runs.write_bytes(b"not a database")

    forget_old_logs(instance, Path(instance.root_directory), before=now())

    assert "Old run logs of Dagster could not be removed" in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_mornings_add_no_files_and_little_more_than_their_materializations(tmp_path: Path) -> None:
    """Between two mornings a day passes for all that Dagster has written; the runs themselves forget."""
    keep, mornings, first = 2, 5, utc("2026-03-05 07:00")
    taken: list[Taken] = []
    with SandboxServer(WorldConfig(accounts=1, campaigns=2), now=first) as sandbox:
        pipeline = DagsterPipeline(sandbox, tmp_path, date(2026, 3, 1), {"LAYERS_REQUEST_LOG_DAYS": str(keep)})
        for number in range(mornings):
            assert pipeline.morning(first + timedelta(days=number)).code == 0
            with pipeline.instance() as disk:
                taken.append(Taken.by(disk))
                let_a_day_pass(disk)
    print(
        "", "morning  files  bytes  of them in the index", *(f"{n:7}  {each}" for n, each in enumerate(taken)), sep="\n"
    )

    full = taken[keep:]
    assert {each.files for each in full} == {full[0].files}
    assert full[-1].all_bytes - full[0].all_bytes < BYTES_A_MORNING * (len(full) - 1)
    assert len(pipeline.runs()) == mornings
    assert pipeline.materializations("campaign_daily") == mornings
    read = window("2026-03-01", "2026-03-09")
    for asset in METRICS_ASSETS:
        assert pipeline.partition_states(asset) == dict.fromkeys(read, "MATERIALIZED")
    with pipeline.instance() as disk:
        (newest, *_) = disk.get_runs(limit=1)
        checks = disk.event_log_storage.get_latest_asset_check_execution_by_key(
            list(newest.asset_check_selection or ())
        )
        assert {check.run_id for check in checks.values()} <= {newest.run_id}


BYTES_A_MORNING = 130_000
"""Materializations of nine assets and four days, their plans and their index. It had been a megabyte and four files."""


@dataclass(frozen=True)
class Taken:
    """What Dagster's folder takes."""

    files: int
    all_bytes: int
    index_bytes: int

    @classmethod
    def by(cls, instance: dg.DagsterInstance) -> Self:
        """Counted on the disk."""
        found = [path for path in Path(instance.root_directory).rglob("*") if path.is_file()]
        index = shard(instance, "index").stat().st_size
        return cls(len(found), sum(path.stat().st_size for path in found), index)

    def __str__(self) -> str:
        return f"{self.files:5}  {self.all_bytes:9,}  {self.index_bytes:9,}"


def let_a_day_pass(instance: dg.DagsterInstance) -> None:
    """All that was written becomes a day older."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    for run_id in storage.get_all_run_ids():
        written = shard(instance, run_id).stat().st_mtime - timedelta(days=1).total_seconds()
        os.utime(shard(instance, run_id), (written, written))
    with storage.index_connection() as connection:
        for table, column in (("event_logs", "timestamp"), ("asset_check_executions", "evaluation_event_timestamp")):
            connection.exec_driver_sql(
                f"UPDATE {table} SET {column} = strftime('%Y-%m-%d %H:%M:%f', {column}, '-1 day')"
            )


def shard(instance: dg.DagsterInstance, name: str) -> Path:
    """Dagster's file of a run's events."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    return Path(storage.path_for_shard(name))


def stored_events(instance: dg.DagsterInstance, kind: str) -> int:
    """How many events of a kind the index of all runs holds."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    with storage.index_connection() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM event_logs WHERE dagster_event_type = ?", (kind,))
        return found.fetchall()[0][0]
