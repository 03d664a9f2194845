"""Runs that were killed: Dagster last heard that they had started, and its queue would wait for them for ever."""

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from layers_etl.defs.locations import repository_label
from layers_etl.warehouse.lock import lock_if_free

PID_TAG: Final = "layers_etl/pid"
HOST_TAG: Final = "layers_etl/host"
IN_PROGRESS: Final = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
KILLED: Final = "The process was killed. What it had committed is kept; run it again."

LONGEST_START: Final = timedelta(minutes=15)
"""In which a run that Dagster launched has imported what it needs and taken the lock, however busy the machine."""


def process_tags() -> dict[str, str]:
    """Which process runs it, for people; and that it had the build file's lock before Dagster knew of it."""
    return {PID_TAG: str(os.getpid()), HOST_TAG: socket.gethostname()}


def is_of_command_line(run: dg.DagsterRun) -> bool:
    """Whether the command line executed it: one that the UI executes again keeps the tags of its parent."""
    return PID_TAG in run.tags and run.parent_run_id is None


def fail_dead_runs(instance: dg.DagsterInstance, build: Path, now: datetime, location: str | None = None) -> None:
    """Tell Dagster of the runs that are no more, where no process has the lock of the ``build`` file.

    A run of the command line holds it from before it begins until after it has ended, whatever host or container its
    tags name, and takes it to the grave. One that Dagster launched has it shortly after it begins. Where the settings
    name a code ``location``, only its runs are looked at: what holds the others is the lock of another key's file.
    """
    ours = {REPOSITORY_LABEL_TAG: repository_label(location)} if location else {}
    with lock_if_free(build) as free:
        if not free:
            return
        unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED, *IN_PROGRESS], tags=ours)
        for record in instance.get_run_records(unfinished):
            run = record.dagster_run
            had_its_time = record.create_timestamp.astimezone(UTC) < now - LONGEST_START
            if is_of_command_line(run) or (had_its_time and run.status in IN_PROGRESS):
                instance.report_run_failed(run, KILLED)
