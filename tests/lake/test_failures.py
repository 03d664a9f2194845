"""Killed anywhere, or left by its server or its files: the lake is as it was or whole, the local warehouse unharmed."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

import duckdb
import pytest

from layers_etl.domain.lake import Catalog, Lake
from layers_etl.errors import LakeError
from layers_etl.warehouse.connection import Readable, Warehouse

from ..harness.postgres import Postgres
from ..warehouse.builders import rows
from ..warehouse.processes import OtherProcess, other_process
from ..warehouse.test_killed_writer import assert_whole, last_number
from ..warehouse.writer import DAYS, ENTITIES
from .builders import ask, differences, publish, publisher, snapshots
from .test_publishing import live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 6


def started(folder: Path, lake: Lake) -> AbstractContextManager[OtherProcess]:
    """The writer."""
    files = str(Path(lake.data).parent) if lake.catalog.schema else lake.data
    return other_process("-m", "tests.lake.writer", str(folder), str(lake.catalog), files)


def assert_lake_is_whole(lake: Lake, at_least: int) -> int:
    """Every table is of one publication, no key is there twice; which one that is, 0 before the first."""
    with publisher(lake).open() as published:
        if published is None or published.publication is None:
            assert at_least == 0
            return 0
        landed = assert_whole(published)
        mart = rows(published, "SELECT spend::INTEGER, campaign_name, count(*) FROM marts.campaign_daily GROUP BY ALL")
        assert mart == [(landed, f"Campaign {landed}", len(ENTITIES) * len(DAYS))]
        assert published.publication.run_id == f"run_{landed}"
        assert rows(published, "SELECT count(*), count(DISTINCT campaign_id) FROM ads.campaigns") == [
            (len(ENTITIES), len(ENTITIES))
        ]
        assert landed >= at_least
        return landed


def test_killed_at_any_moment_the_lake_is_of_one_publication_and_the_next_run_goes_on(
    in_postgres: Lake, tmp_path: Path
) -> None:
    lake, random, published = in_postgres, Random(21), 0
    for _ in range(KILLS):
        with started(tmp_path, lake) as writer:
            said = [writer.hear() for _ in range(random.randrange(1, 4))]
            # Somewhere on the way to the next line.
            writer.go_on_for(random.random() * 0.8)
            said += writer.kill()
        published = assert_lake_is_whole(lake, max(last_number(said, "published"), published))
        with duckdb.connect(str(tmp_path / "build.duckdb"), read_only=True) as build:
            assert assert_whole(Readable("build", build)) >= published
    assert published >= 3
    with started(tmp_path, lake) as writer:
        writer.hear_until("published ")
        writer.kill()
    assert_lake_is_whole(lake, published + 1)


def test_a_server_that_dies_at_any_moment_costs_a_sentence_and_the_next_publication_makes_it_good(
    in_postgres: Lake, postgres: Postgres, tmp_path: Path
) -> None:
    random, published = Random(22), 0
    for _ in range(3):
        with started(tmp_path, in_postgres) as writer:
            said = [writer.hear_until("landed ")]
            writer.go_on_for(random.random() * 1.5)
            postgres.kill()
            try:
                failed = writer.hear_until("failed ")
                assert "see that" in failed
                assert "try again" in failed
            finally:
                postgres.start()
            said.append(writer.hear_until("published "))
            said += writer.kill()
        published = assert_lake_is_whole(in_postgres, max(last_number(said, "published"), published))


def test_files_that_cannot_be_written_cost_a_sentence_and_the_next_publication_makes_it_good(
    in_file: Lake, warehouse: Warehouse, tmp_path: Path
) -> None:
    live(warehouse)
    publish(warehouse, in_file)
    files = Path(in_file.data)
    files.rename(tmp_path / "elsewhere")
    files.write_text("no folder")
    live(warehouse, spend=2, hour=7)
    with pytest.raises(LakeError, match="cannot be published to"):
        publish(warehouse, in_file, "run_2")
    assert rows(warehouse, "SELECT DISTINCT spend::INTEGER FROM ads.campaign_metrics") == [(2,)]
    files.unlink()
    (tmp_path / "elsewhere").rename(files)
    assert ask(in_file, "SELECT DISTINCT spend::INTEGER FROM ads.campaign_metrics") == [(1,)]
    assert publish(warehouse, in_file, "run_2")
    assert len(snapshots(in_file)) == 2
    path = warehouse.path
    warehouse.close()
    assert differences(in_file, path) == {}


def test_a_server_that_is_not_there_is_told_without_its_password(
    in_postgres: Lake, password: str, warehouse: Warehouse
) -> None:
    catalog = Catalog(server=re.sub(r"port=\d+", "port=9", str(in_postgres.catalog.server)), schema="org")
    nowhere = publisher(Lake(catalog, in_postgres.data))
    live(warehouse)
    for look in (nowhere.published, lambda: nowhere.restore(warehouse.path.with_name("other.duckdb"))):
        with pytest.raises(LakeError) as told:
            look()
        assert password not in str(told.value)
