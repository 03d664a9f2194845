"""A build file that is gone: the next run goes on from the published one, and loses no history."""

from __future__ import annotations

import logging
import shutil
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from layers_etl.errors import StorageError, WarehouseError
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.organization import claim_for_organization
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.schema import SCHEMA_VERSION

from ..harness.instants import FIRST_MORNING, START
from ..harness.jobs import DagsterPipeline
from .builders import SCOPES, A, dump, land, opened, publish, reading, rows, spends, utc, window
from .machines import no_file_longer_than
from .test_schema import VERSION_1

SPEND = "SELECT sum(spend) FROM ads.campaign_metrics"


def open_again(folder: Path) -> AbstractContextManager[Warehouse]:
    """As a run does: knowing where the published file is."""
    return open_warehouse(folder / "build.duckdb", SCOPES, publishers=[PublishedFile(folder / "warehouse.duckdb")])


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """A folder with a published file that knows a restated day, and without a build file."""
    with opened(tmp_path) as warehouse:
        claim_for_organization(warehouse, "org_1")
        for hour, spend in ((6, 5), (7, 6)):
            land(warehouse, reading(A, window(1, 2), utc(3, 4, hour), spends(window(1, 2), spend)))
        publish(warehouse)
    (tmp_path / "build.duckdb").unlink()
    return tmp_path


def test_a_missing_build_file_is_begun_from_the_published_one_and_told(
    lost: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with PublishedFile(lost / "warehouse.duckdb").open() as published:
        assert published
        expected = dump(published)
    with caplog.at_level(logging.WARNING), open_again(lost) as warehouse:
        assert dump(warehouse) == expected
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{lost / 'build.duckdb'} is missing: going on from a copy of warehouse.duckdb, published 2026-03-05 00:00Z."
    )
    assert not list(lost.glob("*.unfinished*"))


def test_the_next_publication_still_has_the_history(lost: Path) -> None:
    with open_again(lost) as warehouse:
        assert publish(warehouse) is False, "nothing has changed yet"
        land(warehouse, reading(A, window(3, 3), utc(3, 5), spends(window(3, 3), 1)))
        assert publish(warehouse) is True
    with PublishedFile(lost / "warehouse.duckdb").open() as published:
        assert published
        assert rows(published, SPEND) == [(Decimal(13),)]
        assert rows(published, "SELECT count(*) FROM ads.campaign_metrics_history") == [(2,)]


@pytest.mark.slow
def test_a_build_file_that_is_there_is_never_replaced(lost: Path) -> None:
    with open_again(lost) as warehouse:
        land(warehouse, reading(A, window(3, 3), utc(3, 5), spends(window(3, 3), 1)))
    with open_again(lost) as warehouse:
        assert rows(warehouse, SPEND) == [(Decimal(13),)]


@pytest.mark.slow
def test_a_log_left_by_the_lost_file_is_not_replayed_into_the_copy(lost: Path) -> None:
    with open_again(lost):
        pass
    build = lost / "build.duckdb"
    left = lost / "left.wal"
    with duckdb.connect(str(build)) as connection:
        connection.execute("INSERT INTO ops.organization (organization_id) VALUES ('not ours')")
        shutil.copy(build.with_name("build.duckdb.wal"), left)
    build.unlink()
    left.rename(build.with_name("build.duckdb.wal"))
    with open_again(lost) as warehouse:
        assert rows(warehouse, "SELECT organization_id FROM ops.organization") == [("org_1",)]
    assert list(lost.glob("build.duckdb.damaged-*.wal")), "it is kept"


@pytest.mark.slow
def test_the_copy_of_a_file_that_nobody_may_write_can_be_written(lost: Path) -> None:
    (lost / "warehouse.duckdb").chmod(0o444)
    with open_again(lost) as warehouse:
        assert warehouse.path.stat().st_mode & 0o200


@pytest.mark.slow
def test_a_published_file_of_an_older_version_is_brought_forward(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(VERSION_1)
        ((days,),) = connection.execute("SELECT count(*) FROM ads.campaign_metrics").fetchall()
    with open_again(tmp_path) as warehouse:
        assert rows(warehouse, "FROM ops.schema_version") == [(SCHEMA_VERSION,)]
        assert rows(warehouse, "SELECT count(*) FROM ads.campaign_metrics") == [(days,)]


@pytest.mark.slow
def test_the_numbers_of_another_organisation_are_refused_as_ever(lost: Path) -> None:
    with open_again(lost) as warehouse:
        claim_for_organization(warehouse, "org_1")
        with pytest.raises(WarehouseError, match="holds the numbers of organisation org_1"):
            claim_for_organization(warehouse, "org_2")


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 5000])
def test_a_published_file_that_is_damaged_is_told_and_nothing_is_begun(lost: Path, size: int) -> None:
    published = lost / "warehouse.duckdb"
    published.write_bytes(published.read_bytes()[:size])
    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb is damaged"), open_again(lost):
        pass
    assert not (lost / "build.duckdb").exists()


def test_a_published_file_of_something_else_is_told_and_nothing_is_begun(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("CREATE TABLE shopping (item VARCHAR)")
    with pytest.raises(WarehouseError, match="a DuckDB file of something else"), open_again(tmp_path):
        pass
    assert not (tmp_path / "build.duckdb").exists()


def test_a_copy_that_finds_no_room_is_told_and_nothing_is_begun(lost: Path) -> None:
    with (
        no_file_longer_than(100_000),
        pytest.raises(StorageError, match="cannot be copied in the place of the build file"),
        open_again(lost),
    ):
        pass
    assert not (lost / "build.duckdb").exists()
    assert not list(lost.glob("*.unfinished*"))


def test_without_a_published_file_an_empty_one_is_begun(tmp_path: Path) -> None:
    with open_again(tmp_path) as warehouse:
        assert rows(warehouse, SPEND) == [(None,)]


@pytest.mark.slow
def test_a_run_whose_build_file_is_gone_publishes_all_that_was_published_before(tmp_path: Path) -> None:
    history = "SELECT campaign_id, day, observed_at, superseded_at FROM ads.campaign_metrics_history ORDER BY ALL"
    with SandboxServer(WorldConfig(projects=1, accounts=1, campaigns=2), now=FIRST_MORNING) as sandbox:
        pipeline = DagsterPipeline(sandbox, tmp_path, START)
        pipeline.run()
        pipeline.morning(FIRST_MORNING + timedelta(days=1))
        before = pipeline.query(history)
        (pipeline.data_dir / "build.duckdb").unlink()
        pipeline.morning(FIRST_MORNING + timedelta(days=2))
        after = pipeline.query(history)
    assert before
    assert [row for row in after if row in before] == before
