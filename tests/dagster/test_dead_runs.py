"""Runs whose process is no more are told to Dagster, or they would block the queue for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import dagster as dg
import pytest

from layers_etl.defs.dead_runs import PID_TAG, fail_dead_runs, process_tags


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as memory:
        yield memory


def status_after(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> dg.DagsterRunStatus:
    """How Dagster shows a run that began with these tags, once dead ones have been told."""
    run = instance.add_run(dg.DagsterRun("refresh", status=dg.DagsterRunStatus.STARTED, tags=tags))
    fail_dead_runs(instance)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_of_a_living_process_goes_on(instance: dg.DagsterInstance) -> None:
    assert status_after(instance, process_tags()) is dg.DagsterRunStatus.STARTED


def test_a_run_whose_process_is_gone_has_failed(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert status_after(instance, {**process_tags(), PID_TAG: str(process.pid)}) is dg.DagsterRunStatus.FAILURE


def test_a_run_whose_process_id_another_process_has_got_has_failed(instance: dg.DagsterInstance) -> None:
    tags = {**process_tags(), PID_TAG: str(os.getppid())}
    assert status_after(instance, tags) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_a_launcher_of_dagster_watches_is_left_to_it(instance: dg.DagsterInstance) -> None:
    assert status_after(instance, {}) is dg.DagsterRunStatus.STARTED
