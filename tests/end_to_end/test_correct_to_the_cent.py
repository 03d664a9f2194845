"""Once a day has settled, the published numbers are the API's own: HTTP, Dagster job and published file in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from layers_etl.sandbox.entities import Scope
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.instants import utc
from ..harness.jobs import DagsterPipeline
from .reported import Reported, reported_days

pytestmark = pytest.mark.slow

FIRST_DAY = date(2026, 3, 20)
MORNINGS = [utc(f"2026-04-{day:02d} 06:00") for day in (4, 6, 7, 11)]
"""Mornings are missed, as they would be in an outage."""

SETTLED_UNTIL = date(2026, 4, 8)
HALF_A_STEP_OF_ROAS = Decimal("0.005")


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterPipeline]:
    """A warehouse after a week of mornings in which campaigns ended, paused and started."""
    with SandboxServer(WorldConfig(), now=MORNINGS[0]) as sandbox:
        pipeline = DagsterPipeline(sandbox, tmp_path_factory.mktemp("data"), FIRST_DAY)
        for instant in MORNINGS:
            result = pipeline.morning(instant)
            assert result.code == 0, result.message
        yield pipeline


def reported(
    pipeline: DagsterPipeline, scope: str, until: date = SETTLED_UNTIL
) -> dict[tuple[str, str, date], Reported]:
    """By key, what the API reports of every entity from the first day until ``until``."""
    days = reported_days(pipeline.sandbox, scope, FIRST_DAY, until)
    return {(found.project_id, found.entity_id, found.day): found for found in days}


def stored(
    pipeline: DagsterPipeline, scope: str, until: date = SETTLED_UNTIL
) -> dict[tuple[str, str, date], dict[str, Any]]:
    """By key, what the published file holds of the same days."""
    rows = pipeline.query(f"SELECT * FROM ads.{scope}_metrics WHERE day < ?", until)
    assert len({(row["project_id"], row[f"{scope}_id"], row["day"]) for row in rows}) == len(rows)
    return {(row["project_id"], row[f"{scope}_id"], row["day"]): row for row in rows}


def cents(amount: Any) -> Decimal:
    """An amount as JSON or SQL gave it, exactly."""
    return Decimal(str(amount))


@pytest.mark.parametrize("scope", ["campaign", "ad_account"])
def test_settled_days_equal_what_the_api_reports(lived_in: DagsterPipeline, scope: str) -> None:
    said, held = reported(lived_in, scope), stored(lived_in, scope)

    assert len(said) > 50
    assert set(held) == set(said)
    for key, row in held.items():
        bucket = said[key].bucket
        assert cents(row["spend"]) == cents(bucket["spend"]), key
        for name in ("impressions", "clicks", "conversions", "reach", "frequency"):
            assert row[name] == bucket[name], (key, name)
        assert row["settled"] is True, key


@pytest.mark.parametrize("scope", ["campaign", "ad_account"])
def test_conversion_value_is_exact_to_the_rounding_of_the_reported_roas(lived_in: DagsterPipeline, scope: str) -> None:
    world, settled = lived_in.sandbox.world, MORNINGS[-1]
    for key, row in stored(lived_in, scope).items():
        truth = world.activity(Scope(scope), key[1], key[2], settled)
        assert truth is not None
        if truth.value_cents is None:
            assert row["conversion_value"] is None, key
        else:
            tolerance = HALF_A_STEP_OF_ROAS * max(row["spend"], Decimal("0.01")) + Decimal("0.0001")
            assert abs(row["conversion_value"] - Decimal(truth.value_cents) / 100) <= tolerance, key


def test_days_that_have_not_settled_are_as_they_were_last_read(lived_in: DagsterPipeline) -> None:
    last_morning = MORNINGS[-1]
    open_days = {
        key: row for key, row in stored(lived_in, "campaign", last_morning.date()).items() if not row["settled"]
    }
    said = reported(lived_in, "campaign", last_morning.date())

    assert {key[2] for key in open_days} == {SETTLED_UNTIL + timedelta(days=n) for n in range(3)}
    for key, row in open_days.items():
        assert cents(row["spend"]) == cents(said[key].bucket["spend"])
        assert row["observed_at"] == last_morning


def test_money_is_in_the_currency_of_its_account(lived_in: DagsterPipeline) -> None:
    assert lived_in.query(
        "SELECT count(*) AS wrong FROM ads.campaign_metrics AS metrics"
        " JOIN ads.campaigns USING (project_id, campaign_id)"
        " JOIN ads.ad_accounts AS account USING (project_id, ad_account_id)"
        " WHERE metrics.currency IS DISTINCT FROM account.currency"
    ) == [{"wrong": 0}]
    assert len(lived_in.query("SELECT DISTINCT currency FROM ads.campaign_metrics")) == 3


@pytest.mark.parametrize("scope", ["campaign", "ad_account"])
def test_derived_columns_follow_the_formulas_of_the_api(lived_in: DagsterPipeline, scope: str) -> None:
    rows = lived_in.query(f"SELECT * FROM marts.{scope}_daily")

    assert len(rows) == len(lived_in.query(f"SELECT * FROM ads.{scope}_metrics"))
    for row in rows:
        spend, value = float(row["spend"]), row["conversion_value"]
        expected = {
            "cpa": spend / max(row["conversions"], 1),
            "cpc": spend / max(row["clicks"], 1),
            "cpm": spend / max(row["impressions"], 1) * 1000,
            "ctr": row["clicks"] / max(row["impressions"], 1),
            "roas": None if value is None else float(value) / max(spend, 0.01),
        }
        assert {name: row[name] for name in expected} == {
            name: None if ratio is None else pytest.approx(ratio, rel=1e-12) for name, ratio in expected.items()
        }


def test_ratios_of_the_marts_agree_with_those_the_api_reports(lived_in: DagsterPipeline) -> None:
    said = reported(lived_in, "campaign")
    for row in lived_in.query("SELECT * FROM marts.campaign_daily WHERE day < ?", SETTLED_UNTIL):
        bucket = said[row["project_id"], row["campaign_id"], row["day"]].bucket
        for name, half_a_step in (("cpa", 0.005), ("cpc", 0.005), ("cpm", 0.005), ("ctr", 0.00005)):
            assert row[name] == pytest.approx(bucket[name], abs=1.02 * half_a_step), (row["campaign_id"], name)
        assert (row["roas"] is None) == (bucket["roas"] is None)


def test_marts_carry_the_names_of_the_listings(lived_in: DagsterPipeline) -> None:
    named = lived_in.query("SELECT DISTINCT campaign_id, campaign_name, ad_account_name FROM marts.campaign_daily")
    world, now = lived_in.sandbox.world, MORNINGS[-1]
    project = lived_in.query("SELECT project_id FROM ads.projects")[0]["project_id"]
    accounts = {account.id: account.name for account in world.accounts(project)}
    campaigns = {
        campaign.id: (campaign.name, accounts[campaign.account_id]) for campaign in world.campaigns(project, now)
    }

    assert len(named) > 15
    for row in named:
        assert (row["campaign_name"], row["ad_account_name"]) == campaigns[row["campaign_id"]]


def test_every_number_that_changed_is_kept_with_the_time_it_was_seen(lived_in: DagsterPipeline) -> None:
    history = lived_in.query("SELECT * FROM ads.campaign_metrics_history")

    assert history
    for row in history:
        assert row["observed_at"] <= row["last_observed_at"] < row["superseded_at"]
        assert row["observed_at"] in MORNINGS
        assert row["superseded_at"] in MORNINGS
        then = lived_in.sandbox.world.activity(Scope.CAMPAIGN, row["campaign_id"], row["day"], row["observed_at"])
        assert then is not None
        assert row["spend"] * 100 == then.spend_cents
        assert row["conversions"] == then.conversions


def test_another_run_for_the_same_instant_asks_nothing_and_changes_nothing(lived_in: DagsterPipeline) -> None:
    before = lived_in.published.read_bytes()
    with lived_in.watched() as received:
        result = lived_in.run(MORNINGS[-1])

    assert result.code == 0
    assert received == []
    assert lived_in.published.read_bytes() == before
