"""A year of a small warehouse: what is kept for good grows with its days, what is a log does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pytest

from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.instants import FIRST_MORNING
from ..harness.pipeline import Pipeline, refusing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

YEAR: Final = 365
EVERY: Final = 30
"""Every thirtieth morning: what a run leaves is the same, and a year of all takes minutes."""

LOG_DAYS: Final = 30
LOGS: Final = ("requests", "failures", "odd_fields", "untrusted_answers")
STATES: Final = ("sources", "running_days", "doubtful_days", "refused_metrics", "weekly_reach_refusals")


@dataclass(frozen=True)
class Lived:
    """The rows of every table of ``ops``, morning by morning, and what the files came to."""

    pipeline: Pipeline
    rows: dict[datetime, dict[str, int]]
    build_bytes: int
    published_bytes: int
    compact_bytes: int

    def at_most(self, table: str, mornings: slice) -> int:
        """The most rows that the table had in some of the mornings."""
        return max(rows[table] for rows in list(self.rows.values())[mornings])


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """A year in which one campaign can never be read."""
    folder = tmp_path_factory.mktemp("year")
    rows: dict[datetime, dict[str, int]] = {}
    with SandboxServer(WorldConfig(accounts=1, campaigns=4), now=FIRST_MORNING) as sandbox:
        pipeline = Pipeline(sandbox, folder, {"request_log_days": LOG_DAYS, "audit_percent": 1})
        pipeline.now = sandbox.clock.now
        sandbox.add_fault(refusing(pipeline.campaigns()[0]))
        mornings = [FIRST_MORNING + timedelta(days=day) for day in range(0, YEAR, EVERY)]
        for morning in mornings:
            pipeline.run(morning, publish=morning in (mornings[0], mornings[len(mornings) // 2], mornings[-1]))
            rows[morning] = rows_of_ops(pipeline)
        settings = pipeline.settings
        pipeline.let_go()
        sizes = [path.stat().st_size for path in (settings.build_path, settings.published_path)]
        yield Lived(
            pipeline, rows, *sizes, compact_bytes=bytes_of_a_copy(settings.published_path, folder / "copy.duckdb")
        )


def rows_of_ops(pipeline: Pipeline) -> dict[str, int]:
    """By name, how many rows each table of ``ops`` has."""
    names = pipeline.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'ops' ORDER BY table_name")
    return {name: pipeline.rows(f"SELECT count(*) FROM ops.{name}")[0][0] for (name,) in names}


def bytes_of_a_copy(path: Path, copy: Path) -> int:
    """The least that the same rows take: a copy of all of them into a new file."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS lived (READ_ONLY); ATTACH '{copy}' AS compact")
        connection.execute("COPY FROM DATABASE lived TO compact")
    return copy.stat().st_size


def test_a_year_shows_what_it_takes(year: Lived) -> None:
    beginning, end = list(year.rows.values())[2 * LOG_DAYS // EVERY], list(year.rows.values())[-1]
    print("\nrows of ops", "after 60 days", "after a year", sep="\t")
    for name in end:
        print(f"{name:24}", beginning[name], end[name], sep="\t")
    print(f"build {year.build_bytes:,}, published {year.published_bytes:,}, a copy of it {year.compact_bytes:,} bytes")
    assert year.published_bytes == year.build_bytes < 3 * year.compact_bytes


def test_logs_hold_no_more_after_a_year_than_after_their_time(year: Lived) -> None:
    first_full = slice(LOG_DAYS // EVERY, 3 * LOG_DAYS // EVERY)
    for table in LOGS:
        assert year.at_most(table, slice(-LOG_DAYS // EVERY, None)) <= 1.2 * year.at_most(table, first_full)
    assert year.at_most("failures", slice(None)) > 0


def test_what_tells_how_things_stand_does_not_grow_with_the_days(year: Lived) -> None:
    entities = 5
    for table in STATES:
        assert year.at_most(table, slice(None)) <= entities
    # Not every morning is lived here, so that days are read at different ages, which the ledger tells apart.
    assert year.at_most("coverage", slice(None)) < list(year.rows.values())[-1]["readings"]


def test_a_year_adds_one_reading_for_each_answer_that_landed_and_one_row_for_each_run(year: Lived) -> None:
    landed, runs = year.pipeline.rows("SELECT sum(windows_read)::BIGINT, count(*) FROM ops.runs")[0]
    end = list(year.rows.values())[-1]
    assert end["runs"] == runs == len(year.rows)
    assert end["readings"] <= landed
    assert year.pipeline.rows("SELECT count(request_id) FROM ops.readings") < [(end["readings"] // 4,)]


def test_no_day_and_no_version_of_the_year_is_forgotten(year: Lived) -> None:
    days = year.pipeline.rows("SELECT count(DISTINCT day), min(day), max(day) FROM ads.ad_account_metrics")
    ((count, first, last),) = days
    assert count == (last - first).days + 1 > YEAR
    versions, restated = year.pipeline.rows(
        "SELECT (SELECT count(*) FROM ads.ad_account_metrics_history WHERE day < DATE '2026-04-20'),"
        " (SELECT count(*) FROM marts.restatements WHERE scope = 'ad_account' AND day < DATE '2026-04-20')"
    )[0]
    assert restated > versions > 0
