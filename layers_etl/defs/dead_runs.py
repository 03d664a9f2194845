"""Runs of the command line that were killed: Dagster last heard that they had started, and would wait for ever."""

import os
import socket
import subprocess
from pathlib import Path

import dagster as dg

PID_TAG = "layers_etl/pid"
STARTED_TAG = "layers_etl/started"
HOST_TAG = "layers_etl/host"
IN_PROGRESS = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
KILLED = "The process was killed. What it had committed is kept; run it again."

_STARTTIME = 19
"""Its place in /proc/PID/stat, counted from what follows the name in brackets; in ticks since the system's start."""


def process_tags() -> dict[str, str]:
    """Which process runs it: for runs that no launcher of Dagster watches."""
    pid = os.getpid()
    return {PID_TAG: str(pid), STARTED_TAG: _start_of(pid), HOST_TAG: socket.gethostname()}


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Tell Dagster of runs whose process, on this host, is no more: with one run at a time they block the queue.

    After a reboot, or in a container, another process may have got its id: hence the start, which tells them apart.
    """
    of_this_host = dg.RunsFilter(statuses=list(IN_PROGRESS), tags={HOST_TAG: socket.gethostname()})
    for run in instance.get_runs(filters=of_this_host):
        if STARTED_TAG in run.tags and _start_of(int(run.tags[PID_TAG])) != run.tags[STARTED_TAG]:
            instance.report_run_failed(run, KILLED)


def _start_of(pid: int) -> str:
    """When a process started, in the system's words; empty where there is none, or the system does not tell."""
    try:
        if Path("/proc/self/stat").exists():
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            return stat.rpartition(")")[2].split()[_STARTTIME]
        listed = subprocess.run(  # noqa: S603 - nothing but a number is put in
            ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - the system's own, wherever that has it
            capture_output=True,
            text=True,
            check=False,
        )
        return listed.stdout.strip()
    except OSError:
        return ""
