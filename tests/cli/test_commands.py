"""What the commands do where nothing is wrong, and what they make of an API that fails in parts."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from layers_etl.sandbox.faults import Fault

from ..harness.command import CommandLine, ended
from ..harness.jobs import unreadable
from ..harness.place import rows_of

FIRST_WEEK = ("--since", "2026-03-02", "--until", "2026-03-09")
SEVEN_DAYS = {date(2026, 3, day) for day in range(2, 9)}


def recorded(place: CommandLine, asset: str) -> set[date]:
    """The partitions that Dagster shows as materialized."""
    with dg.DagsterInstance.from_config(str(place.data_dir / "dagster")) as instance:
        return {date.fromisoformat(day) for day in instance.get_materialized_partitions(dg.AssetKey(asset))}


def days_in(path: Path, table: str) -> set[date]:
    """The days of which a table of the published file has anything."""
    return {row["day"] for row in rows_of(path, f"SELECT DISTINCT day FROM {table}")}


def asked(place: CommandLine) -> set[tuple[str, str]]:
    """Scope and id of every entity whose days the API was asked for."""
    return {(scope, entity_id) for scope, entity_id, _ in place.asked()}


def campaigns(place: CommandLine) -> list[dict[str, Any]]:
    """The campaigns as listed, an account's side by side."""
    return rows_of(place.published, "SELECT * FROM ads.campaigns ORDER BY ad_account_id, campaign_id")


def test_the_executable_runs_the_pipeline_from_nothing_to_a_published_file(place: CommandLine) -> None:
    with place.started("run") as process:
        result = ended(process)

    assert result.code == 0
    assert result.out.startswith("2026-03-01 until 2026-03-12: read ")
    assert "settled before 2026-03-09" in result.out
    assert days_in(place.published, "marts.campaign_daily") == {date(2026, 3, day) for day in range(1, 12)}
    assert recorded(place, "campaign_metrics") == {date(2026, 3, day) for day in range(1, 12)}


@pytest.mark.slow
def test_a_run_stands_for_the_instant_it_is_told(place: CommandLine) -> None:
    result = place.run("run", "--as-of", "2026-03-08T06:00:00Z")

    assert result.code == 0
    assert days_in(place.published, "ads.campaign_metrics") == {date(2026, 3, day) for day in range(1, 8)}
    settled = rows_of(place.published, "SELECT max(day) AS last FROM ads.campaign_metrics WHERE settled")
    assert settled == [{"last": date(2026, 3, 4)}]


@pytest.mark.slow
def test_a_scope_that_is_added_to_a_published_file_is_read_from_the_first_day_on(place: CommandLine) -> None:
    assert place.run("run").code == 0
    with_adsets = {"LAYERS_SCOPES": "campaign,ad_account,adset"}
    before = [place.run(command, **with_adsets).code for command in ("status", "backtest")]
    result = place.run("run", **with_adsets)

    assert before == [0, 0]
    assert result.code == 0
    assert days_in(place.published, "marts.adset_daily") == {date(2026, 3, day) for day in range(1, 12)}
    assert recorded(place, "adset_metrics") == {date(2026, 3, day) for day in range(1, 12)}


@pytest.mark.slow
def test_a_backfill_reads_its_days_and_not_the_one_named_until(place: CommandLine) -> None:
    result = place.run("backfill", *FIRST_WEEK)

    assert result.code == 0
    assert days_in(place.published, "marts.campaign_daily") == SEVEN_DAYS
    assert recorded(place, "campaign_metrics") == recorded(place, "ad_account_metrics") == SEVEN_DAYS


@pytest.mark.slow
def test_a_backfill_of_one_campaign_asks_for_it_alone_and_colours_no_day_that_others_lack(
    troubled: CommandLine,
) -> None:
    assert troubled.run("run", "--as-of", "2026-03-05T06:00:00Z").code == 0
    campaign = campaigns(troubled)[0]["campaign_id"]
    before = recorded(troubled, "campaign_metrics")
    troubled.sandbox.clear_requests()
    result = troubled.run("backfill", *FIRST_WEEK, "--campaign", campaign)

    assert result.code == 0
    assert asked(troubled) == {("campaign", campaign)}
    assert before == {date(2026, 3, day) for day in range(1, 5)}
    assert recorded(troubled, "campaign_metrics") == before
    landed = rows_of(
        troubled.published, "SELECT DISTINCT campaign_id FROM ads.campaign_metrics WHERE day > '2026-03-05'"
    )
    assert landed == [{"campaign_id": campaign}]


@pytest.mark.slow
def test_a_backfill_of_one_account_asks_for_it_and_its_campaigns_on_an_empty_warehouse(troubled: CommandLine) -> None:
    account = troubled.sandbox.world.accounts(troubled.project.id)[0]
    result = troubled.run("backfill", *FIRST_WEEK, "--ad-account", account.id)

    assert result.code == 0
    own = {("campaign", row["campaign_id"]) for row in campaigns(troubled) if row["ad_account_id"] == account.id}
    assert own
    assert asked(troubled) == {("ad_account", account.id), *own}
    assert recorded(troubled, "campaign_metrics") == set()
    assert days_in(troubled.published, "marts.ad_account_daily") == SEVEN_DAYS


@pytest.mark.slow
def test_a_campaign_that_fails_ends_with_1_names_it_and_publishes_the_rest(troubled: CommandLine) -> None:
    sandbox = troubled.sandbox
    broken = next(sandbox.world.campaigns(troubled.project.id, sandbox.clock.now()))
    troubled.sandbox.add_fault(unreadable(entity=broken.id))
    result = troubled.run("run")

    assert result.code == 1
    assert f" campaigns could not be read ({broken.name} ({broken.id}))." in result.complaint
    assert result.complaint.endswith("published; the next run asks for just what is missing.")
    assert f"campaign {broken.name} ({broken.id})" in " ".join(result.err.split())
    read, *_, look = result.out.splitlines()
    assert read.startswith("2026-03-01 until 2026-03-12: read 2 ad_account windows, 3 campaign windows")
    assert look.startswith("Look at: layers-etl status")
    marts = rows_of(troubled.published, "SELECT campaign_id FROM marts.campaign_daily")
    published = {row["campaign_id"] for row in marts}
    assert published
    assert broken.id not in published
    assert recorded(troubled, "campaign_metrics") == {date(2026, 3, day) for day in range(1, 12)}

    troubled.sandbox.clear_faults()
    assert troubled.run("run").code == 0


@pytest.mark.slow
def test_days_of_which_nothing_can_be_read_end_with_1_and_are_named(troubled: CommandLine) -> None:
    troubled.sandbox.add_fault(unreadable("campaign"))
    result = troubled.run("backfill", *FIRST_WEEK)

    assert result.code == 1
    assert "nothing could be read for campaign_metrics on 2026-03-02 to 2026-03-08." in result.complaint
    assert recorded(troubled, "campaign_metrics") == set()
    assert recorded(troubled, "ad_account_metrics") == SEVEN_DAYS
    assert days_in(troubled.published, "marts.ad_account_daily") == SEVEN_DAYS


@pytest.mark.slow
def test_a_key_refused_midway_ends_with_3(troubled: CommandLine) -> None:
    troubled.sandbox.add_fault(Fault(effect="status", parameters={"status": 401}, path="ads-metrics"))
    result = troubled.run("run")

    assert result.code == 3
    assert "set a valid LAYERS_API_KEY" in result.complaint


def test_what_needs_no_dagster_does_not_wait_for_its_import() -> None:
    modules = "layers_etl.cli.app, layers_etl.cli.examination, layers_etl.cli.console"
    asked_for = f"import sys, {modules}; print('dagster' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", asked_for], text=True) == "False\n"


@pytest.mark.slow
def test_doctor_finds_nothing_wrong_before_the_first_run_and_after_it(place: CommandLine, filled: CommandLine) -> None:
    before, after = place.run("doctor"), filled.run("doctor")

    assert (before.code, after.code) == (0, 0)
    assert "WRONG" not in before.out + after.out
    assert "key_01JPARTNER" in before.out
    assert "tier partner" in before.out
    assert "Northwind Outfitters" in before.out
    assert "the first run makes it" in before.out
    assert "settled up to 2026-03-09" in after.out


@pytest.mark.parametrize(
    ("settings", "code", "line"),
    [
        ({"LAYERS_API_KEY": "lp_test_nobody"}, 3, "WRONG  key: "),
        pytest.param({"LAYERS_API_KEY": "lp_test_noads"}, 3, "WRONG  ad accounts: ", marks=pytest.mark.slow),
        ({"LAYERS_API_KEY": "lp_test_noscope"}, 3, "WRONG  metrics: "),
        ({"LAYERS_API_KEY": None}, 2, "WRONG  key: LAYERS_API_KEY is not set"),
        pytest.param({"LAYERS_PROJECT_IDS": "prj_nowhere"}, 2, "WRONG  projects: ", marks=pytest.mark.slow),
        ({"LAYERS_START_DATE": "2026-05-01"}, 2, "WRONG  start date: "),
    ],
    ids=[
        "an unknown key",
        "a key without ads:read",
        "a key without metrics:read",
        "no key",
        "an unknown project",
        "a start date in the future",
    ],
)
def test_doctor_says_what_is_wrong_and_goes_on_to_the_rest(
    filled: CommandLine, settings: dict[str, str | None], code: int, line: str
) -> None:
    result = filled.run("doctor", **settings)
    assert result.code == code
    assert line in result.out
    assert "ok     warehouse: " in result.out


def test_a_report_is_one_page_of_what_is_published(filled: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    result = filled.run("report", "--output", str(path))

    assert (result.code, result.out) == (0, f"Written to {path}: open it in a browser.\n")
    assert "</html>" in path.read_text(encoding="utf-8")


def test_a_report_of_nothing_or_to_nowhere_says_what_to_do(
    place: CommandLine, filled: CommandLine, tmp_path: Path
) -> None:
    nothing = place.run("report", "--output", str(tmp_path / "page.html"))
    nowhere = filled.run("report", "--output", str(tmp_path / "missing" / "page.html"))

    assert nothing.code == 2
    assert nothing.complaint.endswith("warehouse.duckdb is not there yet: the first run makes it.")
    assert nowhere.code == 1
    assert nowhere.complaint.endswith("name another file with --output, or see to its folder.")
    assert list(tmp_path.iterdir()) == []
