"""A ranged run is one run, and Dagster shows exactly the days that landed as materialized."""

from __future__ import annotations

import os
from datetime import date, timedelta

import dagster as dg
import pytest

from layers_etl.definitions import build_definitions
from layers_etl.defs.partitions import range_tags
from layers_etl.ingest.request import RunKind
from layers_etl.sandbox.faults import Fault

from ..harness.instants import utc, window
from ..harness.job_fixtures import NewPipeline
from ..harness.jobs import DOWNSTREAM, METRICS_ASSETS, DagsterPipeline, unreadable
from ..harness.place import entity_of
from ..harness.worlds import TODAY

pytestmark = pytest.mark.slow

WEEK = window("2026-03-02", "2026-03-09")
EVERY_TABLE = (*METRICS_ASSETS, *DOWNSTREAM)


def check_of(result: dg.ExecuteInProcessResult, asset: str) -> dg.AssetCheckEvaluation:
    """The completeness check of one metrics asset."""
    (found,) = (
        check
        for check in result.get_asset_check_evaluations()
        if (check.asset_key.to_user_string(), check.check_name) == (asset, "every_entity_was_read")
    )
    return found


def a_campaign(pipeline: DagsterPipeline) -> str:
    """A campaign that has numbers in the week."""
    world = pipeline.sandbox.world
    (project,) = world.projects("org_01JNORTHWIND00000000000000")
    return next(
        campaign.id
        for campaign in world.campaigns(project.id, TODAY)
        if campaign.runs_on(WEEK.since.toordinal()) and campaign.runs_on(WEEK.until.toordinal())
    )


def test_a_range_over_the_metrics_alone_is_one_run_on_an_empty_warehouse_and_leaves_nothing_stale(
    pipeline: DagsterPipeline,
) -> None:
    result = pipeline.materialize(WEEK, METRICS_ASSETS)

    assert result.success
    assert [run.status for run in pipeline.runs()] == [dg.DagsterRunStatus.SUCCESS]
    for asset in METRICS_ASSETS:
        assert pipeline.partition_states(asset) == dict.fromkeys(WEEK, "MATERIALIZED")
    for scope in ("campaign", "ad_account"):
        assert pipeline.days(scope) == set(WEEK)
        assert pipeline.query(f"SELECT count(*) AS n FROM marts.{scope}_daily") == pipeline.query(
            f"SELECT count(*) AS n FROM ads.{scope}_metrics"
        )
        assert pipeline.query(f"SELECT DISTINCT week FROM ads.{scope}_reach_weekly") == [{"week": WEEK.since}]
    finished = (*DOWNSTREAM, "campaign_reach_weekly", "ad_account_reach_weekly")
    assert {asset: pipeline.materializations(asset) for asset in finished} == dict.fromkeys(finished, 1)
    with pipeline.instance() as instance:
        mart = instance.get_latest_materialization_event(dg.AssetKey("campaign_daily"))
    assert mart is not None
    assert mart.asset_materialization is not None
    assert "dagster/row_count" in mart.asset_materialization.metadata


def test_what_lands_of_one_key_shows_at_its_own_assets_and_at_none_of_a_key_beside_it(
    new_pipeline: NewPipeline,
) -> None:
    acme, globex = (new_pipeline(LAYERS_CODE_LOCATION=name) for name in ("acme", "globex"))
    assert acme.materialize(WEEK, ["acme/campaign_metrics"]).success

    assert acme.partition_states("acme/campaign_metrics") == dict.fromkeys(WEEK, "MATERIALIZED")
    assert acme.materializations("acme/published_warehouse") == 1
    assert globex.materialize(WEEK, ["globex/published_warehouse"]).success
    assert globex.partition_states("globex/campaign_metrics") == {}
    assert globex.materializations("globex/published_warehouse") == 1
    assert acme.materializations("acme/published_warehouse") == 1


def test_a_range_over_one_metrics_asset_reads_that_scope_alone_and_leaves_nothing_stale(
    pipeline: DagsterPipeline,
) -> None:
    with pipeline.watched() as received:
        result = pipeline.materialize(WEEK, ["campaign_metrics"])

    assert result.success
    assert {dict(record.query)["scope"] for record in received} == {"campaign"}
    assert pipeline.materialized("campaign_metrics") == set(WEEK)
    assert pipeline.materialized("ad_account_metrics") == set()
    assert {row["day"] for row in pipeline.query("SELECT day FROM marts.campaign_daily")} == set(WEEK)
    assert pipeline.materializations("campaign_daily") == 1
    assert pipeline.materializations("published_warehouse") == 1


@pytest.mark.parametrize("asset", ["campaign_reach_weekly", "campaign_daily", "report"])
def test_whatever_is_launched_marts_and_file_follow_in_its_one_step(pipeline: DagsterPipeline, asset: str) -> None:
    assert pipeline.materialize(WEEK).success
    before = {name: pipeline.materializations(name) for name in DOWNSTREAM}
    result = pipeline.materialize(WEEK, [asset])

    assert result.success
    assert [event.step_key for event in result.all_events if event.is_step_start] == ["warehouse"]
    assert {name: pipeline.materializations(name) for name in DOWNSTREAM} == {
        name: count + 1 for name, count in before.items()
    }


def test_marts_launched_alone_need_no_api(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(WEEK).success
    with pipeline.broken(Fault(effect="status", parameters={"status": 401})):
        assert pipeline.materialize(WEEK, ["campaign_daily"]).success


@pytest.mark.slow
def test_one_request_per_entity_covers_the_whole_range(pipeline: DagsterPipeline) -> None:
    with pipeline.watched() as received:
        pipeline.materialize(WEEK)

    assert len(received) == len({(dict(record.query)["scope"], entity_of(record)) for record in received}) == 6
    # The days are new, and some may settle: the accounts show whether their copies move, up to the running day.
    assert {tuple(dict(record.query)[name] for name in ("scope", "since", "until")) for record in received} == {
        ("campaign", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"),
        ("ad_account", "2026-03-02T00:00:00Z", "2026-03-13T00:00:00Z"),
    }


def test_every_table_shows_its_name_its_columns_and_its_rows(pipeline: DagsterPipeline) -> None:
    result = pipeline.materialize(WEEK)
    with pipeline.environment() as settings:
        specs = {spec.key.to_user_string(): spec for spec in build_definitions(settings).resolve_all_asset_specs()}

    shown = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    tables = {"campaigns": "ads", "ad_accounts": "ads", "campaign_metrics": "ads", "ad_account_metrics": "ads"}
    tables |= {"campaign_daily": "marts", "ad_account_daily": "marts"}
    assert set(shown) >= {*tables, "published_warehouse"}
    assert shown["published_warehouse"]["days_changed"].value is None, "nothing was published before"
    for name, schema in tables.items():
        rows = pipeline.query(f"SELECT count(*) AS n FROM {schema}.{name}")[0]["n"]
        columns = pipeline.query(f"DESCRIBE {schema}.{name}")
        defined = specs[name].metadata
        assert defined["dagster/table_name"] == f"{schema}.{name}"
        assert shown[name]["dagster/row_count"].value == rows > 0
        schema_shown = defined["dagster/column_schema"]
        assert isinstance(schema_shown, dg.TableSchema)
        assert [column.name for column in schema_shown.columns] == [column["column_name"] for column in columns]
        assert all(column.description for column in schema_shown.columns)


def numbers_of_days(pipeline: DagsterPipeline, asset: str) -> dict[str, dict[str, object]]:
    """What each partition was last shown with."""
    with pipeline.instance() as instance:
        records = instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
    shown: dict[str, dict[str, object]] = {}
    for record in reversed(records):
        event = record.asset_materialization
        assert event is not None
        assert event.partition is not None
        shown[event.partition] = {name: value.value for name, value in event.metadata.items()}
    return shown


def stored_days(pipeline: DagsterPipeline, table: str) -> dict[str, dict[str, object]]:
    """The same out of the published file."""
    stored = {
        str(row["day"]): {"conversions": row["conversions"], "settled_share": row["share"], "rows": row["n"]}
        for row in pipeline.query(
            "SELECT day, count(*) AS n, avg(settled::INTEGER) AS share, sum(conversions)::BIGINT AS conversions "
            f"FROM {table} GROUP BY day"
        )
    }
    for row in pipeline.query(f"SELECT day, currency, sum(spend)::DOUBLE AS spend FROM {table} GROUP BY ALL"):
        stored[str(row["day"])][f"spend_{row['currency']}"] = row["spend"]
    return stored


@pytest.mark.parametrize("broken", [False, True], ids=["all days land", "some days fail"])
def test_every_day_shows_its_own_numbers(pipeline: DagsterPipeline, broken: bool) -> None:
    nonsense = unreadable("campaign", since="2026-03-05T00:00:00Z")
    longest = Fault(effect="window_too_long", parameters={"days": 3}, scope="campaign")
    with pipeline.broken(*([longest, nonsense] if broken else [])):
        assert pipeline.materialize(WEEK).success is not broken

    for asset in METRICS_ASSETS:
        shown, stored = numbers_of_days(pipeline, asset), stored_days(pipeline, f"ads.{asset}")
        rows = pipeline.query(f"SELECT count(*) AS n FROM ads.{asset}")[0]["n"]
        assert set(shown) == set(stored)
        for day, numbers in stored.items():
            of_day = {"dagster/row_count": rows, "dagster/partition_row_count": numbers.pop("rows")}
            assert shown[day] == pytest.approx({**of_day, **numbers})


def test_what_a_run_did_is_said_once_and_not_with_every_day(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(WEEK, METRICS_ASSETS).success
    with pipeline.instance() as instance:
        (observed,) = instance.fetch_observations(dg.AssetKey("campaign_metrics"), limit=10).records
    assert observed.asset_observation is not None
    assert observed.asset_observation.partition is None
    assert observed.asset_observation.metadata["window"].value == str(WEEK)


def test_a_mart_shows_its_newest_closed_day_and_not_the_running_one(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(window("2026-03-10", "2026-03-13")).success
    assert TODAY.date() in pipeline.days("ad_account")
    with pipeline.instance() as instance:
        mart = instance.get_latest_materialization_event(dg.AssetKey("ad_account_daily"))
    assert mart is not None
    assert mart.asset_materialization is not None
    shown = mart.asset_materialization.metadata
    stored = stored_days(pipeline, "marts.ad_account_daily")["2026-03-11"]
    assert shown["newest_day"].value == "2026-03-11"
    assert {
        name.removeprefix("newest_day_"): value.value for name, value in shown.items() if name.startswith("newest_day_")
    } == pytest.approx(stored)
    spends = pipeline.query(
        "SELECT spend::DOUBLE AS spend FROM marts.ad_account_daily WHERE day = '2026-03-11' ORDER BY spend DESC"
    )
    preview = shown["preview"]
    assert isinstance(preview, dg.TableMetadataValue)
    assert [float(str(record.data["spend"])) for record in preview.records] == pytest.approx(
        [row["spend"] for row in spends[:5]], abs=0.005
    )


def test_a_campaign_that_fails_for_good_costs_its_own_days_alone(pipeline: DagsterPipeline) -> None:
    broken = a_campaign(pipeline)
    with pipeline.broken(Fault(effect="negative_numbers", entity=broken)):
        result = pipeline.materialize(WEEK)

    assert not result.success, "green in the UI, though a promise is broken"
    assert pipeline.partition_states("campaign_metrics") == dict.fromkeys(WEEK, "MATERIALIZED")
    check = check_of(result, "campaign_metrics")
    assert not check.passed
    assert check.metadata["failed_entities"].value == 1
    (failure,) = check.metadata["failures"].value  # pyright: ignore[reportGeneralTypeIssues] - a list of JSON
    assert broken in str(failure)
    assert check_of(result, "ad_account_metrics").passed
    assert {asset: pipeline.materializations(asset) for asset in DOWNSTREAM} == dict.fromkeys(DOWNSTREAM, 1)
    landed = {row["campaign_id"] for row in pipeline.query("SELECT campaign_id FROM marts.campaign_daily")}
    assert landed
    assert broken not in landed
    assert {row["entity_id"] for row in pipeline.query("SELECT entity_id FROM ops.failures")} == {broken}


def test_a_list_that_fails_is_shown_where_only_the_metrics_were_launched(pipeline: DagsterPipeline) -> None:
    with pipeline.broken(Fault(effect="status", parameters={"status": 422}, path="/ads/campaigns$")):
        result = pipeline.materialize(WEEK, METRICS_ASSETS)

    check = check_of(result, "campaign_metrics")
    assert not check.passed
    assert "listing campaigns" in str(check.metadata["failures"].value)


@pytest.mark.slow
def test_the_next_run_asks_for_just_what_is_missing(pipeline: DagsterPipeline) -> None:
    broken = a_campaign(pipeline)
    with pipeline.broken(unreadable(entity=broken)):
        first = pipeline.run()
    assert first.code == 1
    assert "campaigns could not be read (" in first.message

    with pipeline.watched() as received:
        second = pipeline.run()
    assert second.code == 0
    assert [entity_of(record) for record in received] == [broken]
    assert pipeline.query(
        "SELECT count(DISTINCT day) AS n FROM marts.campaign_daily WHERE campaign_id = ?", broken
    ) == [{"n": 11}]


def test_where_nothing_of_a_scope_can_be_read_its_days_fail_and_the_other_scope_lands(
    pipeline: DagsterPipeline,
) -> None:
    with pipeline.broken(unreadable("campaign")):
        result = pipeline.materialize(WEEK)

    assert not result.success
    assert pipeline.runs()[-1].status == dg.DagsterRunStatus.FAILURE
    assert pipeline.partition_states("campaign_metrics") == dict.fromkeys(WEEK, "FAILED")
    assert pipeline.partition_states("ad_account_metrics") == dict.fromkeys(WEEK, "MATERIALIZED")
    assert not check_of(result, "campaign_metrics").passed
    assert {row["day"] for row in pipeline.query("SELECT day FROM marts.ad_account_daily")} == set(WEEK)
    assert pipeline.query("SELECT * FROM ads.campaign_metrics") == []
    assert {asset: pipeline.materializations(asset) for asset in DOWNSTREAM} == dict.fromkeys(DOWNSTREAM, 1)


def test_days_of_which_nothing_could_be_read_fail_and_the_days_around_them_land(pipeline: DagsterPipeline) -> None:
    longest = Fault(effect="window_too_long", parameters={"days": 3}, scope="campaign")
    nonsense = unreadable("campaign", since="2026-03-05T00:00:00Z")
    with pipeline.broken(longest, nonsense):
        result = pipeline.materialize(WEEK)

    assert not result.success
    failed = {date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 7)}
    states = pipeline.partition_states("campaign_metrics")
    assert {day for day, state in states.items() if state == "FAILED"} >= failed
    assert {day for day, state in states.items() if state == "MATERIALIZED"} == pipeline.days("campaign")
    assert pipeline.days("campaign").isdisjoint(failed)
    assert date(2026, 3, 4) in pipeline.days("campaign")
    assert pipeline.partition_states("ad_account_metrics") == dict.fromkeys(WEEK, "MATERIALIZED")
    assert pipeline.query("SELECT count(*) AS n FROM marts.campaign_daily") == pipeline.query(
        "SELECT count(*) AS n FROM ads.campaign_metrics"
    )


def test_a_day_that_was_green_does_not_stay_green_when_it_can_no_longer_be_read(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(WEEK).success
    before = pipeline.query("SELECT * FROM ads.campaign_metrics ORDER BY ALL")
    part = window("2026-03-04", "2026-03-06")
    with pipeline.broken(unreadable("campaign")):
        assert not pipeline.materialize(part, METRICS_ASSETS).success

    states = pipeline.partition_states("campaign_metrics")
    assert {day: states[day] for day in part} == dict.fromkeys(part, "FAILED")
    assert {state for day, state in states.items() if day not in part} == {"MATERIALIZED"}
    assert pipeline.query("SELECT * FROM ads.campaign_metrics ORDER BY ALL") == before

    assert pipeline.materialize(part, METRICS_ASSETS).success
    assert pipeline.partition_states("campaign_metrics") == dict.fromkeys(WEEK, "MATERIALIZED")


@pytest.mark.slow
def test_a_day_that_has_not_begun_is_failed_and_not_taken_for_empty(pipeline: DagsterPipeline) -> None:
    result = pipeline.materialize(window("2026-03-11", "2026-03-14"))

    assert not result.success
    assert pipeline.materialized("campaign_metrics") == {date(2026, 3, 11), date(2026, 3, 12)}
    assert pipeline.days("campaign") == {date(2026, 3, 11), date(2026, 3, 12)}


def test_a_key_refused_midway_keeps_what_had_landed_and_asks_nothing_more(pipeline: DagsterPipeline) -> None:
    refused = Fault(effect="status", parameters={"status": 401}, path="ads-metrics", after=3)
    with pipeline.broken(refused):
        result = pipeline.materialize(WEEK)

    assert not result.success
    assert pipeline.materialized("campaign_metrics") == set()
    assert set(pipeline.partition_states("campaign_metrics").values()) == {"FAILED"}
    landed = pipeline.query("SELECT DISTINCT campaign_id FROM ads.campaign_metrics")
    assert landed
    assert pipeline.query("SELECT DISTINCT campaign_id FROM marts.campaign_daily ORDER BY ALL") == sorted(
        landed, key=lambda row: row["campaign_id"]
    )
    assert pipeline.query("SELECT status FROM ops.runs") == [{"status": "refused"}]

    with pipeline.watched() as received:
        assert pipeline.retry(WEEK, result.run_id).success
    assert len(received) == 3
    assert pipeline.days("campaign") == pipeline.days("ad_account") == set(WEEK)


def test_a_refused_key_leaves_an_empty_folder_empty(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(LAYERS_API_KEY="lp_test_revoked")
    result = pipeline.materialize(WEEK, METRICS_ASSETS)

    assert not result.success
    assert not pipeline.published.exists()


def test_without_a_list_of_campaigns_no_day_of_theirs_counts_as_landed(pipeline: DagsterPipeline) -> None:
    with pipeline.broken(Fault(effect="status", parameters={"status": 422}, path="ads/campaigns")):
        result = pipeline.materialize(WEEK)

    assert not result.success
    assert pipeline.materialized("campaign_metrics") == set()
    assert pipeline.materialized("ad_account_metrics") == set(WEEK)


@pytest.mark.slow
def test_a_run_over_a_range_reads_only_what_has_not_settled(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(window("2026-03-01", "2026-03-12"), kind=RunKind.RUN).success
    pipeline.sandbox.set_clock(utc("2026-03-13 06:00"))
    with pipeline.watched() as received:
        assert pipeline.materialize(window("2026-03-01", "2026-03-13"), kind=RunKind.RUN).success

    assert {dict(record.query)["since"][:10] for record in received} == {"2026-03-09"}


def test_the_job_launched_as_it_is_for_one_day_reads_all_that_has_not_settled_up_to_it(
    pipeline: DagsterPipeline,
) -> None:
    assert pipeline.materialize(window("2026-03-01", "2026-03-12"), kind=RunKind.RUN).success
    pipeline.sandbox.set_clock(TODAY + timedelta(days=1))
    with pipeline.watched() as received, pipeline.environment() as settings, pipeline.instance() as instance:
        job = build_definitions(settings, last_day=TODAY.date()).resolve_job_def("refresh")
        assert job.execute_in_process(instance=instance, partition_key="2026-03-11").success

    assert {dict(record.query)["since"][:10] for record in received} == {"2026-03-09"}


def test_assets_launched_without_a_job_are_read_for_every_day_named(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(window("2026-03-01", "2026-03-12"), kind=RunKind.RUN).success
    with pipeline.watched() as received, pipeline.environment() as settings, pipeline.instance() as instance:
        job = build_definitions(settings).resolve_implicit_global_asset_job_def()
        assets = [dg.AssetKey(name) for name in METRICS_ASSETS]
        assert job.execute_in_process(instance=instance, tags=range_tags(WEEK), asset_selection=assets).success

    assert {dict(record.query)["since"][:10] for record in received} == {"2026-03-02"}
    assert {dict(record.query)["until"][:10] for record in received} == {"2026-03-09"}


@pytest.mark.parametrize(
    ("assets", "from_failure"),
    [
        pytest.param(None, True, id="the whole job, from failure"),
        pytest.param(METRICS_ASSETS, False, id="the metrics alone, all steps", marks=pytest.mark.slow),
    ],
)
def test_a_retry_does_not_ask_again_for_what_the_failed_run_had_landed(
    pipeline: DagsterPipeline, assets: tuple[str, ...] | None, from_failure: bool
) -> None:
    first = _with_unreadable_campaigns(pipeline, assets)
    marts = pipeline.materializations("campaign_daily")
    with pipeline.watched() as received:
        second = pipeline.retry(WEEK, first, from_failure=from_failure)

    assert second.success
    assert {dict(record.query)["scope"] for record in received} == {"campaign"}
    assert len(received) == 4
    assert pipeline.partition_states("campaign_metrics") == dict.fromkeys(WEEK, "MATERIALIZED")
    assert pipeline.partition_states("ad_account_metrics") == dict.fromkeys(WEEK, "MATERIALIZED")
    assert {row["day"] for row in pipeline.query("SELECT day FROM marts.campaign_daily")} == set(WEEK)
    assert pipeline.materializations("campaign_daily") == marts + 1


def test_a_retry_of_a_run_that_succeeded_reads_everything_again(pipeline: DagsterPipeline) -> None:
    first = pipeline.materialize(WEEK)
    assert first.success
    with pipeline.watched() as received:
        assert pipeline.retry(WEEK, first.run_id).success

    assert len(received) == 6
    assert {record["continues"] for record in pipeline.query("SELECT continues FROM ops.runs")} == {None}


def test_a_retry_after_more_than_half_a_day_reads_everything_again(pipeline: DagsterPipeline) -> None:
    first = _with_unreadable_campaigns(pipeline)
    pipeline.sandbox.set_clock(TODAY + timedelta(days=41))
    with pipeline.watched() as received:
        assert pipeline.retry(WEEK, first).success

    assert {dict(record.query)["scope"] for record in received} == {"campaign", "ad_account"}


def _with_unreadable_campaigns(pipeline: DagsterPipeline, assets: tuple[str, ...] | None = None) -> str:
    with pipeline.broken(unreadable("campaign")):
        result = pipeline.materialize(WEEK, assets)
    assert not result.success
    return result.run_id


@pytest.mark.slow
def test_a_retry_of_a_retry_asks_for_nothing_that_either_had_landed(pipeline: DagsterPipeline) -> None:
    with pipeline.broken(unreadable()):
        first = pipeline.materialize(WEEK)
    with pipeline.broken(unreadable("campaign")):
        second = pipeline.retry(WEEK, first.run_id)
    assert not second.success
    with pipeline.watched() as received:
        third = pipeline.retry(WEEK, second.run_id)

    assert third.success
    assert {dict(record.query)["scope"] for record in received} == {"campaign"}


def test_the_page_of_what_is_published_is_written_with_it(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(WEEK).success
    page = pipeline.data_dir / "report.html"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pipeline.instance() as instance:
        written = instance.get_latest_materialization_event(dg.AssetKey("report"))
    assert written is not None
    assert written.asset_materialization is not None
    assert written.asset_materialization.metadata["bytes"].value == page.stat().st_size


def test_a_page_is_written_anew_where_there_is_none_or_an_older_one_than_the_file(pipeline: DagsterPipeline) -> None:
    assert pipeline.materialize(WEEK).success
    page = pipeline.data_dir / "report.html"
    whole = page.read_text(encoding="utf-8")
    page.write_text("a page of the publication before", encoding="utf-8")
    os.utime(page, (0, 0))
    assert pipeline.materialize(WEEK, ["report"]).success
    assert page.read_text(encoding="utf-8") == whole
    page.write_text("as good as new", encoding="utf-8")
    assert pipeline.materialize(WEEK, ["report"]).success
    assert page.read_text(encoding="utf-8") == "as good as new"
    assert pipeline.materializations("report") == 3


def test_a_page_that_cannot_be_written_costs_no_run(pipeline: DagsterPipeline) -> None:
    (pipeline.data_dir / "report.html").mkdir(parents=True)
    assert pipeline.materialize(WEEK).success
    assert pipeline.materializations("published_warehouse") == 1
    assert pipeline.materializations("report") == 0
