"""Campaigns that move and accounts that are connected anew, morning after morning: runs go well, sums are true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from layers_etl.cli.launch import LaunchResult
from layers_etl.errors import ExitCode
from layers_etl.sandbox.entities import Scope
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.instants import morning_after, utc
from ..harness.jobs import DagsterPipeline

pytestmark = pytest.mark.slow

WORLD = WorldConfig(projects=1, accounts=4, campaigns=3)
"""The first account is of Meta in dollars, the fourth of Meta in Australian dollars."""

START = date(2026, 3, 1)
CHANGE = date(2026, 3, 12)
MORNINGS = (0, 1, 2, 6)
"""Days after the change's next: three in a row, and one on which all they could see has settled."""

FIRST_DAY = CHANGE - timedelta(days=1)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[DagsterPipeline]:
    """A project that was read up to the 11th, in the morning of the 12th."""
    with SandboxServer(WORLD, now=utc("2026-03-12 06:30")) as sandbox:
        pipeline = DagsterPipeline(sandbox, tmp_path, START)
        assert pipeline.run().code is ExitCode.OK
        yield pipeline


def live_on(pipeline: DagsterPipeline, *, failing: int = 0) -> list[LaunchResult]:
    """The mornings from the 13th to the 15th, and the 19th; each of them goes well, but for the first ``failing``."""
    mornings = [morning_after(CHANGE + timedelta(days=number)) for number in MORNINGS]
    results = [pipeline.morning(at) for at in mornings]
    assert [result.message for result in results[failing:] if result.code is not ExitCode.OK] == []
    return results


def true_spend(pipeline: DagsterPipeline, account_ids: list[str]) -> dict[date, Decimal]:
    """What the accounts spent by day, as the API knows it at last; every day of them has been read."""
    world, now = pipeline.sandbox.world, pipeline.sandbox.clock.now()
    days = [START + timedelta(days=number) for number in range((CHANGE - START).days + MORNINGS[-1] - 3)]
    return {
        day: sum(
            (
                Decimal(activity.spend_cents) / 100
                for account_id in account_ids
                if (activity := world.activity(Scope.AD_ACCOUNT, account_id, day, now))
            ),
            Decimal(0),
        )
        for day in days
    }


def spend_by_day(rows: list[dict[str, Any]], days: dict[date, Decimal]) -> dict[date, Decimal]:
    found = dict.fromkeys(days, Decimal(0)) | {row["day"]: row["spend"] for row in rows}
    return {day: found[day] for day in days}


def active_campaign(pipeline: DagsterPipeline, account_id: str) -> str:
    ((row),) = pipeline.query(
        "SELECT campaign_id FROM marts.campaign_daily WHERE ad_account_id = ? AND day = ? AND spend > 0"
        " ORDER BY spend DESC LIMIT 1",
        account_id,
        FIRST_DAY,
    )
    return row["campaign_id"]


def test_a_campaign_that_moves_to_another_currency_keeps_its_past_and_no_run_fails(pipeline: DagsterPipeline) -> None:
    accounts = pipeline.sandbox.world.accounts(pipeline.project_id)
    origin, target = accounts[0], accounts[3]
    campaign_id = active_campaign(pipeline, origin.id)
    pipeline.sandbox.world.move_campaign(campaign_id, target.id, CHANGE)
    live_on(pipeline)

    placed = pipeline.query(
        "SELECT ad_account_id, currency, min(day) AS first, max(day) AS last FROM marts.campaign_daily"
        " WHERE campaign_id = ? GROUP BY ALL ORDER BY first",
        campaign_id,
    )
    assert [(row["ad_account_id"], row["currency"]) for row in placed] == [
        (origin.id, origin.currency),
        (target.id, target.currency),
    ]
    assert placed[0]["last"] < placed[1]["first"]
    assert pipeline.query("FROM marts.reconciliation WHERE NOT agrees AND comparable") == []
    # It was seen in the morning of the 13th: the 12th is the one day that is told of the account it had just left.
    residual = pipeline.query("SELECT DISTINCT day FROM marts.reconciliation WHERE NOT agrees")
    assert [row["day"] for row in residual] in ([], [CHANGE])
    for account in (origin, target):
        spent = true_spend(pipeline, [account.id])
        platform = pipeline.query("SELECT day, spend FROM marts.ad_account_daily WHERE ad_account_id = ?", account.id)
        assert spend_by_day(platform, spent) == spent


@pytest.mark.parametrize("old_id_answers", [False, True])
def test_an_account_that_is_connected_anew_counts_once_and_is_named(
    pipeline: DagsterPipeline, old_id_answers: bool
) -> None:
    account, *_ = pipeline.sandbox.world.accounts(pipeline.project_id)
    anew = pipeline.sandbox.world.reconnect_account(account.id, old_id_answers=old_id_answers)
    # The first 404 of an id is a failure like any other.
    *_, last = live_on(pipeline, failing=0 if old_id_answers else 1)

    spent = true_spend(pipeline, [anew])
    dollars = pipeline.query("SELECT day, spend, settled FROM marts.project_daily WHERE currency = 'USD'")
    assert spend_by_day(dollars, spent) == spent
    assert all(row["settled"] for row in dollars if row["day"] in spent)
    assert pipeline.query("FROM marts.reconciliation WHERE NOT agrees AND comparable") == []
    assert pipeline.query("SELECT DISTINCT counts_as FROM ops.duplicate_ids") == [{"counts_as": anew}]
    (warned,) = (each for each in last.summary.warnings if each.check == "no_account_is_listed_twice")
    assert any(account.id in line and anew in line for line in warned.sentences)
