"""A key moves from machine to machine: each begins from the lake, ledger and all, and asks for nothing twice."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.lake import Lake
from layers_etl.ingest.publisher import publishers_of
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.settings import Settings
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.files import LEFT_BEHIND

from ..harness.fresh import sandbox_settings
from ..harness.instants import FIRST_MORNING, START
from ..harness.runs import run_by_itself
from ..warehouse.builders import A as CAMPAIGN_A
from ..warehouse.builders import Row, land, opened, reading, spends, utc, window
from .builders import ask, publish, publisher
from .test_publishing import live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MORNINGS: Final = 5
OF_THE_RUN: Final = {
    "ops.requests": "started_at, attempts, bytes_received, waited_seconds, wire_seconds, request_id",
    "ops.readings": "request_id",
    "ops.publication": "published_at, state_id",
    "ops.published_states": "state_id",
    "ops.revision": "state_id",
    "ops.runs": "started_at, finished_at",
}
"""What two runs over the same days never have in common: ids that are made up, and how long things took."""


def settings_of(sandbox: SandboxServer, folder: Path, **others: Any) -> Settings:
    return sandbox_settings(sandbox.url, folder, start_date=START, audit_percent=1, **others)


def live_through_a_morning(settings: Settings, sandbox: SandboxServer, number: int) -> int:
    """One run; how many answers it asked for."""
    morning = FIRST_MORNING + timedelta(days=number)
    sandbox.set_clock(morning)
    sandbox.clear_requests()
    run_by_itself(settings, RunRequest(RunKind.RUN, window=DayWindow(START, morning.date())), f"run_{number}")
    return len(sandbox.requests())


def contents(settings: Settings) -> dict[str, list[Row]]:
    """Every row of every table of the build file, without what is of the run alone."""
    with open_warehouse(settings.build_path, settings.scopes, publishers=publishers_of(settings)) as warehouse:
        connection = warehouse.connection
        names = connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT temporary"
        ).fetchall()
        found: dict[str, list[Row]] = {}
        for (name,) in names:
            columns = {column for column, *_ in connection.execute(f"DESCRIBE {name}").fetchall()}
            left_out = columns & {column.strip() for column in OF_THE_RUN.get(name, "").split(",")}
            without = f" EXCLUDE ({', '.join(sorted(left_out))})" if left_out else ""
            rows = connection.execute(f"SELECT *{without} FROM {name}").fetchall()
            found[name] = sorted((tuple(map(rounded, row)) for row in rows), key=repr)
        return found


def rounded(value: object) -> object:
    """A projection is a sum of fractions, whose last digit is that of the order they were added in."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_after_days_on_other_machines_all_is_as_on_one_that_stayed(in_file: Lake, tmp_path: Path) -> None:
    with SandboxServer(WorldConfig(accounts=1, campaigns=3), now=FIRST_MORNING) as sandbox:
        stayed = settings_of(sandbox, tmp_path / "stayed")
        moving = stayed
        for number in range(MORNINGS):
            # A new machine, one that was here before, and one that stays for a second morning.
            machine = f"machine_{(number // 2) % 2}"
            if number == MORNINGS // 2:
                shutil.rmtree(tmp_path / machine, ignore_errors=True)
            moving = settings_of(sandbox, tmp_path / machine, warehouse=in_file.catalog)
            asked = [live_through_a_morning(settings, sandbox, number) for settings in (stayed, moving)]
            assert asked[0] == asked[1]
        found, expected = contents(moving), contents(stayed)
    assert {name for name in expected if found.get(name) != expected[name]} == set()
    assert not list(tmp_path.glob(f"*/*{LEFT_BEHIND}*"))


def test_what_a_machine_had_not_published_when_another_went_on_is_kept_aside(
    in_file: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path / "one") as warehouse:
        live(warehouse)
        publish(warehouse, in_file, "run_1")
        land(warehouse, reading(CAMPAIGN_A, window(5, 5), utc(3, 30, 9), spends(window(5, 5), 9)))
    places = [publisher(in_file)]
    with open_warehouse(tmp_path / "two" / "build.duckdb", (), publishers=places) as warehouse:
        live(warehouse, spend=2, hour=8)
        publish(warehouse, in_file, "run_2")
    with open_warehouse(tmp_path / "one" / "build.duckdb", (), publishers=places) as warehouse:
        found = warehouse.connection.execute("SELECT DISTINCT spend::INTEGER FROM ads.campaign_metrics").fetchall()
    assert found == [(2,)]
    (kept,) = (tmp_path / "one").glob(f"*{LEFT_BEHIND}*")
    assert f"It is kept as {kept.name}" in caplog.text
    assert ask(in_file, "SELECT count(*) FROM ads.campaign_metrics WHERE spend = 9") == [(0,)]


def test_a_lake_that_is_not_there_for_a_morning_is_caught_up_with(
    in_file: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as warehouse:
        live(warehouse)
        publish(warehouse, in_file, "run_1")
    file = in_file.catalog.file
    assert file
    file.rename(tmp_path / "away")
    file.write_text("no catalog")
    with open_warehouse(tmp_path / "build.duckdb", (), publishers=[publisher(in_file)]) as warehouse:
        assert "Going on with" in caplog.text
        live(warehouse, spend=2, hour=8)
        file.unlink()
        (tmp_path / "away").rename(file)
        assert publish(warehouse, in_file, "run_2")
    assert ask(in_file, "SELECT DISTINCT spend::INTEGER FROM marts.campaign_daily") == [(2,)]
