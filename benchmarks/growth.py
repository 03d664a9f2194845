"""A morning of many campaigns on warehouses with ever more days in them: as much is touched, so it should take as long.

The days before the last eight are written straight into the tables, each with the history and the readings that a run
every morning would have left, by the server's arithmetic. ``python -m benchmarks.growth`` takes a quarter of an hour
and 20 GB of disk; ``--campaigns 2000`` a tenth of both. Every table is held against the server's truth before its time
counts.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from benchmarks.peers.__main__ import EXECUTABLE, Measured, Server, backfill, measure, serving, settings
from benchmarks.peers.world import World

HERE = Path(__file__).parent
DAYS = (8, 110, 1_100)
BASE_DAYS = DAYS[0]
ROWS_SQL = (HERE / "growth_truth.sql").read_text()


@dataclass(frozen=True, slots=True)
class Taken:
    """By one warehouse: its rows and bytes, a morning, and a run with nothing to do after it."""

    rows: int
    megabytes: float
    morning: Measured
    nothing: Measured


def age(build: Path, world: World, days: int) -> None:
    """Give the build file ``days`` days in all, as if it had been run every morning of them."""
    script = (HERE / "growth_age.sql").read_text()
    oldest = world.until - timedelta(days=days)
    with duckdb.connect(str(build)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = true")
        connection.execute(
            "CREATE TEMP TABLE bounds AS SELECT $oldest::DATE AS oldest, $base::DATE AS base",
            {
                "oldest": oldest,
                "base": world.since,
            },
        )
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("CHECKPOINT")


def hold_against_truth(file: Path, world: World, oldest_days: int) -> int:
    """How many rows the campaigns have; ends the benchmark where one is not what is, or would have been, served."""
    with duckdb.connect(str(file), read_only=True) as connection:
        rows, wrong = connection.execute(ROWS_SQL, {"today": world.morning(1).date()}).fetchall()[0]
    if wrong or rows != world.campaigns * (oldest_days + 1):
        sys.exit(f"{file.name} holds {wrong} wrong rows of {rows}, of {world.campaigns * (oldest_days + 1)} expected")
    return rows


def measure_size(server: Server, base: Path, days: int, folder: Path) -> Taken:
    """One size, in a folder of its own."""
    shutil.copytree(base, folder / "data", dirs_exist_ok=True)
    environment = {
        **settings(server, folder),
        "LAYERS_START_DATE": str(server.world.until - timedelta(days=days)),
    }
    if days > BASE_DAYS:
        age(folder / "data" / "build.duckdb", server.world, days)
    server.set_clock(server.world.morning())
    measure(server, [EXECUTABLE, "run"], environment, folder)
    server.set_clock(server.world.morning(1))
    published = folder / "data" / "warehouse.duckdb"
    morning = measure(server, [EXECUTABLE, "run"], environment, folder)
    rows = hold_against_truth(published, server.world, days)
    nothing = measure(server, [EXECUTABLE, "run"], environment, folder)
    return Taken(rows, published.stat().st_size / 1e6, morning, nothing)


def print_table(taken: Sequence[Taken]) -> None:
    """A line each, with the ratios to the smallest."""
    print(f"\n{'rows':>12} {'file MB':>9} {'':10} {'seconds':>8} {'CPU s':>7} {'peak MB':>8} {'of the smallest':>16}")
    for each in taken:
        for name, of_size, of_least in (
            ("morning", each.morning, taken[0].morning),
            ("nothing", each.nothing, taken[0].nothing),
        ):
            ratios = f"{of_size.seconds / of_least.seconds:.2f} / {of_size.cpu / of_least.cpu:.2f}"
            print(
                f"{each.rows:12,} {each.megabytes:9.0f} {name:10} {of_size.seconds:8.1f} {of_size.cpu:7.1f} "
                f"{of_size.megabytes:8.0f} {ratios:>16}"
            )


@contextmanager
def base_of(campaigns: int) -> Generator[tuple[Server, Path]]:
    """A server of so many campaigns, and a folder whose ``data`` has the first days of them, both for a while."""
    world = World(campaigns, BASE_DAYS)
    with tempfile.TemporaryDirectory(prefix="layers-etl-growth-") as name, serving(world) as server:
        base = Path(name, "base")
        base.mkdir()
        server.set_clock(world.morning())
        measure(server, backfill(server, base), settings(server, base), base)
        yield server, base


def main() -> None:
    """Make the base once, and a warehouse of each size of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--campaigns", type=int, default=20_000)
    options.add_argument("--days", type=int, nargs="+", default=DAYS)
    arguments = options.parse_args()
    with base_of(arguments.campaigns) as (server, base):
        taken: list[Taken] = []
        for days in arguments.days:
            with tempfile.TemporaryDirectory(dir=base.parent) as folder:
                taken.append(measure_size(server, base / "data", days, Path(folder)))
    print_table(taken)


if __name__ == "__main__":
    main()
