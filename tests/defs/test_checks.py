"""The asset checks find what breaks a promise, each on the asset that made it."""

from __future__ import annotations

import dagster as dg
import duckdb
import pytest

from layers_etl.definitions import build_definitions
from layers_etl.errors import ExitCode
from layers_etl.ingest.checks import COMPLETENESS
from layers_etl.ingest.request import RunKind
from layers_etl.sandbox.faults import Fault

from ..harness.instants import window
from ..harness.job_fixtures import NewPipeline
from ..harness.jobs import DagsterPipeline

pytestmark = pytest.mark.slow

WEEK = window("2026-03-02", "2026-03-09")


@pytest.fixture
def filled(new_pipeline: NewPipeline) -> DagsterPipeline:
    """A week of every scope that has a table of its own kind, read and derived."""
    pipeline = new_pipeline(LAYERS_SCOPES="campaign,ad_account,project")
    assert pipeline.materialize(WEEK).success
    return pipeline


def change(pipeline: DagsterPipeline, sql: str) -> None:
    """Spoil the build file, as a bug would."""
    with duckdb.connect(str(pipeline.data_dir / "build.duckdb")) as connection:
        connection.execute(sql)


def checked(pipeline: DagsterPipeline, *names: str) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks of these names on every asset, executed by themselves; by ``asset: name``."""
    with pipeline.environment() as settings, pipeline.instance() as instance:
        loaded = build_definitions(settings)
        keys = {key for key in loaded.resolve_asset_graph().asset_check_keys if key.name in names}
        job = loaded.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=set(), asset_check_selection=keys
        )
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        evaluated = result.get_asset_check_evaluations()
        assert len(evaluated) == len(keys) > 0
        errors = [check for check in evaluated if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR]
        assert result.success == (not errors), "a broken promise makes the run red"
        return {f"{check.asset_key.to_user_string()}: {check.check_name}": check for check in evaluated}


def broken(checks: dict[str, dg.AssetCheckEvaluation]) -> set[str]:
    """Those that do not pass."""
    return {name for name, check in checks.items() if not check.passed}


KEYS = ("keys_are_unique", "keys_of_projects_are_unique")


def test_a_key_that_two_rows_have_fails_the_check_of_its_own_table_alone(filled: DagsterPipeline) -> None:
    assert broken(checked(filled, *KEYS)) == set()
    spoilt: set[str] = set()
    for table, check in (
        ("ads.campaigns", "campaigns: keys_are_unique"),
        ("ads.projects", "ad_accounts: keys_of_projects_are_unique"),
        ("ads.ad_account_metrics", "ad_account_metrics: keys_are_unique"),
        ("ads.campaign_reach_weekly", "campaign_reach_weekly: keys_are_unique"),
        ("marts.project_reported_daily", "project_reported_daily: keys_are_unique"),
    ):
        change(filled, f"INSERT INTO {table} FROM {table} LIMIT 1")
        spoilt.add(check)
        found = checked(filled, *KEYS)
        assert broken(found) == spoilt
        assert found[check].metadata["faulty_keys"].value == 1
        assert found[check].severity is dg.AssetCheckSeverity.ERROR


def test_a_mart_that_lacks_a_change_of_its_metrics_fails_the_check_of_its_scope_alone(filled: DagsterPipeline) -> None:
    assert broken(checked(filled, "mart_is_in_step")) == set()
    change(
        filled,
        "INSERT INTO ops.changed_days BY NAME SELECT 'campaign' AS scope, project_id, campaign_id AS entity_id, "
        "DATE '2026-03-02' AS since, DATE '2026-03-03' AS until, (SELECT revision + 1 FROM ops.revision) AS revision "
        "FROM ads.campaigns LIMIT 1",
    )
    assert broken(checked(filled, "mart_is_in_step")) == {"campaign_daily: mart_is_in_step"}


def test_an_account_under_two_ids_warns_with_both(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(WEEK, ["ad_accounts"]).success
    assert broken(checked(pipeline, "no_account_is_listed_twice")) == set()

    account = pipeline.sandbox.world.accounts(pipeline.project_id)[0]
    anew = pipeline.sandbox.world.reconnect_account(account.id)
    assert pipeline.materialize(WEEK, ["ad_accounts"]).success
    (check,) = checked(pipeline, "no_account_is_listed_twice").values()

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    for word in (account.id, account.platform, account.external_id, f"as {anew}'s"):
        assert word in str(check.metadata["told"].value)


def test_an_account_whose_token_is_not_valid_warns_with_what_to_do(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(WEEK, ["ad_accounts"]).success
    assert broken(checked(pipeline, "every_account_is_refreshed")) == set()

    account = pipeline.sandbox.world.accounts(pipeline.project_id)[0]
    pipeline.sandbox.world.update_account(account.id, token_status="expired")
    assert pipeline.materialize(WEEK, ["ad_accounts"]).success
    (check,) = checked(pipeline, "every_account_is_refreshed").values()

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    for word in (account.id, account.platform, "expired", "Reconnect"):
        assert word in str(check.metadata["told"].value)


def test_weekly_reach_that_is_not_to_be_had_warns_and_the_run_ends_well(pipeline: DagsterPipeline) -> None:
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 404}, query={"granularity": "week"}))
    result = pipeline.materialize(WEEK, kind=RunKind.RUN)
    assert result.success
    found = {
        check.asset_key.to_user_string(): (check.passed, check.severity)
        for check in result.get_asset_check_evaluations()
        if check.check_name == COMPLETENESS
    }
    warned, passed = (False, dg.AssetCheckSeverity.WARN), (True, dg.AssetCheckSeverity.ERROR)
    assert found == {
        "campaign_metrics": passed,
        "ad_account_metrics": passed,
        "campaign_reach_weekly": warned,
        "ad_account_reach_weekly": warned,
    }
    assert pipeline.run().code is ExitCode.OK


def test_weekly_reach_that_is_not_to_be_had_fails_no_backfill_of_days(pipeline: DagsterPipeline) -> None:
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 404}, query={"granularity": "week"}))
    result = pipeline.materialize(WEEK, ["campaign_metrics"])
    (check,) = [check for check in result.get_asset_check_evaluations() if check.check_name == COMPLETENESS]
    assert result.success and check.passed and check.metadata["weeks_without_reach"].value
