"""A key that is refused, and settings that cannot be used: nothing is written, or what had landed stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from pydantic import SecretStr

from layers_etl.domain.days import DayWindow
from layers_etl.errors import ConfigurationError, LayersEtlError, RefusedError, WarehouseError
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.runs import RunStatus

from .mornings import Pipeline, morning

PipelineOver = Callable[..., Pipeline]
WRITTEN = ("ops.runs", "ops.readings", "ops.organization", "ads.projects", "ads.campaigns", "ads.campaign_metrics")
"""All but the record of the requests themselves, refused ones too."""

REFUSED = {
    "it is unknown": "lp_test_nobody",
    "it was revoked": "lp_test_revoked",
    "it lacks metrics:read": "lp_test_noscope",
    "it lacks ads:read": "lp_test_noads",
}


def written(pipeline: Pipeline) -> dict[str, int]:
    return {table: pipeline.rows(f"SELECT count(*) FROM {table}")[0][0] for table in WRITTEN}


@pytest.mark.parametrize("why", REFUSED)
def test_a_key_is_refused_before_anything_is_written_because(pipeline: Pipeline, why: str) -> None:
    pipeline.options["api_key"] = SecretStr(REFUSED[why])
    with pytest.raises(RefusedError) as caught:
        pipeline.run()
    assert REFUSED[why] not in str(caught.value)
    assert set(written(pipeline).values()) == {0}
    assert pipeline.asked() == []


def test_a_key_revoked_halfway_stops_the_run_and_what_had_landed_stays(pipeline: Pipeline) -> None:
    answered = 3
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 401}, path="ads-metrics", after=answered))
    with pytest.raises(RefusedError):
        pipeline.run()
    assert written(pipeline)["ops.readings"] == answered
    assert pipeline.rows("SELECT status FROM ops.runs") == [("refused",)]
    pipeline.sandbox.clear_faults()
    ran = pipeline.run(morning(1))
    assert ran.status is RunStatus.SUCCEEDED


def test_a_project_that_cannot_be_seen_is_a_wrong_setting(pipeline: Pipeline) -> None:
    pipeline.options["project_ids"] = (pipeline.project_id, "prj_nowhere")
    with pytest.raises(ConfigurationError, match="LAYERS_PROJECT_IDS names prj_nowhere"):
        pipeline.run()
    assert set(written(pipeline).values()) == {0}


def test_a_start_date_in_the_future_is_a_wrong_setting(pipeline: Pipeline) -> None:
    pipeline.options["start_date"] = date(2026, 4, 2)
    with pytest.raises(ConfigurationError, match="LAYERS_START_DATE is 2026-04-02"):
        pipeline.backfill(DayWindow(date(2026, 4, 2), date(2026, 4, 3)))
    assert set(written(pipeline).values()) == {0}


def test_a_run_without_a_key_is_a_wrong_setting(pipeline: Pipeline) -> None:
    pipeline.options["api_key"] = None
    with pytest.raises(ConfigurationError, match="LAYERS_API_KEY is not set"):
        pipeline.run()
    assert set(written(pipeline).values()) == {0}


def test_a_host_that_cannot_be_reached_is_told_and_nothing_is_written(pipeline: Pipeline) -> None:
    pipeline.options["base_url"] = "http://127.0.0.1:9"
    with pytest.raises(LayersEtlError) as caught:
        pipeline.run()
    assert "\n" not in str(caught.value)
    assert set(written(pipeline).values()) == {0}


def test_numbers_of_two_organisations_never_meet_in_one_warehouse(pipeline: Pipeline) -> None:
    pipeline.run()
    before = written(pipeline)
    pipeline.options["api_key"] = SecretStr("lp_test_child")
    with pytest.raises(WarehouseError, match="holds the numbers of organisation"):
        pipeline.run(morning(1))
    assert written(pipeline) == before


def test_a_parent_key_reads_the_child_it_acts_for(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(
        WorldConfig(accounts=1, campaigns=2),
        api_key=SecretStr("lp_test_parent"),
        organization="org_01JNORTHWINDCHILD00000000",
    )
    assert pipeline.run().status is RunStatus.SUCCEEDED
    assert pipeline.rows("FROM ops.organization") == [("org_01JNORTHWINDCHILD00000000",)]
    project_ids = pipeline.rows("SELECT DISTINCT project_id FROM ads.campaigns")
    assert project_ids != [(pipeline.project_id,)]
