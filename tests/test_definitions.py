"""What Dagster loads: the same graph with or without a key, for every choice of scopes, described for its readers."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain, combinations
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from layers_etl import definitions
from layers_etl.definitions import build_definitions
from layers_etl.settings import load_settings

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
        assert spec.group_name in {"listings", "metrics", "marts", "publication"}, name
        assert spec.owners, name
        assert "duckdb" in spec.kinds, name


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
    assert keyed == set(assets) - {"published_warehouse", "report"}
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
