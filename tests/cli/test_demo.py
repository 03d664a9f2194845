"""The demo: two weeks of simulated mornings in a folder of its own, whatever else is set."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from layers_etl.cli.demo_clock import Demo, record_demo
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION

from ..harness.command import CommandLine, Ended, ended, wait_for
from ..harness.place import rows_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

GIVEN_UP_SECONDS = 600
"""So long that even a loaded machine is well within it."""

ELSEWHERE = {
    "LAYERS_API_KEY": "lp_test_somebody_elses",
    "LAYERS_BASE_URL": "http://127.0.0.1:9",
    "LAYERS_START_DATE": "2030-01-01",
}
ELSEWHERE_IN_THE_FILE = """
LAYERS_ORGANIZATION=org_of_somebody_else
LAYERS_PROJECT_IDS=prj_nowhere
LAYERS_SCOPES=ad
LAYERS_SETTLE_HOURS=0
LAYERS_REQUESTS_PER_MINUTE=1
"""


@dataclass(frozen=True)
class Shown:
    """A folder after the demo, and what it printed. ``earlier``: how many runs an earlier demo had published there."""

    place: CommandLine
    result: Ended
    earlier: int


@pytest.fixture(scope="module")
def shown(still: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The demo where another was killed after its first morning; the user's settings point elsewhere."""
    place = CommandLine(still, tmp_path_factory.mktemp("demo") / "data")
    with place.started("demo") as process:
        wait_for(process, " 07:00Z ", told=True)
    earlier = len(rows_of(place.published, "FROM ops.runs"))
    (place.folder / ".env").write_text(ELSEWHERE_IN_THE_FILE)
    with place.started("demo", LAYERS_ENV_FILE=None, **ELSEWHERE) as process:
        return Shown(place, ended(process, timeout=GIVEN_UP_SECONDS), earlier)


def test_the_demo_ends_well(shown: Shown) -> None:
    assert shown.result.code == 0, shown.result.err


def test_the_demo_shows_every_morning_what_moved_yesterday_and_where_to_look(
    shown: Shown,
) -> None:
    place, result = shown.place, shown.result
    assert len(re.findall(r"^ +\w{3} \d\d \w{3} 07:00Z ", result.out, re.MULTILINE)) == 14
    assert "backfill" in result.out
    moved = re.findall(r"(?:first|last) read .* spend +([\d.,]+) [A-Z]{3} +(\d+) conversions", result.out)
    assert len(moved) == 2
    assert moved[0] != moved[1]
    for platform, currency in (("meta_ads", "USD"), ("tiktok_ads", "EUR"), ("apple_ads", "GBP")):
        assert re.search(rf"{platform}\W+{currency}\W+[\d.,]+\W+\d+", result.out)
    assert f"duckdb -readonly {place.published}" in result.out
    assert "make dev" in result.out


def test_the_demo_leaves_a_warehouse_that_opens_read_only(shown: Shown) -> None:
    published = shown.place.published
    with duckdb.connect(str(published), read_only=True) as connection:
        days = connection.execute("SELECT min(day), max(day) FROM marts.campaign_daily").fetchall()
    assert days == [(date(2026, 1, 1), date(2026, 1, 20))]
    assert not Path(f"{published}.wal").exists()
    assert rows_of(published, "SELECT count(*) AS n FROM ops.runs WHERE status = 'succeeded'") == [{"n": 15}]


def test_after_the_demo_nothing_is_missing_by_its_own_clock(shown: Shown) -> None:
    status = json.loads(shown.place.run("status", "--json").out)
    assert status["instant"] == "2026-01-21T07:00:00Z"
    assert {account["missing"] for account in status["accounts"]} == {0}
    assert status["oldest_open_day"] == "2026-01-18"
    assert "by the demo's own clock" in shown.place.run("status").out
    assert json.loads(shown.place.run("status", "--json", "--as-of", "2026-01-25T07:00:00Z").out)["accounts"][0][
        "missing"
    ]


def test_after_the_demo_doctor_finds_nothing_wrong(shown: Shown) -> None:
    doctor = shown.place.run("doctor", LAYERS_API_KEY=None)
    assert doctor.code == 0, doctor.out
    assert "holds the demo's warehouse, whose clock stands at 2026-01-21 07:00Z; it needs no key." in doctor.out


def test_the_first_query_that_the_demo_suggests_shows_names_spend_and_conversions(shown: Shown) -> None:
    suggested = re.findall(r'layers-etl sql "(.*)"', " ".join(shown.result.out.split()))
    rows = rows_of(shown.place.published, suggested[0])
    assert len(rows) == 9
    assert {"campaign_name", "spend", "conversions"} < rows[0].keys()
    assert all(value is not None for row in rows for value in row.values())


def test_a_demos_mark_says_nothing_of_a_warehouse_of_others(place: CommandLine) -> None:
    assert place.run("run", LAYERS_API_KEY="lp_test_child").code == 0
    record_demo(place.data_dir, Demo(ORGANIZATION, datetime(2026, 1, 21, 7, tzinfo=UTC), date(2026, 1, 1)))
    status = place.run("status")
    assert "demo" not in status.out
    assert f"at {datetime.now(UTC):%Y-%m}" in status.out
    assert place.run("doctor", LAYERS_API_KEY=None).code == 2


def test_the_demo_replaces_what_an_earlier_demo_left(shown: Shown) -> None:
    assert shown.earlier >= 1
    assert rows_of(shown.place.published, "SELECT count(*) AS runs FROM ops.runs") == [{"runs": 15}]
    with dg.DagsterInstance.from_config(str(shown.place.data_dir / "dagster")) as instance:
        assert instance.get_runs_count() == 15


def test_the_demo_refuses_to_replace_a_real_warehouse_and_its_history(place: CommandLine) -> None:
    assert place.run("run", LAYERS_API_KEY="lp_test_child").code == 0
    before = {path: path.read_bytes() for path in place.data_dir.rglob("*.d*b")}
    result = place.run("demo")

    assert result.code == 2
    assert "holds a real warehouse" in result.complaint
    assert len(before) > 2
    assert {path: path.read_bytes() for path in place.data_dir.rglob("*.d*b")} == before


def test_the_demo_refuses_to_replace_a_file_of_which_it_cannot_tell_whose_it_is(place: CommandLine) -> None:
    place.data_dir.mkdir()
    place.published.write_bytes(b"no database" * 2000)
    result = place.run("demo")

    assert result.code == 2
    assert "cannot tell whether it may replace" in result.complaint
    assert place.published.exists()
