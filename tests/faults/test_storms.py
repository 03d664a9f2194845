"""Two hundred campaigns in bad weather: what passes costs time alone, what stays costs what it hits."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import stamina

from layers_etl.domain.days import ONE_DAY
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.errors import ExitCode
from layers_etl.ingest.checks import COMPLETENESS
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING
from ..harness.jobs import DagsterPipeline
from ..harness.pipeline import Pipeline
from .persistence import METRICS, PATIENT, persistent

pytestmark = pytest.mark.slow

CROWDED = WorldConfig(accounts=3, campaigns=80)
STORM: dict[str, dict[str, object]] = {
    "status": {"status": 503},
    "reset": {},
    "truncated": {},
    "html": {"status": 502},
    "rate_limited": {"retry_after": 0},
}


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Pipeline]:
    with SandboxServer(CROWDED, now=FIRST_MORNING) as sandbox:
        pipeline = persistent(sandbox, tmp_path, PATIENT)
        yield pipeline
        pipeline.let_go()


def test_with_a_fifth_of_all_requests_failing_the_run_ends_complete_and_exactly_true(crowded: Pipeline) -> None:
    storm = [Fault(effect=effect, parameters=parameters, share=0.045) for effect, parameters in STORM.items()]
    assert crowded.run(FIRST_MORNING, *storm).status is RunStatus.SUCCEEDED
    ((attempts, requests),) = crowded.rows("SELECT sum(attempts), count(*) FROM ops.requests")
    # Which requests fail follows from their order, which no two runs share: four standard deviations around a fifth.
    assert 0.1 < (attempts - requests) / attempts < 0.3
    assert len(crowded.listed(CAMPAIGN)) >= 200
    assert crowded.untrue() == {}
    assert crowded.rows("SELECT count(*) FROM ops.failures") == [(0,)]


def test_with_a_twentieth_of_the_campaigns_failing_for_good_the_rest_land_and_these_are_named(
    crowded: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    yesterday = FIRST_MORNING.date() - ONE_DAY
    crowded.options["start_date"] = yesterday
    pipeline = DagsterPipeline(crowded.sandbox, crowded.data_dir, yesterday)
    failing = crowded.spenders()[:: len(crowded.spenders()) // 10][:10]
    for entity_id in failing:
        crowded.sandbox.add_fault(Fault(effect="status", path=METRICS, entity=entity_id))
    with stamina.set_testing(testing=True, attempts=2, cap=True):
        ended = pipeline.run()
    assert ended.code is ExitCode.INCOMPLETE
    assert " campaigns could not be read (" in ended.message
    assert crowded.untrue(without=failing) == {}
    assert {key[0] for key in crowded.table(CAMPAIGN)}.isdisjoint(failing)

    check = str(_failures_shown(pipeline))
    for entity_id in failing:
        request_id = crowded.request_ids(entity_id)[-1]
        for told in (caplog.text, check):
            assert entity_id in told
            assert request_id in told


def _failures_shown(pipeline: DagsterPipeline) -> Any:
    """What the check in the UI says of the campaigns that were not read."""
    key = dg.AssetCheckKey(dg.AssetKey("campaign_metrics"), COMPLETENESS)
    with pipeline.instance() as instance:
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert record.event and record.event.dagster_event
        evaluation = record.event.dagster_event.asset_check_evaluation_data
        assert not evaluation.passed
        return evaluation.metadata["failures"].value
