"""Runs of the command line that were killed: Dagster last heard that they had started, and would wait for ever."""

import os
import socket

import dagster as dg

PID_TAG = "layers_etl/pid"
HOST_TAG = "layers_etl/host"
IN_PROGRESS = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
KILLED = "The process was killed. What it had committed is kept; run it again."


def process_tags() -> dict[str, str]:
    """Which process runs it: for runs that no launcher of Dagster watches."""
    return {PID_TAG: str(os.getpid()), HOST_TAG: socket.gethostname()}


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Tell Dagster of runs whose process, on this host, is no more: with one run at a time they block the queue."""
    of_this_host = dg.RunsFilter(statuses=list(IN_PROGRESS), tags={HOST_TAG: socket.gethostname()})
    for run in instance.get_runs(filters=of_this_host):
        if PID_TAG in run.tags and not _is_alive(int(run.tags[PID_TAG])):
            instance.report_run_failed(run, KILLED)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # It is there, and another user's.
    return True
