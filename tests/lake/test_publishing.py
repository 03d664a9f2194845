"""A publication is one snapshot, which has all that the build file has, and says whose it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layers_etl.domain.lake import Lake
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.domain.scopes import SCOPES as ALL_SCOPES
from layers_etl.errors import LakeError, WarehouseError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.lake.attachment import attached
from layers_etl.warehouse.lake.publisher import PublishedLake
from layers_etl.warehouse.organization import claim_for_organization
from layers_etl.warehouse.publishing import Publication, load_state_id
from layers_etl.warehouse.schema import SCHEMA_VERSION, migrate

from ..warehouse.builders import A, B, account, campaign, derive, land, opened, reading, rows, spends, utc, window
from .builders import KEEP_DAYS, ask, differences, publish, publisher, snapshots

pytestmark = pytest.mark.slow


def live(warehouse: Warehouse, days: int = 3, spend: int = 1, hour: int = 6) -> None:
    """Two campaigns of an account, read and derived."""
    upsert_entities(warehouse, AD_ACCOUNT, ["prj_1"], [account()], utc(3, 1))
    upsert_entities(warehouse, CAMPAIGN, ["prj_1"], [campaign("cmp_a"), campaign("cmp_b")], utc(3, 1))
    for key in (A, B):
        land(warehouse, reading(key, window(1, days), utc(3, 30, hour), spends(window(1, days), spend)))
    derive(warehouse)


def test_it_has_all_tables_and_every_row(lake: Lake, tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        live(warehouse)
        assert publish(warehouse, lake)
        live(warehouse, spend=2, hour=7)
        assert publish(warehouse, lake, "run_2")
    assert differences(lake, tmp_path / "build.duckdb") == {}
    assert ask(lake, "SELECT DISTINCT spend::INTEGER FROM marts.campaign_daily") == [(2,)]


def test_what_is_too_much_for_one_statement_goes_there_and_back_in_parts_and_whole(
    in_file: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layers_etl.warehouse.lake.tables.ROWS_AT_ONCE", 3)
    with opened(tmp_path) as warehouse:
        live(warehouse, days=8)
        publish(warehouse, in_file)
        live(warehouse, days=8, spend=2, hour=7)
        publish(warehouse, in_file, "run_2")
    publisher(in_file).restore(tmp_path / "other.duckdb")
    assert differences(in_file, tmp_path / "build.duckdb") == {}
    assert differences(in_file, tmp_path / "other.duckdb").keys() == {'ops."views"'}


def test_what_is_forgotten_of_a_row_is_forgotten_in_the_lake_wherever_the_row_stands(
    in_file: Lake, tmp_path: Path
) -> None:
    """As request ids of old readings are: no instant and no key tells which."""
    with opened(tmp_path) as warehouse:
        live(warehouse, days=8)
        publish(warehouse, in_file)
        with warehouse.change() as connection:
            forgettable = connection.execute(
                "SELECT schema_name || '.' || table_name, column_name "
                "FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name) "
                "WHERE schema_name IN ('ads', 'ops') AND is_nullable AND table_name NOT LIKE '%metrics%'"
            ).fetchall()
            for number, (table, column) in enumerate(forgettable):
                connection.execute(
                    f'UPDATE {table} SET "{column}" = NULL '
                    f"WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {number % 4})"
                )
        assert publish(warehouse, in_file, "run_2")
    assert {"ops.readings", "ops.runs", "ads.campaigns"} <= {table for table, _ in forgettable}
    assert differences(in_file, tmp_path / "build.duckdb") == {}


def test_every_publication_is_one_snapshot_that_names_its_run_and_up_to_where_it_is_final(
    in_file: Lake, warehouse: Warehouse
) -> None:
    for number in (1, 2):
        live(warehouse, spend=number, hour=number)
        publish(warehouse, in_file, f"run_{number}", utc(3, 5, number))
    assert [message for _, message in snapshots(in_file)] == [
        f"Run run_{number}: settled until 2026-03-05" for number in (1, 2)
    ]
    ((extra,),) = ask(in_file, "SELECT commit_extra_info FROM lake.snapshots() ORDER BY snapshot_id DESC LIMIT 1")
    assert json.loads(extra) == {
        "run_id": "run_2",
        "state_id": load_state_id(warehouse),
        "instant": "2026-03-05T02:00:00+00:00",
        "settled_until": "2026-03-05",
    }


def test_what_it_has_already_is_not_published_again(in_file: Lake, warehouse: Warehouse) -> None:
    live(warehouse)
    assert publish(warehouse, in_file)
    assert not publish(warehouse, in_file, "run_2")
    assert len(snapshots(in_file)) == 1


def test_it_says_of_itself_what_the_file_says(in_file: Lake, warehouse: Warehouse) -> None:
    assert publisher(in_file).published() is None
    live(warehouse)
    publish(warehouse, in_file)
    said = publisher(in_file).published()
    assert said == Publication(load_state_id(warehouse), "run_1", utc(3, 5), utc(3, 5), utc(3, 5).date())


def test_any_past_publication_can_be_asked(lake: Lake, warehouse: Warehouse) -> None:
    for number in (1, 2, 3):
        live(warehouse, spend=number, hour=number)
        publish(warehouse, lake, f"run_{number}")
    then = "SELECT DISTINCT spend::INTEGER FROM marts.campaign_daily AT (VERSION => {})"
    assert [ask(lake, then.format(number)) for number, _ in snapshots(lake)] == [[(1,)], [(2,)], [(3,)]]


def test_tables_and_their_columns_are_commented_and_the_dictionary_tells_the_rest(
    in_file: Lake, warehouse: Warehouse
) -> None:
    live(warehouse)
    publish(warehouse, in_file)
    of_tables = "SELECT comment FROM duckdb_tables() WHERE database_name = 'lake' AND comment IS NULL"
    of_columns = "SELECT c.table_name, column_name FROM duckdb_columns() AS c JOIN duckdb_tables() AS t "
    of_columns += "USING (database_name, schema_name, table_name) WHERE database_name = 'lake' AND c.comment IS NULL"
    assert ask(in_file, of_tables) == []
    assert ask(in_file, of_columns) == []
    views = "SELECT view_name FROM duckdb_views() WHERE database_name = 'lake' AND NOT internal AND comment IS NULL"
    assert ask(in_file, views) == []
    told = "SELECT count(*) FROM ops.dictionary WHERE kind IN ('view', 'macro') AND relation_text IS NOT NULL"
    assert ask(in_file, told) == rows(warehouse, told)


def test_a_scope_that_is_added_is_published_too_and_its_views_with_it(in_file: Lake, tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        live(warehouse)
        publish(warehouse, in_file)
        scopes = tuple(ALL_SCOPES.values())
        migrate(warehouse.connection, warehouse.path, scopes)
        warehouse.count_change()
        added = PublishedLake(in_file, scopes, KEEP_DAYS)
        assert added.publish(warehouse, Publication(load_state_id(warehouse), "run_2", utc(3, 6), utc(3, 6), None))
    assert differences(in_file, tmp_path / "build.duckdb") == {}
    assert ask(in_file, "SELECT count(*) FROM ads.adset_metrics_versions") == [(0,)]


def test_tables_of_an_older_version_are_made_anew(lake: Lake, tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        live(warehouse)
        publish(warehouse, lake)
        with attached(warehouse, lake) as connection:
            connection.execute("ALTER TABLE lake.marts.campaign_daily DROP COLUMN roas")
            connection.execute("UPDATE lake.ops.schema_version SET version = version - 1")
        with pytest.raises(WarehouseError, match="older layers_etl"), publisher(lake).open():
            pass
        live(warehouse, spend=2, hour=7)
        assert publish(warehouse, lake, "run_2")
    assert differences(lake, tmp_path / "build.duckdb") == {}


def test_a_newer_version_is_left_alone(in_file: Lake, warehouse: Warehouse) -> None:
    live(warehouse)
    publish(warehouse, in_file)
    with attached(warehouse, in_file) as connection:
        connection.execute("UPDATE lake.ops.schema_version SET version = version + 1")
    live(warehouse, spend=2, hour=7)
    with pytest.raises(WarehouseError, match=f"version {SCHEMA_VERSION + 1}.*upgrade layers_etl"):
        publish(warehouse, in_file, "run_2")
    assert len(snapshots(in_file)) == 1


def test_another_organisations_lake_is_left_alone(in_file: Lake, tmp_path: Path) -> None:
    for number in (1, 2):
        with opened(tmp_path / str(number)) as warehouse:
            claim_for_organization(warehouse, f"org_{number}")
            live(warehouse)
            if number == 1:
                assert publish(warehouse, in_file)
            else:
                with pytest.raises(WarehouseError, match=r"org_1.*org_2.*another \?schema="):
                    publish(warehouse, in_file, "run_2")
    assert ask(in_file, "SELECT organization_id FROM ops.organization") == [("org_1",)]


def test_tables_of_others_under_our_names_are_left_alone(in_file: Lake, warehouse: Warehouse) -> None:
    with attached(warehouse, in_file) as connection:
        connection.execute("CREATE SCHEMA lake.ads")
        connection.execute("CREATE TABLE lake.ads.campaigns AS SELECT 1 AS theirs")
    live(warehouse)
    with pytest.raises(WarehouseError, match="tables of something else"):
        publish(warehouse, in_file)
    assert ask(in_file, "FROM ads.campaigns") == [(1,)]


def test_tables_of_others_beside_ours_stay(in_file: Lake, warehouse: Warehouse) -> None:
    live(warehouse)
    publish(warehouse, in_file)
    with attached(warehouse, in_file) as connection:
        connection.execute("CREATE SCHEMA lake.theirs")
        connection.execute("CREATE TABLE lake.theirs.targets AS SELECT 1 AS target")
    live(warehouse, spend=2, hour=7)
    publish(warehouse, in_file, "run_2")
    assert ask(in_file, "FROM theirs.targets") == [(1,)]


def test_what_another_machine_published_is_never_published_over(lake: Lake, tmp_path: Path) -> None:
    """Two machines that both began from nothing: the second one's history is not the first one's."""
    for number in (1, 2):
        with opened(tmp_path / str(number)) as warehouse:
            live(warehouse, spend=number)
            if number == 1:
                assert publish(warehouse, lake)
            else:
                with pytest.raises(LakeError, match=r"of another machine.*begins from the lake"):
                    publish(warehouse, lake, "run_2")
    assert ask(lake, "SELECT DISTINCT spend::INTEGER FROM ads.campaign_metrics") == [(1,)]
