"""The event log over kept connections is Dagster's own in all that anybody sees of it, whoever is at work beside it."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import uuid
from collections import Counter
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.exc import OperationalError

from layers_etl.defs.event_log import MOST_KEPT, KeptEventLogStorage
from layers_etl.defs.instance import CONFIGURATION, prepare_dagster_home

from ..harness.fresh import sandbox_settings, unset_all
from .ninety_days import CHECK, DAYS, JOB_AT_ONCE, KEY, KEYS, run, start


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The instance's folder as the commands prepare it."""
    unset_all(monkeypatch, tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that what is set here ends with the test
    return prepare_dagster_home(sandbox_settings("http://127.0.0.1:1", tmp_path / "the 'data' folder: ü"))


@contextmanager
def plain(home: Path) -> Generator[dg.DagsterInstance]:
    """The same folder with Dagster's own event log."""
    beside = home.with_name("beside")
    beside.mkdir(exist_ok=True)
    own = {
        "event_log_storage": ("dagster._core.storage.event_log", "SqliteEventLogStorage", home / "history" / "runs"),
        "run_storage": ("dagster._core.storage.runs", "SqliteRunStorage", home / "history"),
    }
    storages = {
        name: {"module": module, "class": of, "config": {"base_dir": str(folder)}}
        for name, (module, of, folder) in own.items()
    }
    (beside / "dagster.yaml").write_text(json.dumps({"telemetry": {"enabled": False}, **storages}))
    with opened(beside) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        yield instance


def opened(home: Path) -> AbstractContextManager[dg.DagsterInstance]:
    """The instance in a folder."""
    return dg.DagsterInstance.from_config(str(home))


def shard(instance: dg.DagsterInstance, run_id: str) -> Path:
    """The file of a run's events."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    return Path(storage.path_for_shard(run_id))


def shown(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """What the UI shows of a run and its asset."""
    return {
        "status": [(each.run_id, each.status) for each in instance.get_runs()],
        "states": instance.get_status_by_partition(KEY, KEYS, DAYS),
        "events": [(log.timestamp, log.message) for log in instance.all_logs(run_id)],
        "history": [
            (each.storage_id, each.partition_key) for each in instance.fetch_materializations(KEY, 500).records
        ],
        "latest": instance.get_latest_materialization_event(KEY),
    }


def told_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """What is known of a run, its days and its check, but for instants and ids."""
    asset = instance.get_asset_records([KEY])[0].asset_entry
    checks = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=1000)
    assert asset.last_materialization_record
    assert asset.last_run_id == run_id
    return {
        "events": Counter(log.dagster_event_type for log in instance.all_logs(run_id)),
        "states": instance.get_status_by_partition(KEY, KEYS, DAYS),
        "days": [each.partition_key for each in instance.fetch_materializations(KEY, 500).records],
        "last day": asset.last_materialization_record.partition_key,
        "checks": [(check.partition, check.status) for check in checks if check.run_id == run_id],
    }


def test_the_data_folders_instance_keeps_its_event_log_over_kept_connections(home: Path) -> None:
    with opened(home) as instance:
        assert isinstance(instance.event_log_storage, KeptEventLogStorage)
        assert shard(instance, "index") == home / "history" / "runs" / "index.db"


def test_a_home_of_ones_own_is_given_nothing_that_needs_this_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset_all(monkeypatch, tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "own"))

    home = prepare_dagster_home(sandbox_settings("http://127.0.0.1:1", tmp_path / "data"))

    assert (home / "dagster.yaml").read_bytes() == CONFIGURATION.read_bytes()
    with opened(home) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage


@pytest.mark.slow
def test_a_run_over_ninety_days_is_read_the_same_by_dagsters_own_event_log(home: Path) -> None:
    with opened(home) as instance:
        run_id = run(instance)
        ours = shown(instance, run_id)
        with plain(home) as other:
            assert shown(other, run_id) == ours
    with plain(home) as other:
        assert shown(other, run_id) == ours

    assert {state.name for state in ours["states"].values()} == {"MATERIALIZED"}
    assert {key for _, key in ours["history"]} == set(KEYS)


@pytest.mark.slow
def test_what_dagsters_own_event_log_wrote_is_gone_on_with(home: Path) -> None:
    with plain(home) as other:
        first = run(other)
    with opened(home) as instance:
        second = run(instance)
        assert {each.run_id for each in instance.get_runs()} == {first, second}
        assert len(instance.fetch_materializations(KEY, 500).records) == 2 * len(KEYS)


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["kept", "plain"])
def test_a_run_is_followed_by_another_process_while_it_goes_on(home: Path, tmp_path: Path, reader: str) -> None:
    """As the page of the run does: the run waits until its first day has been seen."""
    run_id, seen = str(uuid.uuid4()), tmp_path / "seen"
    with plain(home):
        reads_in = home if reader == "kept" else home.with_name("beside")
    with start("watch", reads_in, run_id, seen) as watching:
        assert watching.stdout
        assert watching.stdout.readline() == "watching\n"
        with opened(home) as instance:
            run(instance, run_id, waits_for=str(seen))
        assert watching.stdout.readline() == f"{len(KEYS)}\n"
    assert watching.returncode == 0


@pytest.mark.slow
def test_a_killed_run_has_told_all_that_it_said_and_the_next_goes_on(home: Path, tmp_path: Path) -> None:
    run_id = str(uuid.uuid4())
    with opened(home) as instance, start("run", home, run_id, tmp_path / "never") as running:
        assert running.stdout
        while (line := running.stdout.readline()) and not line.startswith(KEYS[0]):
            pass
        running.kill()
        running.wait()

        assert instance.get_materialized_partitions(KEY) == {KEYS[0]}
        killed = instance.get_run_by_id(run_id)
        assert killed
        instance.report_run_failed(killed)
        assert {entry.run_id for entry in instance.all_logs(run_id)} == {run_id}
        run(instance)
        assert instance.get_materialized_partitions(KEY) == set(KEYS)
    for file in (home / "history" / "runs").glob("*.db"):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.slow
def test_a_log_that_another_process_removed_is_empty_and_can_be_begun_anew(home: Path) -> None:
    with opened(home) as page, opened(home) as other:
        run_id = run(other)
        assert len(page.all_logs(run_id)) > len(KEYS)
        for suffix in ("-wal", "-shm", ""):
            shard(other, run_id).with_name(f"{run_id}.db{suffix}").unlink(missing_ok=True)

        assert page.all_logs(run_id) == []
        told = page.get_run_by_id(run_id)
        assert told
        other.report_engine_event("It is told anew.", told)
        assert [entry.message for entry in page.all_logs(run_id)] == ["It is told anew."]


def test_dagsters_migrations_are_read_once_however_many_files_are_made(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(home):
        pass
    monkeypatch.delattr("alembic.script.ScriptDirectory._load_revisions")
    with opened(home) as instance:
        for each in [instance.create_run_for_job(_job()) for _ in range(3)]:
            instance.report_engine_event("It begins.", each)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted as Linux shows them")
@pytest.mark.slow
def test_no_more_files_are_kept_open_than_a_few_and_none_once_it_is_done(home: Path) -> None:
    def open_files() -> set[str]:
        named = {Path(os.path.realpath(link)) for link in Path("/proc/self/fd").iterdir()}
        return {path.name for path in named if path.is_relative_to(home) and path.suffix == ".db"}

    with opened(home) as instance:
        runs = [instance.create_run_for_job(_job()) for _ in range(2 * MOST_KEPT)]
        for each in runs:
            instance.report_engine_event("It begins.", each)
        assert 0 < len(open_files()) <= MOST_KEPT
        assert [len(instance.all_logs(each.run_id)) for each in runs] == [1] * len(runs)
    assert open_files() == set()


def test_a_batch_is_read_as_its_events_one_by_one_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    for batches_of in ("0", "7", "500"):
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", batches_of)
        with opened(home) as instance:
            seen.append(told_of(instance, run(instance, job=JOB_AT_ONCE)))
            instance.wipe()

    one_by_one, *in_batches = seen
    assert len(one_by_one["days"]) == len(KEYS)
    assert "SUCCEEDED" in {status.name for _, status in one_by_one["checks"]}
    assert in_batches == [one_by_one, one_by_one]


def test_a_batch_that_fails_leaves_nothing_of_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(home) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, KeptEventLogStorage)
        run_id = run(instance, job=JOB_AT_ONCE)
        before = told_of(instance, run_id)
        events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        store, left = KeptEventLogStorage.store_event, iter(events[:-1])

        def store_all_but_the_last(storage: KeptEventLogStorage, event: dg.EventLogEntry) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, "")
            store(storage, event)

        with monkeypatch.context() as failing:
            failing.setattr(KeptEventLogStorage, "store_event", store_all_but_the_last)
            with pytest.raises(OSError, match="28"):
                storage.store_event_batch(events)
        assert told_of(instance, run_id) == before

        storage.store_event(events[-1])
        assert len(told_of(instance, run_id)["days"]) == len(KEYS) + 1


def test_a_statement_that_fails_takes_nothing_else_with_it(home: Path) -> None:
    with opened(home) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, KeptEventLogStorage)
        run_id = run(instance)
        with pytest.raises(OperationalError):
            _delete_all_and_fail(storage)
        assert len(instance.get_materialized_partitions(KEY)) == len(KEYS)
        assert len(instance.all_logs(run_id)) > len(KEYS)


@pytest.mark.slow
def test_wiping_leaves_a_log_that_works(home: Path) -> None:
    with opened(home) as instance:
        before = run(instance)
        instance.wipe()
        assert instance.get_materialized_partitions(KEY) == set()
        run(instance)
        assert instance.get_materialized_partitions(KEY) == set(KEYS)
        assert instance.all_logs(before) == []


@pytest.mark.slow
def test_an_upgrade_of_dagster_brings_its_files_forward(home: Path) -> None:
    """Dagster's migrations look at what is there already, so that marking the files as old is enough to run them."""
    with opened(home) as instance:
        run_id = run(instance)
        storage = instance.event_log_storage
        assert isinstance(storage, KeptEventLogStorage)
        before = shown(instance, run_id)
        for connect in (storage.index_connection, lambda: storage.run_connection(run_id)):
            with connect() as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = '5771160a95ad'")
        instance.upgrade()
        found, head = storage.alembic_version()
        assert found == head
        assert shown(instance, run_id) == before


@pytest.mark.slow
def test_dagsters_own_event_log_stands_in_where_it_connects_otherwise(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a version to come may."""
    own = SqliteEventLogStorage._connect  # pyright: ignore[reportPrivateUsage] - it is what may change

    def connect(self: SqliteEventLogStorage, shard: str, *, _purpose: str) -> Any:
        return own(self, shard)

    def connect_run(self: Any, run_id: str) -> Any:
        return self._connect(run_id, _purpose="run")

    def connect_index(self: Any) -> Any:
        return self._connect("index", _purpose="index")

    monkeypatch.setattr(SqliteEventLogStorage, "_connect", connect)
    monkeypatch.setattr(SqliteEventLogStorage, "run_connection", connect_run)
    monkeypatch.setattr(SqliteEventLogStorage, "index_connection", connect_index)

    with opened(home) as instance:
        run(instance)
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert instance.get_materialized_partitions(KEY) == set(KEYS)
    assert "keeps its event log differently" in caplog.text


def _delete_all_and_fail(storage: KeptEventLogStorage) -> None:
    with storage.index_connection() as connection:
        connection.exec_driver_sql("DELETE FROM event_logs")
        connection.exec_driver_sql("DELETE FROM what_is_not_there")


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    return dg.GraphDefinition(name="nothing", node_defs=[nothing]).to_job()
