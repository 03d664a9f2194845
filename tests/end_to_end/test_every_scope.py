"""Every scope the API knows, through the same job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from layers_etl.sandbox.server import SandboxServer

from ..harness.instants import window
from ..harness.jobs import DagsterPipeline
from ..harness.worlds import SMALL, TODAY
from .reported import reported_days

pytestmark = pytest.mark.slow

WEEK = window("2026-03-02", "2026-03-09")
MARTS = {
    "project": "project_reported_daily",
    "ad_account": "ad_account_daily",
    "campaign": "campaign_daily",
    "adset": "adset_daily",
    "ad": "ad_daily",
}


@pytest.fixture(scope="module")
def all_scopes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterPipeline]:
    """A warehouse of one week in all five scopes."""
    with SandboxServer(SMALL, now=TODAY) as sandbox:
        extra = {"LAYERS_SCOPES": "project,ad_account,campaign,adset,ad"}
        pipeline = DagsterPipeline(sandbox, tmp_path_factory.mktemp("data"), date(2026, 3, 1), extra)
        result = pipeline.backfill(WEEK)
        assert result.code == 0, result.message
        yield pipeline


@pytest.mark.parametrize("scope", MARTS)
def test_every_scope_fills_its_table_and_its_mart_with_what_the_api_reports(
    all_scopes: DagsterPipeline, scope: str
) -> None:
    said = {
        (found.entity_id, found.day): (found.bucket["impressions"], found.bucket["reach"])
        for found in reported_days(all_scopes.sandbox, scope, WEEK.since, WEEK.until)
    }
    for table in (f"ads.{scope}_metrics", f"marts.{MARTS[scope]}"):
        rows = all_scopes.query(f"SELECT * FROM {table}")
        assert len(rows) == len(said) > 0
        assert {(row[f"{scope}_id"], row["day"]): (row["impressions"], row["reach"]) for row in rows} == said
    assert all_scopes.materialized(f"{scope}_metrics") == set(WEEK)
    assert all_scopes.materializations(MARTS[scope]) == 1


def test_money_that_spans_currencies_names_none(all_scopes: DagsterPipeline) -> None:
    assert all_scopes.query("SELECT DISTINCT currency FROM ads.project_metrics") == [{"currency": None}]


def test_a_warehouse_of_campaigns_alone_needs_no_accounts_metrics(all_scopes: DagsterPipeline) -> None:
    pipeline = DagsterPipeline(
        all_scopes.sandbox, all_scopes.data_dir.parent / "campaigns", date(2026, 3, 1), {"LAYERS_SCOPES": "campaign"}
    )
    with pipeline.watched() as received:
        result = pipeline.backfill(WEEK)

    assert result.code == 0, result.message
    assert {dict(record.query)["scope"] for record in received} == {"campaign"}
    assert pipeline.days("campaign") == set(WEEK)
