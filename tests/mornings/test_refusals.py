"""A key that is refused, and settings that cannot be used: nothing is written, or what had landed stays."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from layers_etl.domain.days import DayWindow
from layers_etl.domain.ids import bare_id
from layers_etl.errors import ConfigurationError, LayersEtlError, RefusedError, WarehouseError
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import morning
from ..harness.pipeline import Pipeline

PipelineOver = Callable[..., Pipeline]
WRITTEN = ("ops.runs", "ops.readings", "ops.organization", "ads.projects", "ads.campaigns", "ads.campaign_metrics")
"""All but the record of the requests themselves, refused ones too."""

REFUSED = {"it is unknown": "lp_test_nobody", "it was revoked": "lp_test_revoked"}
LACKING = {"metrics:read": "lp_test_noscope", "ads:read": "lp_test_noads"}
PROJECTS = "^/v1/projects$"
WHOLE = DayWindow(date(2026, 3, 30), date(2026, 3, 31))


def refusal(status: int, code: str, message: str = "no", **more: Any) -> Fault:
    """A fault that refuses what it hits in the API's own words."""
    return Fault(effect="status", parameters={"status": status, "code": code, "message": message}, **more)


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


@pytest.mark.parametrize("scope", LACKING)
def test_a_key_that_lacks_a_scope_is_refused_by_the_api_alone_and_in_its_words(pipeline: Pipeline, scope: str) -> None:
    pipeline.options["api_key"] = SecretStr(LACKING[scope])
    with pytest.raises(RefusedError, match=f"lacks the scope '{scope}'") as caught:
        pipeline.run()
    assert LACKING[scope] not in str(caught.value)
    assert written(pipeline)["ops.readings"] == 0
    assert pipeline.rows("SELECT status FROM ops.runs") == [("refused",)]


@pytest.mark.slow
def test_a_key_that_may_not_list_projects_reads_those_that_are_named(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.run()
    known = pipeline.rows("SELECT project_id, name, status, listed FROM ads.projects")
    pipeline.sandbox.add_fault(refusal(403, "FORBIDDEN_SCOPE", "Key lacks projects:read", path=PROJECTS))
    with pytest.raises(RefusedError, match="Key lacks projects:read"):
        pipeline.run(morning(1))
    pipeline.options["project_ids"] = (pipeline.project_id.removeprefix("prj_"), pipeline.project_id)
    with caplog.at_level(logging.WARNING):
        ran = pipeline.run(morning(1))
    assert ran.status is RunStatus.SUCCEEDED and ran.outcomes["campaign"].windows_landed > 0
    assert [record for record in caplog.records if "Key lacks projects:read" in record.getMessage()][1:] == []
    assert "Key lacks projects:read" in caplog.text
    assert pipeline.rows("SELECT project_id, name, status, listed FROM ads.projects") == known


@pytest.mark.slow
def test_a_project_that_was_never_listed_is_known_by_its_id_alone(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(refusal(403, "FORBIDDEN_SCOPE", path=PROJECTS))
    pipeline.options["project_ids"] = (pipeline.project_id,)
    assert pipeline.run().status is RunStatus.SUCCEEDED
    assert pipeline.rows("SELECT project_id, name FROM ads.projects") == [(pipeline.project_id, None)]
    assert pipeline.rows("FROM ops.odd_fields") == []


@pytest.mark.parametrize("path", ["whoami", PROJECTS, "campaigns", "ads-metrics"])
def test_a_suspended_organisation_is_refused_at_once(pipeline: Pipeline, path: str) -> None:
    pipeline.options["project_ids"] = (pipeline.project_id,)
    pipeline.sandbox.add_fault(refusal(503, "KILL_SWITCH", "Suspended.", path=path))
    with pytest.raises(RefusedError, match="suspended"):
        pipeline.run()
    refused = [record for record in pipeline.sandbox.requests() if re.search(path, record.path)]
    assert len(refused) == 1 or path == "ads-metrics", "not asked again"


@pytest.mark.slow
def test_an_organisation_suspended_halfway_keeps_and_publishes_what_had_landed(pipeline: Pipeline) -> None:
    answered = 3
    pipeline.sandbox.add_fault(refusal(503, "KILL_SWITCH", "Suspended.", path="ads-metrics", after=answered))
    with pytest.raises(RefusedError, match="suspended"):
        pipeline.run(publish=True)
    assert pipeline.rows("SELECT status FROM ops.runs") == [("refused",)]
    with PublishedFile(pipeline.settings.published_path).open() as published:
        assert published
        readings = published.connection.execute("SELECT count(*) FROM ops.readings").fetchall()
    assert readings == [(answered,)]


def other_form(entity_id: str) -> str:
    """The same id without its prefix or, where it has none, with one."""
    bare = bare_id(entity_id)
    return bare if bare != entity_id else f"acc_{entity_id}"


@pytest.mark.slow
def test_a_project_is_found_by_its_id_with_its_prefix_or_without_it(pipeline: Pipeline) -> None:
    pipeline.options["project_ids"] = (other_form(pipeline.project_id),)
    assert len(pipeline.run().asked) == len(pipeline.entities())
    assert pipeline.rows("SELECT project_id FROM ads.projects") == [(pipeline.project_id,)]


@pytest.mark.slow
def test_an_entity_is_found_by_its_id_with_its_prefix_or_without_it(pipeline: Pipeline) -> None:
    pipeline.run()
    account, campaign = pipeline.accounts()[0], pipeline.campaigns()[-1]
    ran = pipeline.backfill(WHOLE, campaign_ids=frozenset({other_form(campaign)}))
    assert {entity_id for _, entity_id, _ in ran.asked} == {campaign}
    ran = pipeline.backfill(WHOLE, ad_account_ids=frozenset({other_form(account)}))
    of_account = pipeline.rows("SELECT campaign_id FROM ads.campaigns WHERE ad_account_id = ?", [account])
    assert {entity_id for _, entity_id, _ in ran.asked} == {account, *(campaign for (campaign,) in of_account)}


@pytest.mark.slow
def test_a_test_key_may_not_write_what_a_live_key_wrote_unless_told_otherwise(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.warehouse.connection.execute("UPDATE ops.organization SET key_kind = 'live'")
    before = written(pipeline)
    with pytest.raises(WarehouseError, match="was written with a live key, and this is a test key"):
        pipeline.run(morning(1))
    assert written(pipeline) == before
    pipeline.options["allow_mixed_keys"] = True
    assert pipeline.run(morning(1)).status is RunStatus.SUCCEEDED
    assert pipeline.rows("SELECT key_kind FROM ops.organization") == [("live",)]


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


@pytest.mark.slow
def test_a_parent_key_reads_the_child_it_acts_for(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(
        WorldConfig(accounts=1, campaigns=2),
        api_key=SecretStr("lp_test_parent"),
        organization="org_01JNORTHWINDCHILD00000000",
    )
    assert pipeline.run().status is RunStatus.SUCCEEDED
    assert pipeline.rows("SELECT organization_id FROM ops.organization") == [("org_01JNORTHWINDCHILD00000000",)]
    project_ids = pipeline.rows("SELECT DISTINCT project_id FROM ads.campaigns")
    assert project_ids != [(pipeline.project_id,)]
