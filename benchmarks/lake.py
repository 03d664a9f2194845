"""What a lake costs beside the file: publishing, and the same queries of both, in one run.

Two warehouses of 20,000 campaigns, aged as those of ``benchmarks.growth``: published to a file and to a lake (its
catalog in a file, its files in a folder), a morning lived through, published to both again. Every table of the lake is
held against the file before a time counts. Beside the tables as they are published, one in parts by month: what that
would give. ``python -m benchmarks.lake`` takes twenty minutes and 20 GB of disk; ``--campaigns 2000`` a tenth of both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.growth import age, base_of
from benchmarks.peers.__main__ import EXECUTABLE, Server, measure, settings
from layers_etl.domain.lake import Catalog, Lake, lake_of
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.lake.attachment import attach, catalog_of
from layers_etl.warehouse.lake.publisher import PublishedLake
from layers_etl.warehouse.publishing import Publication, load_state_id

DAYS: Final = (110, 1_100)
SCOPES: Final = (AD_ACCOUNT, CAMPAIGN)
LOOKS: Final = 5
KEEP_DAYS: Final = 30

QUERIES: Final = {
    "a day": "SELECT platform, sum(spend) FROM {daily} WHERE day = DATE '{day}' GROUP BY ALL",
    "a week": "SELECT day, sum(spend) FROM {daily} WHERE day > DATE '{day}' - 7 AND day <= DATE '{day}' GROUP BY ALL",
    "an old week": "SELECT day, sum(spend) FROM {daily} WHERE day BETWEEN DATE '{day}' - 97 AND DATE '{day}' - 91 "
    "GROUP BY ALL",
    "a month": "SELECT day, sum(spend) FROM {daily} WHERE day > DATE '{day}' - 30 AND day <= DATE '{day}' GROUP BY ALL",
    "all": "SELECT date_trunc('month', day), sum(spend) FROM {daily} GROUP BY ALL",
    "a campaign": "SELECT day, spend FROM {daily} WHERE campaign_id = '{campaign}' ORDER BY day",
}


@contextmanager
def told(name: str) -> Generator[None]:
    """Print how long the block took."""
    begun = time.perf_counter()
    yield
    print(f"  {name:<46} {time.perf_counter() - begun:8.2f} s", flush=True)


def publish_to_lake(build: Path, lake: Lake, name: str) -> None:
    """What the build file has and the lake lacks."""
    with open_warehouse(build, SCOPES) as warehouse, told(name):
        now = datetime.now(UTC)
        state_id = load_state_id(warehouse)
        PublishedLake(lake, SCOPES, KEEP_DAYS).publish(warehouse, Publication(state_id, name, now, now, None))


def copy_file(warehouse: Warehouse, to: Path, name: str) -> None:
    """As the published file is made."""
    with told(name), warehouse.closed_file() as file:
        to.write_bytes(file.read_bytes())
        with to.open("rb") as written:
            os.fsync(written.fileno())


def median(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    """Of several looks, in seconds."""
    taken: list[float] = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        connection.execute(query).fetchall()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def hold_against(connection: duckdb.DuckDBPyConnection) -> None:
    """End the benchmark where a table of the lake is not the file's."""
    for table in ("ads.campaign_metrics", "ads.campaign_metrics_history", "marts.campaign_daily", "ops.coverage"):
        sides = (
            f"SELECT count(*), bit_xor(hash(t)) FROM (SELECT * FROM {side}.{table}) AS t" for side in ("lake", "file")
        )
        found = [connection.execute(side).fetchall() for side in sides]
        if found[0] != found[1]:
            sys.exit(f"{table} of the lake is not that of the file: {found}")


def by_month(connection: duckdb.DuckDBPyConnection) -> None:
    """The daily mart once more, in parts by month."""
    connection.execute("CREATE SCHEMA lake.parts")
    connection.execute("CREATE TABLE lake.parts.by_month AS FROM file.marts.campaign_daily LIMIT 0")
    connection.execute("ALTER TABLE lake.parts.by_month SET PARTITIONED BY (year(day), month(day))")
    connection.execute("ALTER TABLE lake.parts.by_month SET SORTED BY (day, campaign_id)")
    connection.execute("INSERT INTO lake.parts.by_month FROM file.marts.campaign_daily ORDER BY day")


def files_of(connection: duckdb.DuckDBPyConnection, lake: Lake) -> Iterator[str]:
    """Of each of the two: how many files and bytes."""
    rows = connection.execute(
        f"SELECT table_name, count(*), sum(file_size_bytes) FROM {catalog_of(lake)}.ducklake_data_file AS file "
        f"JOIN {catalog_of(lake)}.ducklake_table USING (table_id) WHERE file.end_snapshot IS NULL "
        "AND table_name IN ('campaign_daily', 'by_month') GROUP BY ALL ORDER BY ALL DESC"
    ).fetchall()
    for name, count, size in rows:
        yield f"{name}: {count} files, {size / 1e6:.0f} MB"


def compare(file: Path, lake: Lake) -> None:
    """The same queries of the file, of the lake, and of the lake in parts by month."""
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; ATTACH '{file}' AS file (READ_ONLY)")
        attach(connection, lake, read_only=False)
        hold_against(connection)
        with told("the daily mart once more, in parts by month"):
            by_month(connection)
        print(f"  {'; '.join(files_of(connection, lake))}")
        newest = connection.execute("SELECT max(day), min(campaign_id) FROM file.marts.campaign_daily").fetchall()
        ((day, campaign),) = newest
        print(f"  {'seconds':<14} {'file':>8} {'lake':>8} {'by month':>9} {'lake : file':>12} {'by month : lake':>16}")
        for name, query in QUERIES.items():
            of_file, of_lake, of_months = (
                median(connection, query.format(daily=daily, day=day, campaign=campaign))
                for daily in ("file.marts.campaign_daily", "lake.marts.campaign_daily", "lake.parts.by_month")
            )
            print(
                f"  {name:<14} {of_file:8.3f} {of_lake:8.3f} {of_months:9.3f} {of_lake / of_file:12.2f} "
                f"{of_months / of_lake:16.2f}",
                flush=True,
            )


def measure_size(server: Server, base: Path, days: int, folder: Path) -> None:
    """One size, in a folder of its own."""
    (folder / "data").mkdir()
    build, file = folder / "data" / "build.duckdb", folder / "file.duckdb"
    build.write_bytes(base.read_bytes())
    age(build, server.world, days)
    lake = lake_of(Catalog(file=folder / "lake.ducklake"), None)
    environment = {**settings(server, folder), "LAYERS_START_DATE": str(server.world.until - timedelta(days=days))}
    server.set_clock(server.world.morning())
    measure(server, [EXECUTABLE, "run"], environment, folder)
    with duckdb.connect(str(build), read_only=True) as connection:
        rows = connection.execute("SELECT count(*) FROM ads.campaign_metrics").fetchall()[0][0]
    print(f"\n{rows:,} days of campaigns")
    publish_to_lake(build, lake, "first publication to the lake")
    server.set_clock(server.world.morning(1))
    measure(server, [EXECUTABLE, "run"], environment, folder)
    publish_to_lake(build, lake, "a morning, to the lake, care where it is due")
    with open_warehouse(build, SCOPES) as warehouse:
        copy_file(warehouse, file, "the same, to a file")
    compare(file, lake)


def main() -> None:
    """Make the base once, and a warehouse of each size of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--campaigns", type=int, default=20_000)
    options.add_argument("--days", type=int, nargs="+", default=DAYS)
    arguments = options.parse_args()
    with base_of(arguments.campaigns) as (server, base):
        for days in arguments.days:
            with tempfile.TemporaryDirectory(dir=base.parent) as folder:
                measure_size(server, base / "data" / "build.duckdb", days, Path(folder))


if __name__ == "__main__":
    main()
