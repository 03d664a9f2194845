"""What Dagster loads: the same graph with or without a key, for every choice of scopes, described for its readers."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain, combinations
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from layers_etl import definitions
from layers_etl.definitions import build_definitions
from layers_etl.settings import load_settings
from layers_etl.warehouse.rollups import ROLLUP_VIEWS
from layers_etl.warehouse.schema import migrate

from .harness.fresh import NOTHING_SET, unset_all

ALL_SCOPES = ("project", "ad_account", "campaign", "adset", "ad")
EVERY_CHOICE = list(chain.from_iterable(combinations(ALL_SCOPES, size) for size in range(1, len(ALL_SCOPES) + 1)))


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unset_all(monkeypatch, tmp_path)
    for name, value in NOTHING_SET.items():
        monkeypatch.setenv(name, value)


def _specs(loaded: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}


def _default() -> dg.Definitions:
    return build_definitions(load_settings())


def test_definitions_load_without_a_key_and_without_a_data_folder(tmp_path: Path) -> None:
    definitions.defs()
    dg.Definitions.validate_loadable(_default())

    assert list(tmp_path.iterdir()) == []


def test_the_assets_are_the_listings_the_metrics_the_marts_the_published_file_and_the_page() -> None:
    assert set(_specs(_default())) >= {
        "ad_accounts",
        "campaigns",
        "campaign_metrics",
        "ad_account_metrics",
        "campaign_daily",
        "ad_account_daily",
        "published_warehouse",
        "report",
    }


def test_a_lake_is_an_asset_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "published_lake" not in _specs(_default())
    monkeypatch.setenv("LAYERS_WAREHOUSE", "ducklake:lake.ducklake")
    assert {dep.asset_key for dep in _specs(_default())["published_lake"].deps} == {dg.AssetKey("published_warehouse")}


@pytest.mark.parametrize("scopes", EVERY_CHOICE, ids="+".join)
def test_definitions_load_with_every_choice_of_scopes(scopes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERS_SCOPES", ",".join(scopes))
    loaded = _default()
    dg.Definitions.validate_loadable(loaded)

    names = set(_specs(loaded))
    assert {f"{scope}_metrics" for scope in scopes} <= names
    assert {f"{scope}_metrics" for scope in ALL_SCOPES if scope not in scopes}.isdisjoint(names)
    assert "published_warehouse" in names


def test_every_asset_says_what_it_is_and_whose() -> None:
    for name, spec in _specs(_default()).items():
        assert spec.description, name
        assert spec.group_name in {"source", "listings", "metrics", "marts", "views", "publication"}, name
        assert list(spec.owners) == ["team:ads-data"], name
        assert "duckdb" in spec.kinds or name == "layers_ads_api", name


def test_owners_are_those_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERS_OWNERS", "team:growth,ann@example.com")
    assert {tuple(spec.owners) for spec in _specs(_default()).values()} == {("team:growth", "ann@example.com")}


def test_of_two_keys_in_one_dagster_no_asset_is_known_by_the_same_name_and_each_hangs_on_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = _default()
    for location in ("acme", "globex-uk"):
        monkeypatch.setenv("LAYERS_CODE_LOCATION", location)
        loaded = _default()
        dg.Definitions.validate_loadable(loaded)
        specs = _specs(loaded)
        assert set(specs) == {f"{location}/{name}" for name in _specs(alone)}
        assert _held(loaded) == {f"{location}/{held}" for held in _held(alone)}
        assert _launched(loaded) == {f"{location}/{name}" for name in _launched(alone)}
        lineage = specs[f"{location}/campaign_daily"].metadata["dagster/column_lineage"].deps_by_column
        named = {dep.asset_key for spec in specs.values() for dep in spec.deps}
        named |= {dep.asset_key for deps in lineage.values() for dep in deps}
        assert {key.to_user_string() for key in named} <= set(specs)


def test_the_runs_of_a_key_beside_others_are_queued_by_the_pool_of_its_name_and_those_of_one_alone_by_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _pools(_default()) == set()
    monkeypatch.setenv("LAYERS_CODE_LOCATION", "acme")
    assert _pools(_default()) == {"acme"}


def _pools(loaded: dg.Definitions) -> set[str]:
    return {pool for node in loaded.resolve_job_def("refresh").nodes for pool in node.definition.pools}


def _launched(loaded: dg.Definitions) -> set[str]:
    """The assets that a run brings up to date."""
    graph = loaded.resolve_asset_graph()
    return {key.to_user_string() for key in graph.executable_asset_keys}


@pytest.mark.parametrize("scopes", EVERY_CHOICE, ids="+".join)
def test_every_asset_but_the_source_hangs_on_what_is_in_the_graph_and_runs_launch_neither_source_nor_views(
    scopes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERS_SCOPES", ",".join(scopes))
    loaded = _default()
    specs, launched = _specs(loaded), _launched(loaded)

    for name, spec in specs.items():
        above = {dep.asset_key.to_user_string() for dep in spec.deps}
        assert above or name == "layers_ads_api"
        assert above <= set(specs), name
        assert (name in launched) == (spec.group_name not in {"source", "views"} and name != "projects"), name


def test_views_are_described_as_in_the_file() -> None:
    views = {name: spec for name, spec in _specs(_default()).items() if spec.group_name == "views"}
    with duckdb.connect() as connection:
        migrate(connection, Path(":memory:"), load_settings().scopes)
        comments = dict(
            connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'marts'").fetchall()
        )
    assert {name: spec.description for name, spec in views.items()} == {name: comments[name] for name in views}
    assert {*ROLLUP_VIEWS, "reconciliation"} == set(views)


def test_every_column_of_a_mart_that_is_of_other_columns_says_of_which() -> None:
    columns = {
        name: {column.name for column in spec.metadata["dagster/column_schema"].columns}
        for name, spec in _specs(_default()).items()
        if "dagster/column_schema" in spec.metadata
    }
    lineage = _specs(_default())["campaign_daily"].metadata["dagster/column_lineage"].deps_by_column
    said = {
        column: {(dep.asset_key.to_user_string(), dep.column_name) for dep in deps} for column, deps in lineage.items()
    }
    assert said["cpa"] == {("campaign_metrics", "spend"), ("campaign_metrics", "conversions")}
    assert said["roas"] == {("campaign_metrics", "conversion_value"), ("campaign_metrics", "spend")}
    assert said["campaign_name"] == {("campaigns", "name")}
    assert said["ad_account_name"] == {("ad_accounts", "name")}
    assert said["projected_spend"] == {("campaign_metrics", "spend")}
    assert set(said) <= columns["campaign_daily"]
    for deps in said.values():
        for asset, column in deps:
            assert column in columns[asset]


def test_only_the_metrics_are_partitioned_by_utc_day_and_one_run_takes_a_whole_range() -> None:
    graph = _default().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        if key.to_user_string().endswith("_metrics"):
            assert isinstance(node.partitions_def, dg.DailyPartitionsDefinition)
            assert str(node.partitions_def.timezone) == "UTC"
            assert node.backfill_policy == dg.BackfillPolicy.single_run()
        else:
            assert node.partitions_def is None


def test_partitions_begin_at_the_start_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERS_START_DATE", "2026-02-03")
    partitions = _default().resolve_asset_graph().get(dg.AssetKey("campaign_metrics")).partitions_def
    assert partitions is not None
    assert partitions.get_first_partition_key() == "2026-02-03"


def _held(loaded: dg.Definitions) -> set[str]:
    return {f"{key.asset_key.to_user_string()}: {key.name}" for key in loaded.resolve_asset_graph().asset_check_keys}


def test_every_metrics_table_is_held_to_its_promises() -> None:
    graph = _default().resolve_asset_graph()

    promises = ("every_entity_was_read", "keys_are_unique", "no_primitive_is_negative")
    assert _held(_default()) >= {
        f"{name}_metrics: {promise}" for name in ("campaign", "ad_account") for promise in promises
    }
    assert all(graph.get(key).description for key in graph.asset_check_keys)


@pytest.mark.parametrize("scopes", EVERY_CHOICE, ids="+".join)
def test_every_asset_but_what_is_published_is_held_to_unique_keys_and_every_mart_to_its_step(
    scopes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERS_SCOPES", ",".join(scopes))
    loaded = _default()
    held, assets = _held(loaded), _specs(loaded)

    keyed = {name for name in assets if f"{name}: keys_are_unique" in held}
    assert keyed == _launched(loaded) - {"published_warehouse", "report"}
    assert "ad_accounts: keys_of_projects_are_unique" in held
    marts = {name for name, spec in assets.items() if spec.group_name == "marts"}
    assert {name for name in held if name.endswith(": mart_is_in_step")} == {
        f"{mart}: mart_is_in_step" for mart in marts
    }


def test_a_published_file_that_no_run_replaced_for_a_day_is_shown_as_stale() -> None:
    policy = _specs(_default())["published_warehouse"].freshness_policy
    assert isinstance(policy, TimeWindowFreshnessPolicy)
    assert policy.warn_window is not None
    assert timedelta(days=1) < policy.warn_window.to_timedelta() < policy.fail_window.to_timedelta() < timedelta(days=2)


def test_the_job_and_the_schedule_have_their_names() -> None:
    loaded = _default()
    schedule = loaded.resolve_schedule_def("daily_refresh")
    assert loaded.resolve_job_def("refresh").description
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 7 * * *", "UTC")
    assert schedule.job_name == "refresh"


def test_every_asset_but_the_source_names_the_code_that_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERS_SCOPES", ",".join(ALL_SCOPES))
    for name, spec in _specs(_default()).items():
        if name == "layers_ads_api":
            continue
        found = spec.metadata["dagster/code_references"]
        assert isinstance(found, dg.CodeReferencesMetadataValue), name
        paths = [each.file_path for each in found.code_references if isinstance(each, dg.LocalFileCodeReference)]
        assert paths and all(Path(path).is_file() for path in paths), name


@pytest.mark.filterwarnings("error::dagster.BetaWarning")
def test_whoever_starts_the_ui_is_not_warned_of_what_is_beta() -> None:
    build_definitions(load_settings())
