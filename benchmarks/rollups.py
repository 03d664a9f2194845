"""How fast the rollups answer over 22 million campaign days, each against a plain GROUP BY on the table beneath it.

``python benchmarks/rollups.py [FILE]``: makes FILE (a few minutes, about 3 GB) where it is not there yet, and times on
it every rollup and the reconciliation filtered to a quarter, all rows fetched into a table; the best of five. The
seconds of processor time tell more than those of the clock where other things are running.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.domain.metrics import ADDITIVE
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.rollups import ROLLUP_VIEWS

CAMPAIGNS: Final = 20_000
ACCOUNTS: Final = 200
DAYS: Final = 1_100
DAYS_AT_ONCE: Final = 50
REPETITIONS: Final = 5
ALLOWED_SECONDS: Final = 0.5

QUARTERS: Final = {
    "day": ("2025-07-01", "2025-10-01", "day"),
    "week": ("2025-06-30", "2025-09-29", "date_trunc('week', day)"),
    "month": ("2025-07-01", "2025-10-01", "date_trunc('month', day)"),
}
"""From, until (exclusive), and the period of a day; weeks begin on Mondays."""

KEYS: Final = {
    "campaign": "project_id, campaign_id, currency",
    "ad_account": "project_id, ad_account_id, currency",
    "platform": "project_id, platform, currency",
    "project": "project_id, currency",
}


def make(path: Path) -> None:
    """Write the synthetic warehouse, with the pipeline's own tables and views."""
    begun = time.perf_counter()
    sizes = {"campaigns": CAMPAIGNS, "accounts": ACCOUNTS, "days": DAYS}
    with open_warehouse(path, (CAMPAIGN, AD_ACCOUNT)) as warehouse:
        warehouse.connection.execute(_load("rollups.sql").format(**sizes))
        for first in range(0, DAYS, DAYS_AT_ONCE):
            end = min(first + DAYS_AT_ONCE, DAYS)
            warehouse.connection.execute(_load("rollups_days.sql").format(first=first, end=end, **sizes))
        warehouse.connection.execute("CHECKPOINT")
    print(f"made {path}: {path.stat().st_size / 1e9:.1f} GB in {time.perf_counter() - begun:.0f} s")


def measure(path: Path) -> None:
    """Print the seconds of every view, of the plain query, and what the view costs over it."""
    with duckdb.connect(str(path), read_only=True) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM marts.campaign_daily").fetchall()
        print(f"{rows:,} campaign days, {path.stat().st_size / 1e9:.1f} GB\n")
        print(f"{'view':<22}{'rows':>9}{'seconds':>9}{'plain':>9}{'cpu':>9}{'plain':>9}{'ratio':>7}")
        for view in ROLLUP_VIEWS:
            entity, _, suffix = view.rpartition("_")
            _compare(connection, view, entity, {"daily": "day", "weekly": "week", "monthly": "month"}[suffix])
        since, until, _ = QUARTERS["day"]
        quarter = f"FROM marts.reconciliation WHERE day >= '{since}' AND day < '{until}'"
        seconds, cpu, found = _time(connection, quarter)
        print(f"{'reconciliation':<22}{found:>9,}{seconds:>9.3f}{'':>9}{cpu:>9.3f}")


def _compare(connection: duckdb.DuckDBPyConnection, view: str, entity: str, period: str) -> None:
    since, until, of_day = QUARTERS[period]
    base = "campaign_daily" if entity == "campaign" else "ad_account_daily"
    sums = ", ".join(f"sum({name}) AS {name}" for name in ADDITIVE)
    plain, plain_cpu, _ = _time(
        connection,
        f"SELECT {KEYS[entity]}, {of_day} AS period, {sums} FROM marts.{base}"
        f" WHERE day >= '{since}' AND day < '{until}' GROUP BY ALL",
    )
    seconds, cpu, found = _time(connection, f"FROM marts.{view} WHERE {period} >= '{since}' AND {period} < '{until}'")
    verdict = "" if seconds < ALLOWED_SECONDS else f"  over {ALLOWED_SECONDS} s"
    times = "".join(f"{each:>9.3f}" for each in (seconds, plain, cpu, plain_cpu))
    print(f"{view:<22}{found:>9,}{times}{cpu / max(plain_cpu, 0.001):>7.1f}{verdict}")


def _time(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[float, float, int]:
    """The best of several, by the clock and in processor time of all threads, and how many rows there are."""
    best, best_cpu = float("inf"), float("inf")
    for _ in range(REPETITIONS):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {query}")
        best = min(best, time.perf_counter() - begun)
        best_cpu = min(best_cpu, time.process_time() - begun_cpu)
    ((rows,),) = connection.execute("SELECT count(*) FROM answer").fetchall()
    return best, best_cpu, rows


def _load(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def main() -> None:
    """Make the file where it is not there, and measure."""
    arguments = argparse.ArgumentParser(description="Time the rollups over 22 million campaign days.")
    arguments.add_argument("file", nargs="?", type=Path, help="kept for the next time; default: a temporary one")
    path: Path | None = arguments.parse_args().file
    with tempfile.TemporaryDirectory() as folder:
        path = path or Path(folder) / "rollups.duckdb"
        if not path.exists():
            make(path)
        measure(path)


if __name__ == "__main__":
    main()
