"""Files of older versions are brought forward with everything they hold."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.errors import WarehouseError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.marts import count_stale_windows
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.schema import SCHEMA_VERSION

from .builders import STALE_WINDOWS, Row, derive, dump, march, opened, rows

VERSION_1 = (Path(__file__).parent / "version_1.sql").read_text(encoding="utf-8")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A folder whose build file an older version wrote."""
    with duckdb.connect(str(tmp_path / "build.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(VERSION_1)
    return tmp_path


def observed(warehouse: Warehouse) -> dict[str, list[Row]]:
    """What was observed, and the evidence of it: the columns that version 1 had."""
    columns = (
        "SELECT column_name FROM duckdb_columns() WHERE schema_name || '.' || table_name = ? ORDER BY column_index"
    )
    added = {
        "ops.coverage": {"held"},
        "ads.campaign_metrics": {"spent_in_account_id"},
        "ads.campaign_metrics_history": {"spent_in_account_id"},
    }
    found: dict[str, list[Row]] = {}
    for name in dump(warehouse):
        if name.startswith("ads.") or name in ("ops.readings", "ops.coverage"):
            kept = [column for (column,) in rows(warehouse, columns, [name]) if column not in added.get(name, ())]
            found[name] = sorted(rows(warehouse, f"SELECT {', '.join(kept)} FROM {name}"), key=repr)
    return found


def test_an_older_file_keeps_every_observation_and_its_history(older: Path) -> None:
    with duckdb.connect(str(older / "build.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        before = observed(Warehouse(older / "build.duckdb", connection))
    with opened(older) as warehouse:
        after = observed(warehouse)
    assert before["ads.campaign_metrics_history"]
    assert {name: after[name] for name in before} == before


def test_an_older_file_has_todays_version_tables_and_marts_afterwards(older: Path, tmp_path: Path) -> None:
    columns = "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    with opened(older) as warehouse:
        assert rows(warehouse, "SELECT version FROM ops.schema_version") == [(SCHEMA_VERSION,)]
        brought_forward = set(rows(warehouse, columns))
        derive(warehouse, CAMPAIGN)
        counts = rows(
            warehouse,
            "SELECT (SELECT count(*) FROM marts.campaign_daily), (SELECT count(*) FROM ads.campaign_metrics)",
        )
    (tmp_path / "new").mkdir()
    with opened(tmp_path / "new") as warehouse:
        assert set(rows(warehouse, columns)) == brought_forward
    assert counts[0][0] == counts[0][1] > 0


@pytest.mark.slow
def test_an_older_file_says_of_every_table_and_column_what_a_new_one_says(older: Path, tmp_path: Path) -> None:
    said = (
        "SELECT schema_name, table_name, NULL, comment FROM duckdb_tables() UNION ALL "
        "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
    )
    with opened(older) as warehouse:
        brought_forward = set(rows(warehouse, said))
    (tmp_path / "new").mkdir()
    with opened(tmp_path / "new") as warehouse:
        assert brought_forward == set(rows(warehouse, said))


def test_an_older_file_gains_the_dictionary_of_a_new_one(older: Path, tmp_path: Path) -> None:
    with opened(older) as warehouse:
        # Columns that an older table gains stand last in it.
        brought_forward = set(rows(warehouse, "SELECT * EXCLUDE (position) FROM ops.dictionary"))
    (tmp_path / "new").mkdir()
    with opened(tmp_path / "new") as warehouse:
        assert brought_forward == set(rows(warehouse, "SELECT * EXCLUDE (position) FROM ops.dictionary")) != set()


@pytest.mark.slow
def test_the_days_of_an_older_file_get_the_account_that_its_listings_know(older: Path) -> None:
    with opened(older) as warehouse:
        placed = (
            "SELECT count(*), count(*) FILTER (measured.{} = campaign.ad_account_id)"
            " FROM {} AS measured JOIN ads.campaigns AS campaign USING (project_id, campaign_id)"
        )
        ((days, known),) = rows(warehouse, placed.format("spent_in_account_id", "ads.campaign_metrics"))
        derive(warehouse, CAMPAIGN)
        assert days == known > 0
        assert rows(warehouse, placed.format("ad_account_id", "marts.campaign_daily")) == [(days, known)]


@pytest.mark.slow
def test_a_campaign_of_an_older_file_that_had_moved_keeps_its_days_in_both_accounts(older: Path) -> None:
    with duckdb.connect(str(older / "build.duckdb")) as connection:
        ((campaign_id, last_day),) = connection.execute(
            "SELECT campaign_id, max(day) FROM ads.campaign_metrics GROUP BY ALL HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
        ).fetchall()
        ((was_in,),) = connection.execute(
            "SELECT ad_account_id FROM ads.campaigns WHERE campaign_id = ?", [campaign_id]
        ).fetchall()
        connection.execute(
            "INSERT INTO ads.campaign_history SELECT * REPLACE ('acc_other' AS ad_account_id, "
            "(?::DATE + INTERVAL 7 HOUR) AT TIME ZONE 'UTC' AS valid_from, NULL AS valid_to) "
            "FROM ads.campaign_history WHERE campaign_id = ? LIMIT 1",
            [last_day, campaign_id],
        )
        connection.execute("UPDATE ads.campaigns SET ad_account_id = 'acc_other' WHERE campaign_id = ?", [campaign_id])
    with opened(older) as warehouse:
        placed = (
            "SELECT DISTINCT spent_in_account_id, day >= ? FROM ads.campaign_metrics WHERE campaign_id = ? ORDER BY 2"
        )
        assert rows(warehouse, placed, [last_day, campaign_id]) == [(was_in, False), ("acc_other", True)]


def test_what_the_marts_of_an_older_file_lacked_is_carried_over(older: Path) -> None:
    """Also of what no listing holds any more."""
    with duckdb.connect(str(older / "build.duckdb")) as connection:
        connection.execute(
            "INSERT INTO ops.stale_marts "
            "VALUES ('campaign', 'prj_1', 'cmp_unlisted', DATE '2026-03-01', DATE '2026-03-02')"
        )
    with opened(older) as warehouse:
        assert ("campaign", "prj_1", "cmp_unlisted", march(1), march(2)) in rows(warehouse, f"FROM {STALE_WINDOWS}")
        derive(warehouse, CAMPAIGN)
        assert count_stale_windows(warehouse, CAMPAIGN) == 0


@pytest.mark.slow
def test_bringing_forward_is_done_once(older: Path) -> None:
    with opened(older) as warehouse:
        derive(warehouse, CAMPAIGN)
        first = dump(warehouse)
    with opened(older) as warehouse:
        assert dump(warehouse) == first


def test_a_published_file_of_an_older_version_is_told_apart(older: Path) -> None:
    with (
        pytest.raises(WarehouseError, match="the next run brings it forward"),
        PublishedFile(older / "build.duckdb").open(),
    ):
        pass
