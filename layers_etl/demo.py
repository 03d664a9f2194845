"""The demo: two weeks of simulated mornings, lived through in about a minute."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from layers_etl.domain.days import DayWindow
from layers_etl.errors import ConfigurationError, LayersEtlError
from layers_etl.launch import LaunchResult, launch_backfill, launch_run
from layers_etl.sandbox.auth import DEFAULT_KEY
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.settings import load_settings
from layers_etl.warehouse.connection import Warehouse, ensure_folder, open_published
from layers_etl.warehouse.sql import load_sql

FIRST_MORNING: Final = datetime(2026, 1, 8, 6, tzinfo=UTC)
MORNINGS: Final = 14
BACKFILLED: Final = DayWindow(date(2026, 1, 1), date(2026, 1, 8))
WORLD: Final = WorldConfig(starts_at=datetime(2025, 9, 10, tzinfo=UTC))
"""The world's calendar is rich about 120 days in: campaigns start, end and are archived around the first morning."""

MARKER: Final = "demo.txt"


def live_through_two_weeks(console: Console) -> None:
    """Run every morning at 06:00Z for two weeks while the platforms backfill, backfill the first week, and tell.

    Replaces what an earlier demo left in the data folder. Raises :class:`ConfigurationError` where the folder holds a
    warehouse that is no demo's, and :class:`LayersEtlError` where a run does not end well.
    """
    data_dir = load_settings().data_dir
    _make_room(data_dir)
    with SandboxServer(WORLD, now=FIRST_MORNING) as sandbox, _environment(sandbox.url, data_dir):
        settings = load_settings()
        console.print("Two weeks against a simulated Layers API, whose platforms go on changing a day for 72 hours.")
        for morning in range(MORNINGS):
            instant = FIRST_MORNING + timedelta(days=morning)
            sandbox.set_clock(instant)
            _tell(console, f"{instant:%a %d %b %H:%M}Z", launch_run(settings, as_of=instant))
        _tell(console, "backfill", launch_backfill(settings, BACKFILLED))
    with open_published(settings.published_path) as published:
        assert published is not None
        _report(console, published)
    _say_where_to_look(console, settings.published_path)


def _make_room(data_dir: Path) -> None:
    ensure_folder(data_dir)
    marker = data_dir / MARKER
    if (data_dir / "build.duckdb").exists() and not marker.exists():
        raise ConfigurationError(
            f"{data_dir} holds a real warehouse, which the demo would replace: run the demo elsewhere, "
            "like LAYERS_DATA_DIR=/tmp/layers-demo make demo."
        )
    marker.write_text("The warehouse in this folder is the demo's, of simulated numbers; the demo replaces it.\n")
    for name in ("build.duckdb", "build.duckdb.wal", "warehouse.duckdb"):
        (data_dir / name).unlink(missing_ok=True)
    shutil.rmtree(data_dir / "dagster", ignore_errors=True)


@contextmanager
def _environment(url: str, data_dir: Path) -> Generator[None]:
    """The settings of the demo for its length: whatever else is set belongs to the real API."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("LAYERS_") or name == "DAGSTER_HOME"]:
        del os.environ[name]
    os.environ |= {
        "LAYERS_API_KEY": DEFAULT_KEY,
        "LAYERS_BASE_URL": url,
        "LAYERS_DATA_DIR": str(data_dir),
        "LAYERS_START_DATE": BACKFILLED.since.isoformat(),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _tell(console: Console, title: str, result: LaunchResult) -> None:
    if result.code:
        raise LayersEtlError(f"The demo's {title} went wrong: {result.message}")
    console.print(f"  {title:<17} {result.message}", markup=False)


def _report(console: Console, published: Warehouse) -> None:
    moved = _rows(published, "most_restated_day")[0]
    console.print(
        f"\n{moved['campaign_name']} ({moved['platform']}) on {moved['day']}:\n"
        f"  first read {moved['first_read_at']:%d %b %H:%M}Z   spend {moved['first_spend']:>10,.2f} {moved['currency']}"
        f"   {moved['first_conversions']:>4} conversions\n"
        f"  last read  {moved['last_read_at']:%d %b %H:%M}Z   spend {moved['spend']:>10,.2f} {moved['currency']}"
        f"   {moved['conversions']:>4} conversions   (settled)\n",
        markup=False,
    )
    rows = _rows(published, "latest_day_by_platform")
    table = Table(
        title=f"Yesterday ({rows[0]['day']}) by platform and currency, still provisional", title_justify="left"
    )
    for name in ("platform", "currency", "spend", "conversions", "cpa", "roas"):
        table.add_column(name, justify="left" if name in ("platform", "currency") else "right")
    for row in rows:
        roas = "–" if row["roas"] is None else f"{row['roas']:.2f}"
        table.add_row(
            row["platform"], row["currency"], f"{row['spend']:,.2f}", str(row["conversions"]), f"{row['cpa']:.2f}", roas
        )
    console.print(table)


def _rows(published: Warehouse, query: str) -> list[dict[str, Any]]:
    cursor = published.connection.execute(load_sql(query))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _say_where_to_look(console: Console, path: Path) -> None:
    console.print(
        f"""
Where to look next
  SQL   .venv/bin/layers-etl sql "FROM marts.campaign_daily LIMIT 10"
        or DuckDB's own shell:  duckdb -readonly {path}
  UI    make dev        then open http://127.0.0.1:3000
  Real  put LAYERS_API_KEY into .env, LAYERS_DATA_DIR to an empty folder, then .venv/bin/layers-etl doctor""",
        markup=False,
    )
