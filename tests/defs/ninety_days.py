"""A job over ninety partitions, and two processes that tests put beside each other: one runs it, one looks on.

``python -m tests.defs.ninety_days run HOME RUN_ID`` and ``… watch HOME RUN_ID``.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.events.log import EventLogEntry

DAYS: Final = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-04-01")
KEYS: Final = DAYS.get_partition_keys()
KEY: Final = dg.AssetKey("numbers")
CHECK: Final = dg.AssetCheckKey(KEY, "whole")
LONGEST: Final = 100
"""Seconds until whatever is waited for has failed to come."""


@dg.multi_asset(
    specs=[dg.AssetSpec(KEY, partitions_def=DAYS, skippable=True)], backfill_policy=dg.BackfillPolicy.single_run()
)
def numbers(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[object]]:
    """Every day, told one by one as the pipeline tells those that landed; each waits for the tags' file, if any."""
    awaited = context.run.tags.get("waits_for")
    for key in context.partition_keys:
        context.log_event(dg.AssetMaterialization(KEY, partition=key, metadata={"rows": 1}))
        print(key, flush=True)
        if awaited:
            wait_for(Path(awaited))
    yield from ()


JOB: Final = dg.Definitions(
    assets=[numbers], jobs=[dg.define_asset_job("read", executor_def=dg.in_process_executor)]
).resolve_job_def("read")


@dg.multi_asset(
    specs=[dg.AssetSpec(KEY, partitions_def=DAYS)],
    check_specs=[dg.AssetCheckSpec(CHECK.name, asset=KEY)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def numbers_at_once() -> Iterator[dg.MaterializeResult[object]]:
    """Every day in one result, of which Dagster makes an event for each."""
    yield dg.MaterializeResult(metadata={"rows": 1}, check_results=[dg.AssetCheckResult(passed=True)])


JOB_AT_ONCE: Final = dg.Definitions(
    assets=[numbers_at_once], jobs=[dg.define_asset_job("read_at_once", executor_def=dg.in_process_executor)]
).resolve_job_def("read_at_once")


def run(instance: dg.DagsterInstance, run_id: str | None = None, job: dg.JobDefinition = JOB, **tags: str) -> str:
    """Run the job over all days; its id."""
    result = job.execute_in_process(
        {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        instance=instance,
        run_id=run_id,
        tags={
            "dagster/asset_partition_range_start": KEYS[0],
            "dagster/asset_partition_range_end": KEYS[-1],
            **tags,
        },
    )
    return result.run_id


def watch(instance: dg.DagsterInstance, run_id: str, seen: Path) -> int:
    """Follow a run's log as the page of the run does, until it has ended; how many materializations came.

    The first makes the file ``seen``, for which the run waits.
    """
    ended = threading.Event()
    came: list[str | None] = []

    def take(entry: EventLogEntry, _: str) -> None:
        event = entry.dagster_event
        if event and event.is_step_materialization:
            came.append(event.partition)
            seen.touch()
        if event and event.event_type is dg.DagsterEventType.RUN_SUCCESS:
            ended.set()

    instance.watch_event_logs(run_id, None, take)
    assert ended.wait(LONGEST)
    assert sorted(filter(None, came)) == KEYS
    return len(came)


def wait_for(path: Path) -> None:
    """Until another process has made the file."""
    deadline = time.monotonic() + LONGEST
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def start(what: str, home: Path, run_id: str, seen: Path) -> subprocess.Popen[str]:
    """Start a process that runs or watches."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__, what, str(home), run_id, str(seen)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    _, what, home, run_id, seen = sys.argv
    with dg.DagsterInstance.from_config(home) as disk:
        if what == "run":
            run(disk, run_id, waits_for=seen)
        else:
            print("watching", flush=True)
            print(watch(disk, run_id, Path(seen)))
