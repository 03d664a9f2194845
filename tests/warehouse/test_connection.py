"""Opening the build file: one writer at a time, and a plain sentence for every file that cannot be used."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from layers_etl.domain.keys import KeyKind, key_kind
from layers_etl.domain.scopes import AD, AD_ACCOUNT, ADSET, CAMPAIGN, PROJECT
from layers_etl.errors import ConfigurationError, WarehouseError
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import SHORT_LOG, Warehouse
from layers_etl.warehouse.files import wal_of
from layers_etl.warehouse.organization import claim_for_organization
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.schema import SCHEMA_VERSION

from .builders import SCOPES, A, dump, land, opened, reading, rows, spends, utc, window
from .processes import OtherProcess, other_process


def refusal(folder: Path) -> str:
    """The sentence opening the build file in ``folder`` ends with."""
    with pytest.raises(WarehouseError) as caught, opened(folder):
        pass
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_a_warehouse_is_created_with_its_folder(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "deep" / "down" / "build.duckdb", SCOPES) as warehouse:
        assert rows(warehouse, "SELECT version FROM ops.schema_version") == [(SCHEMA_VERSION,)]
    assert (tmp_path / "deep" / "down" / "build.duckdb").exists()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        land(warehouse, reading(A, window(1, 3), utc(3, 4, 6), spends(window(1, 3), 5)))
        before = dump(warehouse)
    with opened(tmp_path) as warehouse:
        assert dump(warehouse) == before


def test_opening_again_writes_nothing(tmp_path: Path) -> None:
    build = tmp_path / "build.duckdb"
    with open_warehouse(build, SCOPES):
        pass
    before = build.read_bytes()
    with open_warehouse(build, SCOPES):
        pass
    assert build.read_bytes() == before


@pytest.mark.slow
def test_a_long_log_is_folded_into_the_file_and_a_short_one_left_until_it_is_closed(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        log = wal_of(warehouse.path)
        land(warehouse, reading(A, window(1, 3), utc(3, 4, 6), spends(window(1, 3), 5)))
        warehouse.fold_long_log()
        assert log.exists()
        with warehouse.transaction() as connection:
            connection.execute("CREATE TABLE long AS SELECT range AS number FROM range(?)", [SHORT_LOG // 4])
            connection.execute("UPDATE long SET number = hash(number) // 2")
        assert log.stat().st_size > SHORT_LOG
        warehouse.fold_long_log()
        assert not log.exists()


@pytest.mark.slow
def test_a_column_that_a_file_gains_says_what_it_holds(tmp_path: Path) -> None:
    build = tmp_path / "build.duckdb"
    with open_warehouse(build, SCOPES) as warehouse:
        said = "SELECT comment FROM duckdb_columns() WHERE table_name = 'failures' AND column_name = 'status'"
        before = rows(warehouse, said)
        warehouse.connection.execute("ALTER TABLE ops.failures DROP COLUMN status")
        warehouse.connection.execute("UPDATE ops.views SET fingerprint = 'of a version without it'")
    with open_warehouse(build, SCOPES) as warehouse:
        assert rows(warehouse, said) == before != []


@pytest.mark.slow
def test_a_scope_that_is_read_from_now_on_gets_its_tables_beside_those_there_are(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        land(warehouse, reading(A, window(1, 3), utc(3, 4, 6), spends(window(1, 3), 5)))
    with open_warehouse(tmp_path / "build.duckdb", [CAMPAIGN, AD_ACCOUNT, PROJECT, ADSET, AD]) as warehouse:
        for table in ("adset_metrics", "ad_metrics", "project_metrics"):
            assert rows(warehouse, f"SELECT count(*) FROM ads.{table}") == [(0,)]
        assert rows(warehouse, "SELECT count(*) FROM ads.campaign_metrics") == [(3,)]


def test_every_table_and_column_says_what_it_holds(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "build.duckdb", [CAMPAIGN, AD_ACCOUNT, PROJECT, ADSET, AD]) as warehouse:
        for kind in ("table", "view"):
            internal = "AND NOT internal" if kind == "view" else ""
            silent = f"SELECT {kind}_name FROM duckdb_{kind}s() WHERE NOT temporary {internal} AND comment IS NULL"
            assert rows(warehouse, silent) == []
        silent = (
            "SELECT schema_name, table_name, column_name FROM duckdb_columns()"
            " WHERE schema_name IN ('ads', 'marts', 'ops') AND comment IS NULL"
        )
        assert rows(warehouse, silent) == []


def test_instants_are_told_in_utc_whatever_the_machines_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    with opened(tmp_path) as warehouse:
        assert rows(warehouse, "SELECT current_setting('TimeZone')") == [("UTC",)]


def test_a_database_of_something_else_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "build.duckdb")) as connection:
        connection.execute("CREATE TABLE shopping (item VARCHAR)")
    sentence = refusal(tmp_path)
    assert "a DuckDB file of something else" in sentence
    assert f"{tmp_path / 'build.duckdb'}.wal" in sentence
    with duckdb.connect(str(tmp_path / "build.duckdb")) as connection:
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("shopping",)]


@pytest.mark.slow
def test_a_warehouse_of_a_newer_version_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        warehouse.connection.execute("UPDATE ops.schema_version SET version = version + 1")
    assert "written by a newer layers_etl" in refusal(tmp_path)
    with pytest.raises(WarehouseError, match="upgrade layers_etl"), PublishedFile(tmp_path / "build.duckdb").open():
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "data"):
        with (
            pytest.raises(WarehouseError, match=r"cannot be written.*LAYERS_DATA_DIR"),
            open_warehouse(folder / "build.duckdb", SCOPES),
        ):
            pass


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "build.duckdb").mkdir()
    assert "build.duckdb" in refusal(tmp_path)


@pytest.mark.slow
def test_a_second_run_waits_says_so_and_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as first:
        second = OtherProcess("-m", "tests.warehouse.writer", "hold", str(tmp_path))
        assert "Another run is writing" in second.hear()
        land(first, reading(A, window(1, 3), utc(3, 4, 6), spends(window(1, 3), 5)))
        assert second.code is None
    assert "going on" in second.hear()
    assert second.hear() == "open"
    second.say("close")
    assert second.wait() == ["closed"]
    assert second.code == 0


@pytest.mark.slow
def test_a_run_that_was_killed_keeps_no_one_waiting(tmp_path: Path) -> None:
    with other_process("-m", "tests.warehouse.writer", "hold", str(tmp_path)) as killed:
        assert killed.hear() == "open"
        killed.kill()
    with other_process("-m", "tests.warehouse.writer", "hold", str(tmp_path)) as next_run:
        assert next_run.hear() == "open"


@pytest.mark.slow
def test_a_file_another_program_has_open_is_told(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline()"
    with other_process("-c", script, str(tmp_path / "build.duckdb")) as program:
        assert program.hear() == "open"
        sentence = refusal(tmp_path)
        assert "Another program has" in sentence
        assert "warehouse.duckdb" in sentence
        program.say("close")
        program.wait()
    with opened(tmp_path):
        pass


def test_what_a_killed_publication_left_is_swept_away(tmp_path: Path) -> None:
    leftovers = [tmp_path / name for name in ("warehouse.duckdb.unfinished", "build.duckdb.unfinished.wal")]
    for leftover in leftovers:
        leftover.write_bytes(b"half a copy")
    with opened(tmp_path):
        assert not any(leftover.exists() for leftover in leftovers)


def test_a_transaction_that_fails_leaves_nothing_behind(warehouse: Warehouse) -> None:
    before = dump(warehouse)

    def change_and_fail() -> None:
        with warehouse.change() as connection:
            connection.execute("INSERT INTO ops.organization (organization_id) VALUES ('org_1')")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        change_and_fail()
    assert dump(warehouse) == before


def test_a_warehouse_belongs_to_the_organisation_that_first_wrote_it(warehouse: Warehouse) -> None:
    claim_for_organization(warehouse, "org_1")
    claim_for_organization(warehouse, "org_1")
    with pytest.raises(WarehouseError, match="set LAYERS_DATA_DIR to another folder"):
        claim_for_organization(warehouse, "org_2")
    assert rows(warehouse, "SELECT organization_id FROM ops.organization") == [("org_1",)]


@pytest.mark.parametrize(("first", "then"), [("org_a", "a"), ("a", "org_a"), ("a", "ws_a")])
def test_an_organisation_is_the_same_with_its_prefix_and_without_it(
    warehouse: Warehouse, first: str, then: str
) -> None:
    claim_for_organization(warehouse, first)
    claim_for_organization(warehouse, then)
    assert rows(warehouse, "SELECT organization_id FROM ops.organization") == [(first,)]


@pytest.mark.parametrize(("first", "then"), [("live", "test"), ("test", "live")])
def test_live_and_test_keys_do_not_mix_unless_told_otherwise(
    warehouse: Warehouse, first: KeyKind, then: KeyKind
) -> None:
    claim_for_organization(warehouse, "org_1", first)
    with pytest.raises(WarehouseError, match="LAYERS_ALLOW_MIXED_KEYS"):
        claim_for_organization(warehouse, "org_1", then)
    claim_for_organization(warehouse, "org_1", then, allow_mixed_keys=True)
    claim_for_organization(warehouse, "org_1", None)
    claim_for_organization(warehouse, "org_1", first)
    assert rows(warehouse, "SELECT key_kind FROM ops.organization") == [(first,)]


def test_a_warehouse_written_before_takes_the_kind_of_the_next_key_that_says(warehouse: Warehouse) -> None:
    for kind in (None, None, "live"):
        claim_for_organization(warehouse, "org_1", kind)
    assert rows(warehouse, "SELECT key_kind FROM ops.organization") == [("live",)]
    with pytest.raises(WarehouseError, match="Nothing was changed"):
        claim_for_organization(warehouse, "org_1", "test")


@pytest.mark.parametrize(
    ("key", "kind"), [("lp_live_1", "live"), ("lp_test_1", "test"), ("lp_new_1", None), ("live_1", None), ("", None)]
)
def test_a_key_says_its_kind_by_its_prefix_or_not_at_all(key: str, kind: KeyKind | None) -> None:
    assert key_kind(key) == kind


def test_nothing_published_yet_is_no_error(tmp_path: Path) -> None:
    with PublishedFile(tmp_path / "warehouse.duckdb").open() as published:
        assert published is None


def test_a_published_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError, match="is damaged"), PublishedFile(tmp_path / "warehouse.duckdb").open():
        pass


@pytest.mark.slow
def test_scopes_that_are_not_read_still_have_the_tables_users_rely_on(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "build.duckdb", []) as warehouse:
        for scope in SCOPES:
            assert rows(warehouse, f"SELECT count(*) FROM ads.{scope.metrics_table}") == [(0,)]
