"""Runs of the command line belong to the code location that the UI shows, and say what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest
import yaml

from layers_etl.defs.execution import execute_here
from layers_etl.defs.instance import WORKSPACE
from layers_etl.defs.locations import LOCATION
from layers_etl.defs.partitions import DAYS_TAG, KIND_TAG
from layers_etl.ingest.request import RunKind

from ..harness.instants import window
from ..harness.jobs import DagsterPipeline


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as memory:
        yield memory


def label_of(run: dg.DagsterRun) -> str | None:
    """The repository that the UI takes a run to be of."""
    return run.tags_for_storage().get(".dagster/repository")


def test_the_location_is_the_one_that_the_workspace_names() -> None:
    (loaded,) = yaml.safe_load(WORKSPACE.read_text(encoding="utf-8"))["load_from"]
    assert loaded["python_module"]["location_name"] == LOCATION


def test_a_run_of_a_key_beside_others_is_of_its_own_location(instance: dg.DagsterInstance) -> None:
    @dg.job(executor_def=dg.in_process_executor)
    def empty() -> None:
        pass

    execute_here(empty, instance, {}, {}, "acme")
    (run,) = instance.get_runs()
    assert label_of(run) == "__repository__@acme"


def test_what_breaks_a_run_off_is_raised_and_the_run_has_failed(instance: dg.DagsterInstance) -> None:
    @dg.op
    def breaks() -> None:
        raise OSError("no room")

    @dg.job(executor_def=dg.in_process_executor)
    def breaking() -> None:
        breaks()

    with pytest.raises(OSError, match="no room"):
        execute_here(breaking, instance, {}, {"tag": "of it"})
    (run,) = instance.get_runs()
    assert (run.status, run.tags["tag"]) == (dg.DagsterRunStatus.FAILURE, "of it")
    assert label_of(run) == "__repository__@layers_etl"


@pytest.mark.slow
def test_runs_of_the_command_line_say_what_they_are_and_belong_to_the_ui_s_code_location(
    pipeline: DagsterPipeline,
) -> None:
    on_disk = replace(pipeline, memory=None)
    assert on_disk.run().code == 0
    assert on_disk.backfill(window("2026-03-04", "2026-03-06")).code == 0
    runs = on_disk.runs()

    assert [(run.tags[KIND_TAG], run.tags[DAYS_TAG]) for run in runs] == [
        ("run", "2026-03-01 until 2026-03-12"),
        ("backfill", "2026-03-04 until 2026-03-06"),
    ]
    assert {label_of(run) for run in runs} == {f"__repository__@{LOCATION}"}
    assert {run.job_name for run in runs} == {"refresh"}


@pytest.mark.slow
def test_a_run_that_was_launched_in_the_ui_says_so_too(pipeline: DagsterPipeline) -> None:
    days = window("2026-03-04", "2026-03-06")
    assert pipeline.materialize(days, kind=RunKind.BACKFILL).success
    (run,) = pipeline.runs()
    assert (run.tags[KIND_TAG], run.tags[DAYS_TAG]) == ("backfill", str(days))
