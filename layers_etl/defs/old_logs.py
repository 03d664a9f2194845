"""The logs that Dagster keeps of runs: of old ones they are removed, for Dagster itself never does.

Its own way to delete a run takes the run's materializations with it, from which partitions and assets know how they
stand. So these stay, and the runs themselves: what goes is each run's own file of events, what its steps printed, and
the results of checks that newer ones have followed.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.utils import is_valid_run_id

logger = logging.getLogger(__name__)

_FORGET_CHECK_RESULTS = """
    DELETE FROM asset_check_executions
    WHERE evaluation_event_timestamp < ?
      AND id NOT IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name)
      AND id NOT IN (
        SELECT max(id) FROM asset_check_executions WHERE execution_status <> 'PLANNED'
        GROUP BY asset_key, check_name, partition
      )
"""

_FORGET_CHECK_EVENTS = """
    DELETE FROM event_logs
    WHERE dagster_event_type IN ('ASSET_CHECK_EVALUATION', 'ASSET_CHECK_EVALUATION_PLANNED') AND timestamp < ?
      AND id NOT IN (
        SELECT evaluation_event_storage_id FROM asset_check_executions WHERE evaluation_event_storage_id IS NOT NULL
      )
"""


def forget_old_logs(instance: dg.DagsterInstance, home: Path, *, before: datetime) -> None:
    """Remove the logs of finished runs that were last written before an instant, by this machine's clock.

    Only in the instance at ``home``, that of the data folder, for another may hold other people's runs too; and only
    where Dagster keeps a file for each run, as it does by default. What is elsewhere is its owner's to prune. What
    cannot be removed is told in the log and tried again by the next run: no run fails for it.
    """
    storage = instance.event_log_storage
    if Path(instance.root_directory).resolve() != home or not isinstance(storage, SqliteEventLogStorage):
        return
    try:
        old = dict(_logs_written_before(storage, before))
        if not old:
            return
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))):
            old.pop(run.run_id, None)
        for run_id, path in old.items():
            _remove(instance, run_id, path)
        _forget_checks(storage, before)
    except Exception as error:  # noqa: BLE001 - whatever Dagster's storage says, the run has better things to do
        logger.warning("Old run logs of Dagster could not be removed (%s); the next run tries again.", error)


def _logs_written_before(storage: SqliteEventLogStorage, before: datetime) -> Iterator[tuple[str, Path]]:
    for run_id in storage.get_all_run_ids():
        path = Path(storage.path_for_shard(run_id))
        # Someone's dagster.yaml may put other databases into the same folder.
        if is_valid_run_id(run_id) and path.stat().st_mtime < before.timestamp():
            yield run_id, path


def _remove(instance: dg.DagsterInstance, run_id: str, path: Path) -> None:
    """The file of events last, and after what belongs to it: as long as it is there, a later run finds what is left."""
    try:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        for suffix in ("-wal", "-shm", ""):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The logs of run %s could not be removed (%s); the next run tries again.", run_id, error)


def _forget_checks(storage: SqliteEventLogStorage, before: datetime) -> None:
    """Two thirds of what the index of all runs grows by. The newest result of each check stays."""
    instant = before.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    with storage.index_connection() as connection:
        connection.exec_driver_sql(_FORGET_CHECK_RESULTS, (instant,))
        connection.exec_driver_sql(_FORGET_CHECK_EVENTS, (instant,))
