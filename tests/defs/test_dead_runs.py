"""Runs that are no more are told to Dagster, whose queue would wait for ever: the lock tells them, not a host name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from layers_etl.defs.dead_runs import HOST_TAG, LONGEST_START, PID_TAG, fail_dead_runs, process_tags

from ..warehouse.builders import opened
from ..warehouse.processes import other_process

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
AGES = (timedelta(), LONGEST_START * 2)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as memory:
        yield memory


def status_after(
    instance: dg.DagsterInstance,
    folder: Path,
    tags: Mapping[str, str],
    age: timedelta,
    before: dg.DagsterRunStatus = STARTED,
) -> dg.DagsterRunStatus:
    """How Dagster shows a run that began so long ago with these tags, once dead ones have been told."""
    run = instance.add_run(dg.DagsterRun("refresh", status=before, tags=tags))
    fail_dead_runs(instance, folder / "build.duckdb", datetime.now(UTC) + age)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


@pytest.mark.slow
@pytest.mark.parametrize("age", AGES)
def test_while_any_process_has_the_build_file_no_run_counts_as_dead(
    instance: dg.DagsterInstance, tmp_path: Path, age: timedelta
) -> None:
    with opened(tmp_path):
        pass
    with other_process("-m", "tests.warehouse.writer", "hold", str(tmp_path)) as running:
        assert running.hear() == "open"
        assert status_after(instance, tmp_path, process_tags(), age) is STARTED
        running.kill()
    fail_dead_runs(instance, tmp_path / "build.duckdb", datetime.now(UTC))
    assert [run.status for run in instance.get_runs()] == [FAILURE]


@pytest.mark.parametrize("age", AGES)
def test_a_run_of_the_command_line_is_dead_where_nobody_has_the_build_file_whatever_host_it_names(
    instance: dg.DagsterInstance, tmp_path: Path, age: timedelta
) -> None:
    tags = {**process_tags(), HOST_TAG: "a container that is gone"}
    assert status_after(instance, tmp_path, tags, age) is FAILURE


def test_a_run_of_the_command_line_that_was_killed_before_it_began_is_told_too_and_one_of_the_queue_is_not(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    not_started = dg.DagsterRunStatus.NOT_STARTED
    assert status_after(instance, tmp_path, process_tags(), timedelta(), not_started) is FAILURE
    assert status_after(instance, tmp_path, {}, LONGEST_START * 2, not_started) is not_started


def test_a_run_that_dagster_launched_has_time_to_take_the_lock(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert status_after(instance, tmp_path, {}, timedelta()) is STARTED


def test_a_run_that_dagster_launched_long_ago_and_that_has_no_lock_is_dead(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert status_after(instance, tmp_path, {}, LONGEST_START * 2) is FAILURE


@pytest.mark.parametrize("tags", [{}, process_tags()])
def test_of_keys_that_share_a_dagster_each_tells_of_its_own_runs_alone(
    instance: dg.DagsterInstance, tmp_path: Path, tags: dict[str, str]
) -> None:
    for name in ("acme", "globex"):
        labelled = {**tags, ".dagster/repository": f"__repository__@{name}"}
        instance.add_run(dg.DagsterRun(f"of_{name}", status=STARTED, tags=labelled))
    fail_dead_runs(instance, tmp_path / "build.duckdb", datetime.now(UTC) + LONGEST_START * 2, "acme")
    assert {run.job_name: run.status for run in instance.get_runs()} == {"of_acme": FAILURE, "of_globex": STARTED}


def test_a_run_of_the_command_line_that_the_ui_executes_again_has_time_to_take_the_lock(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    parent = instance.add_run(dg.DagsterRun("refresh", status=FAILURE, tags=process_tags()))
    again = dg.DagsterRun(
        "refresh", status=STARTED, tags=process_tags(), parent_run_id=parent.run_id, root_run_id=parent.run_id
    )
    instance.add_run(again)
    fail_dead_runs(instance, tmp_path / "build.duckdb", datetime.now(UTC))
    found = instance.get_run_by_id(again.run_id)
    assert found is not None
    assert found.status is STARTED


def test_a_run_that_an_older_version_tagged_is_told_too(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    tags = {PID_TAG: "1", "layers_etl/started": "12345", HOST_TAG: "elsewhere"}
    assert status_after(instance, tmp_path, tags, timedelta()) is FAILURE


def test_looking_for_dead_runs_makes_no_lock(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    fail_dead_runs(instance, tmp_path / "build.duckdb", datetime.now(UTC))
    assert not list(tmp_path.iterdir())
