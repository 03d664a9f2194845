"""The demo: two weeks of simulated mornings, lived through in about a minute."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from layers_etl.cli.demo_clock import DEMO, Demo, record_demo
from layers_etl.cli.launch import LaunchResult, launch_backfill, launch_run
from layers_etl.domain.days import DayWindow
from layers_etl.domain.ids import same_id
from layers_etl.domain.lake import FILES, Catalog, Lake, lake_of
from layers_etl.errors import ConfigurationError, LayersEtlError, WarehouseError
from layers_etl.ingest.publisher import publisher_of
from layers_etl.sandbox.auth import DEFAULT_KEY
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION, WorldConfig
from layers_etl.settings import Settings, load_settings
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.files import ensure_folder, wal_of
from layers_etl.warehouse.lock import hold_lock
from layers_etl.warehouse.organization import load_organization
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.readers import open_build_read_only
from layers_etl.warehouse.sql import load_sql

SUGGESTED: Final = (
    "SELECT day, campaign_name, spend, currency, conversions FROM marts.campaign_daily "
    "ORDER BY day DESC, spend DESC LIMIT 9"
)

FIRST_MORNING: Final = datetime(2026, 1, 8, 7, tzinfo=UTC)
MORNINGS: Final = 14
BACKFILLED: Final = DayWindow(date(2026, 1, 1), date(2026, 1, 8))
WORLD: Final = WorldConfig(starts_at=datetime(2025, 9, 10, tzinfo=UTC))
"""The world's calendar is rich about 120 days in: campaigns start, end and are archived around the first morning."""

LAKE: Final = "lake.ducklake"
"""In the data folder, for whoever asks for one."""

ELSEWHERE: Final = "run the demo elsewhere, like LAYERS_DATA_DIR=/tmp/layers-demo make demo"


def live_through_two_weeks(console: Console, *, lake: bool = False) -> None:
    """Run every morning at 07:00Z for two weeks while the platforms backfill, backfill the first week, and tell.

    With ``lake`` each is published to one in the data folder too. Replaces what an earlier demo left there. Raises
    :class:`ConfigurationError` where the folder holds a warehouse that is no demo's, and :class:`LayersEtlError` where
    a run does not end well.
    """
    data_dir = load_settings().data_dir
    with SandboxServer(WORLD, now=FIRST_MORNING) as sandbox, _instance_of_its_own():
        # Nothing else of what the environment and .env hold, which belongs to the real API.
        settings = Settings(
            api_key=SecretStr(DEFAULT_KEY),
            base_url=sandbox.url,
            data_dir=data_dir,
            start_date=BACKFILLED.since,
            warehouse=Catalog(file=data_dir.absolute() / LAKE) if lake else None,
        )
        _make_room(settings)
        console.print("Two weeks against a simulated Layers API, whose platforms go on changing a day for 72 hours.")
        for morning in range(MORNINGS):
            instant = FIRST_MORNING + timedelta(days=morning)
            sandbox.set_clock(instant)
            record_demo(data_dir, Demo(ORGANIZATION, instant, settings.start_date))
            _tell(console, f"{instant:%a %d %b %H:%M}Z", launch_run(settings, as_of=instant))
        _tell(console, "backfill", launch_backfill(settings, BACKFILLED))
    with publisher_of(settings).open() as published:
        assert published is not None
        _report(console, published)
        _say_where_to_look(console, settings.published_path)
        if settings.warehouse:
            _show_lake(console, lake_of(settings.warehouse, None), published)


def _make_room(settings: Settings) -> None:
    """Delete what an earlier demo left, its Dagster history too. Whose a file is it says itself."""
    build, published, lake = settings.build_path, settings.published_path, settings.data_dir / LAKE
    ensure_folder(settings.data_dir)
    with hold_lock(build):
        found = {build: open_build_read_only(build), published: PublishedFile(published).open()}
        owners = {owner for path, opening in found.items() if (owner := _owner_of(path, opening))}
        if not all(same_id(owner, ORGANIZATION) for owner in owners):
            raise ConfigurationError(
                f"{settings.data_dir} holds a real warehouse, which the demo would replace: {ELSEWHERE}."
            )
        for path in (build, wal_of(build), published, wal_of(published), settings.data_dir / DEMO):
            path.unlink(missing_ok=True)
        if owners:
            shutil.rmtree(settings.data_dir / "dagster", ignore_errors=True)
            shutil.rmtree(lake.with_name(lake.name + FILES), ignore_errors=True)
            for path in (lake, wal_of(lake)):
                path.unlink(missing_ok=True)


def _owner_of(path: Path, opening: AbstractContextManager[Readable | None]) -> str | None:
    try:
        with opening as warehouse:
            return load_organization(warehouse) if warehouse else None
    except WarehouseError as error:
        raise ConfigurationError(
            f"The demo cannot tell whether it may replace {path}: delete it, or {ELSEWHERE}. {error}"
        ) from None


@contextmanager
def _instance_of_its_own() -> Generator[None]:
    """The demo's Dagster history belongs into its data folder, and what names it is unset afterwards."""
    before = os.environ.pop("DAGSTER_HOME", None)
    try:
        yield
    finally:
        os.environ.pop("DAGSTER_HOME", None)
        if before is not None:
            os.environ["DAGSTER_HOME"] = before


def _tell(console: Console, title: str, result: LaunchResult) -> None:
    if result.code:
        raise LayersEtlError(f"The demo's {title} went wrong: {result.message}")
    done = result.summary
    windows = sum(done.windows_read.values()) + done.weeks_read
    console.print(
        f"  {title:<17} {windows} windows read, {done.rows_read} rows; {done.restated_days} days had changed; "
        f"settled before {done.settled_until}"
    )


def _report(console: Console, published: Readable) -> None:
    moved = _rows(published, "most_restated_day")[0]
    console.print(
        f"\n{moved['campaign_name']} ({moved['platform']}) on {moved['day']}:\n"
        f"  first read {moved['first_read_at']:%d %b %H:%M}Z   spend {moved['first_spend']:>10,.2f} {moved['currency']}"
        f"   {moved['first_conversions']:>4} conversions\n"
        f"  last read  {moved['last_read_at']:%d %b %H:%M}Z   spend {moved['spend']:>10,.2f} {moved['currency']}"
        f"   {moved['conversions']:>4} conversions   (settled)\n",
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


def _show_lake(console: Console, lake: Lake, published: Readable) -> None:
    """Each publication is a snapshot, and can be gone back to."""
    first, *_, last = _rows(published, "lake/publications")
    console.print(
        f"""
Published to a lake too: {lake.name}, files in {lake.data}
  Each run is a snapshot: {first["snapshot_id"]} to {last["snapshot_id"]}, the last one "{last["commit_message"]}"
  SQL   LAYERS_WAREHOUSE={lake.name} .venv/bin/layers-etl sql "{SUGGESTED}"
  Then  the same with … FROM marts.campaign_daily AT (VERSION => {first["snapshot_id"]}) … as it was after the first run
  Open  LAYERS_WAREHOUSE={lake.name} .venv/bin/layers-etl attach   prints the lines for DuckDB, Python and BI tools"""
    )


def _rows(published: Readable, query: str) -> list[dict[str, Any]]:
    cursor = published.connection.execute(load_sql(query))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _say_where_to_look(console: Console, path: Path) -> None:
    console.print(
        f"""
Where to look next
  SQL   .venv/bin/layers-etl sql "{SUGGESTED}"
        or DuckDB's own shell:  duckdb -readonly {path}
  State .venv/bin/layers-etl status, by the demo's own clock
  UI    make dev        then open http://127.0.0.1:3000
  Real  put LAYERS_API_KEY into .env, LAYERS_DATA_DIR to an empty folder, then .venv/bin/layers-etl doctor""",
    )
