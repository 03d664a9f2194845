"""Campaigns are held against their account, accounts against their project; what does not add up is found."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT
from layers_etl.sandbox.entities import Scope as ApiScope
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.checks import load_standing_mismatches
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.reconciliation import Disagreement, load_disagreements
from layers_etl.warehouse.reconciliation_views import RECONCILIATIONS
from layers_etl.warehouse.runs import record_horizon

from ..examples import examples
from ..harness.pipeline import Pipeline
from ..warehouse.builders import ACCOUNT, PROJECT_ID, A, B, account, campaign, land, march, opened, reading, rows, utc
from .lived import FIRST_MORNING, WORLD, active_campaigns

CAMPAIGNS_TO_ACCOUNT, ACCOUNTS_TO_PROJECT = RECONCILIATIONS
START = date(2026, 3, 25)
SETTLED_DAY = date(2026, 3, 26)
SMALL = WorldConfig(projects=1, accounts=1, campaigns=5, starts_at=WORLD.starts_at)


@contextmanager
def pipeline_of(folder: Path, config: WorldConfig = SMALL, **options: Any) -> Generator[Pipeline]:
    with SandboxServer(config, now=FIRST_MORNING) as sandbox:
        pipeline = Pipeline(sandbox, folder, {"start_date": START, **options})
        yield pipeline
        pipeline.let_go()


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """One account with five campaigns, nothing read yet."""
    with pipeline_of(tmp_path) as pipeline:
        yield pipeline


def found_by(pipeline: Pipeline, run_id: str) -> list[Disagreement]:
    return load_disagreements(pipeline.warehouse, CAMPAIGNS_TO_ACCOUNT, run_id)


def test_a_world_that_adds_up_has_no_residual(analyst: duckdb.DuckDBPyConnection) -> None:
    ((days, agreeing, comparable, exact),) = analyst.execute(
        "SELECT count(*), count(*) FILTER (agrees), count(*) FILTER (comparable),"
        " count(*) FILTER (spend_residual = 0 AND conversions_residual = 0) FROM marts.reconciliation"
    ).fetchall()
    assert days == agreeing == comparable == exact > 90


def test_rounding_of_roas_explains_a_residual_and_no_more(analyst: duckdb.DuckDBPyConnection) -> None:
    rounded, widest, money = analyst.execute(
        "SELECT count(*) FILTER (conversion_value_residual <> 0), max(conversion_value_bound), max(ad_account_spend)"
        " FROM marts.reconciliation"
    ).fetchall()[0]
    assert rounded > 0
    # ROAS has two decimals here: half a unit of the last, once for the account and once for its campaigns.
    assert 0 < widest < 0.01 * float(money) + 0.001


def test_a_dropped_campaign_day_is_found(pipeline: Pipeline) -> None:
    dropped, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, dropped, SETTLED_DAY, copies=0)
    ran = pipeline.run(FIRST_MORNING)

    (disagreement,) = found_by(pipeline, ran.run_id)
    assert disagreement.is_contradiction
    assert disagreement.day == SETTLED_DAY and disagreement.missing == 0
    assert disagreement.residuals["spend"] > 0 and disagreement.residuals["impressions"] > 0


def test_an_altered_campaign_day_is_found_by_one_cent(pipeline: Pipeline) -> None:
    altered, *_ = active_campaigns(pipeline.sandbox)
    activity = pipeline.sandbox.world.settled_campaign_day(altered, SETTLED_DAY)
    assert activity
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, altered, SETTLED_DAY, spend_cents=activity.spend_cents + 1)
    ran = pipeline.run(FIRST_MORNING)

    (disagreement,) = found_by(pipeline, ran.run_id)
    assert disagreement.is_contradiction
    assert disagreement.residuals["spend"] == Decimal("-0.01")
    assert str(disagreement).startswith(f"{disagreement.entity_id} {SETTLED_DAY}: spend -0.01")


@pytest.mark.slow
def test_a_campaign_day_that_is_sent_twice_counts_once(pipeline: Pipeline) -> None:
    duplicated, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, duplicated, SETTLED_DAY, copies=2)
    ran = pipeline.run(FIRST_MORNING)

    assert found_by(pipeline, ran.run_id) == []


def test_a_duplicated_row_is_found(pipeline: Pipeline) -> None:
    duplicated, *_ = active_campaigns(pipeline.sandbox)
    ran = pipeline.run(FIRST_MORNING)
    with pipeline.warehouse.transaction() as connection:
        connection.execute(
            "INSERT INTO ads.campaign_metrics FROM ads.campaign_metrics WHERE campaign_id = ? AND day = ?",
            [duplicated, SETTLED_DAY],
        )

    (disagreement,) = found_by(pipeline, ran.run_id)
    assert disagreement.is_contradiction and disagreement.day == SETTLED_DAY
    assert disagreement.residuals["spend"] < 0 and disagreement.residuals["clicks"] < 0


def test_a_campaign_that_fails_is_no_contradiction(pipeline: Pipeline) -> None:
    failing, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 422}, path="ads-metrics", entity=failing))
    ran = pipeline.run(FIRST_MORNING)

    found = found_by(pipeline, ran.run_id)
    assert found
    assert not any(disagreement.is_contradiction for disagreement in found)


def test_an_account_that_fails_shows_as_unknown_and_not_as_having_nothing(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(
        Fault(effect="status", parameters={"status": 422}, path="ads-metrics", scope="ad_account")
    )
    ran = pipeline.run(FIRST_MORNING)

    states = rows(
        pipeline.warehouse,
        "SELECT DISTINCT without_bucket, comparable, agrees, ad_account_spend, spend_residual"
        " FROM marts.reconciliation",
    )
    assert states == [("ad_account", False, None, None, None)]
    assert found_by(pipeline, ran.run_id) == []


def test_an_account_that_was_read_and_has_no_bucket_has_nothing(warehouse: Warehouse) -> None:
    listed(warehouse)
    day = march(3)
    land(warehouse, reading(A, window_of(day), utc(3, 9), {day: bucket("1", "1")}))
    land(warehouse, reading(ACCOUNT, window_of(day), utc(3, 9), {}))

    found = rows(warehouse, "SELECT without_bucket, ad_account_spend, spend_residual, agrees FROM marts.reconciliation")
    assert found == [("ad_account", Decimal(0), Decimal(-1), False)]


@pytest.mark.slow
def test_a_removed_campaign_leaves_a_residual_that_is_visible_and_explained(pipeline: Pipeline) -> None:
    removed, *_ = active_campaigns(pipeline.sandbox)
    pipeline.run(FIRST_MORNING)
    pipeline.sandbox.world.remove_campaign(removed)
    ran = pipeline.run(FIRST_MORNING + timedelta(days=1))

    found = found_by(pipeline, ran.run_id)
    assert {disagreement.day for disagreement in found} >= {FIRST_MORNING.date()}
    assert all(disagreement.missing == 1 and not disagreement.is_contradiction for disagreement in found)


@pytest.mark.slow
def test_a_contradiction_that_an_earlier_run_read_is_still_listed(pipeline: Pipeline) -> None:
    dropped, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, dropped, SETTLED_DAY, copies=0)
    pipeline.run(FIRST_MORNING)
    ran = pipeline.run(FIRST_MORNING + timedelta(days=1))

    (disagreement,) = found_by(pipeline, ran.run_id)
    assert disagreement.comparable and not disagreement.read_now


@pytest.mark.slow
def test_what_a_run_had_read_before_it_was_killed_is_a_contradiction_of_the_run_that_continues_it(
    pipeline: Pipeline,
) -> None:
    dropped, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, dropped, SETTLED_DAY, copies=0)
    for _ in range(2):
        killed = pipeline.run(FIRST_MORNING)
        pipeline.warehouse.connection.execute(
            "UPDATE ops.runs SET status = 'running' WHERE run_id = ?", [killed.run_id]
        )
    continuing = pipeline.run(FIRST_MORNING)
    assert continuing.asked == []

    (disagreement,) = found_by(pipeline, continuing.run_id)
    assert disagreement.is_contradiction


@pytest.mark.slow
def test_accounts_are_held_against_their_project_where_it_is_read(tmp_path: Path) -> None:
    config = WorldConfig(projects=1, accounts=2, campaigns=2, starts_at=WORLD.starts_at)
    with pipeline_of(tmp_path, config, scopes=(PROJECT, AD_ACCOUNT, CAMPAIGN)) as pipeline:
        ran = pipeline.run(FIRST_MORNING)
        assert load_disagreements(pipeline.warehouse, ACCOUNTS_TO_PROJECT, ran.run_id) == []

        ((account_id,),) = rows(pipeline.warehouse, "SELECT min(ad_account_id) FROM ads.ad_accounts")
        pipeline.sandbox.world.override_day(ApiScope.AD_ACCOUNT, account_id, FIRST_MORNING.date(), impressions=1)
        ran = pipeline.run(FIRST_MORNING + timedelta(days=1))
        (disagreement,) = load_disagreements(pipeline.warehouse, ACCOUNTS_TO_PROJECT, ran.run_id)
        assert disagreement.is_contradiction and disagreement.residuals["impressions"] > 0
        # Two currencies: their money is not compared with a sum over both.
        assert rows(
            pipeline.warehouse,
            "SELECT count(currency), count(spend_residual), count(conversion_value_agrees), bool_and(clicks_agrees)"
            " FROM marts.project_reconciliation",
        ) == [(0, 0, 0, True)]


def listed(warehouse: Warehouse) -> Warehouse:
    with warehouse.transaction() as connection:
        connection.execute("INSERT INTO ops.settling VALUES ('*', 72), ('', 72)")
    record_horizon(warehouse, march(1), march(9))
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [account()], utc(3, 1))
    upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], [campaign("cmp_a"), campaign("cmp_b")], utc(3, 1))
    return warehouse


def window_of(day: date) -> DayWindow:
    return DayWindow(day, day + timedelta(days=1))


def bucket(spend: str, value: str) -> dict[str, object]:
    return {"spend": Decimal(spend), "conversion_value": Decimal(value)}


@pytest.mark.slow
def test_the_bound_follows_from_the_decimals_that_roas_has(warehouse: Warehouse) -> None:
    """ROAS 1.23 of 100 and 1.66 of 150 were printed with two decimals, and 2.5 of 50 with one that is known of."""
    listed(warehouse)
    day = march(3)
    for key, numbers in ((A, bucket("100", "123")), (B, bucket("50", "125"))):
        land(warehouse, reading(key, window_of(day), utc(3, 9), {day: numbers}))
    land(warehouse, reading(ACCOUNT, window_of(day), utc(3, 9), {day: bucket("150", "249")}))

    ((residual, bound, agrees),) = rows(
        warehouse,
        "SELECT conversion_value_residual, conversion_value_bound, conversion_value_agrees FROM marts.reconciliation",
    )
    assert (residual, agrees) == (Decimal(1), True)
    assert bound == pytest.approx(0.005 * (100 + 150) + 0.05 * 50 + 3 * 0.00005)

    # JSON prints 2.50 as 2.5: another day of the same campaign tells.
    land(warehouse, reading(B, window_of(march(4)), utc(3, 9), {march(4): bucket("50", "125.5")}))
    narrower = "SELECT conversion_value_bound FROM marts.reconciliation WHERE day = ?"
    assert rows(warehouse, narrower, [day]) == [(pytest.approx(0.005 * 300 + 3 * 0.00005),)]


@dataclass(frozen=True)
class Money:
    """What an entity spent and sold on a day, in cents."""

    spend: int
    value: int

    def printed(self, places: int) -> dict[str, object]:
        """As the API says it, with a ROAS of so many decimals."""
        return {"spend": self.spend / 100, "roas": round(self.value / max(self.spend, 1), places)}


def land_printed(warehouse: Warehouse, days: dict[date, dict[EntityKey, Money]], places: dict[EntityKey, int]) -> None:
    """Each entity in its own number of decimals; the account is the sum of its campaigns."""
    listed(warehouse)
    window = DayWindow(min(days), max(days) + timedelta(days=1))
    for key, decimals in places.items():
        buckets = {
            day: (
                Money(sum(each.spend for each in money.values()), sum(each.value for each in money.values()))
                if key is ACCOUNT
                else money[key]
            ).printed(decimals)
            for day, money in days.items()
        }
        land(warehouse, reading(key, window, utc(3, 20), buckets))


cents = st.integers(0, 10**8)
moneys = st.builds(Money, cents, cents)


@settings(derandomize=True, deadline=None, max_examples=examples(7))
@given(
    st.lists(st.fixed_dictionaries({A: moneys, B: moneys}), min_size=1, max_size=20),
    st.fixed_dictionaries(dict.fromkeys((A, B, ACCOUNT), st.integers(0, 7))),
)
def test_however_many_decimals_each_entity_is_printed_with_exact_values_never_disagree(
    tmp_path_factory: pytest.TempPathFactory, days: list[dict[EntityKey, Money]], places: dict[EntityKey, int]
) -> None:
    with opened(tmp_path_factory.mktemp("printed")) as warehouse:
        land_printed(warehouse, {march(day): money for day, money in enumerate(days, start=1)}, places)
        assert rows(warehouse, "FROM marts.reconciliation WHERE NOT agrees") == []


def test_values_that_differ_by_more_than_their_own_decimals_disagree(warehouse: Warehouse) -> None:
    days = {march(day): {A: Money(10_000, 34_560 + day), B: Money(20_000, 11_130 + day)} for day in range(1, 10)}
    land_printed(warehouse, days, {A: 3, B: 3, ACCOUNT: 4})
    assert rows(warehouse, "FROM marts.reconciliation WHERE NOT agrees") == []

    # Of 300 spent, three decimals explain 0.15, and four 0.015.
    land(warehouse, reading(ACCOUNT, window_of(march(3)), utc(3, 21), {march(3): {"spend": 300.0, "roas": 1.5241}}))
    assert rows(warehouse, "SELECT day FROM marts.reconciliation WHERE NOT conversion_value_agrees") == [(march(3),)]


def test_a_value_in_doubt_tells_nothing_of_decimals_and_its_day_contradicts_nothing(warehouse: Warehouse) -> None:
    days = {march(day): {A: Money(10_000, 34_560 + day), B: Money(20_000, 11_130 + day)} for day in range(1, 10)}
    land_printed(warehouse, days, dict.fromkeys((A, B, ACCOUNT), 2))
    bounds = "SELECT day, conversion_value_bound FROM marts.reconciliation WHERE day <> DATE '2026-03-03' ORDER BY day"
    before = rows(warehouse, bounds)

    unvalued = {"spend": Decimal("113.37"), "conversions": 2, "roas": None}
    land(warehouse, reading(A, window_of(march(3)), utc(3, 20), {march(3): unvalued}), accepts_vanishing=False)
    assert rows(warehouse, "SELECT entity_id, kind FROM ops.doubtful_days") == [("cmp_a", "incomplete")]
    assert rows(warehouse, bounds) == before
    assert rows(warehouse, "SELECT day FROM marts.reconciliation WHERE NOT agrees AND NOT comparable") == [(march(3),)]
    assert rows(warehouse, "FROM marts.reconciliation WHERE NOT agrees AND comparable") == []


@pytest.mark.slow
def test_readings_hours_apart_of_a_day_that_still_moves_are_not_comparable(warehouse: Warehouse) -> None:
    listed(warehouse)
    day = march(3)
    land(warehouse, reading(A, window_of(day), utc(3, 4, 6), {day: bucket("1", "1")}))
    land(warehouse, reading(B, window_of(day), utc(3, 4, 6), {}))
    land(warehouse, reading(ACCOUNT, window_of(day), utc(3, 4, 9), {day: bucket("2", "2")}))

    assert rows(
        warehouse, "SELECT spend_residual, same_moment, comparable, settled, campaigns, campaigns_missing"
        " FROM marts.reconciliation"
    ) == [(Decimal(1), False, False, False, 1, 0)]  # fmt: skip


def test_a_reported_ratio_that_its_numbers_do_not_give_stands_until_it_is_read_anew(warehouse: Warehouse) -> None:
    listed(warehouse)
    day, first = march(3), utc(3, 4, 6)
    land(warehouse, reading(A, window_of(day), first, {day: bucket("1", "1")}))
    with warehouse.transaction() as connection:
        connection.execute(
            "INSERT INTO ops.ratio_mismatches VALUES ('campaign', ?, 'cmp_a', ?, 'roas', 3.4, 1.0, ?)",
            [PROJECT_ID, day, first],
        )
    assert [str(mismatch) for mismatch in load_standing_mismatches(warehouse, CAMPAIGN)] == [
        "cmp_a 2026-03-03: roas reported 3.4, recomputed 1"
    ]

    land(warehouse, reading(A, window_of(day), utc(3, 5, 6), {day: bucket("1", "1")}))
    assert load_standing_mismatches(warehouse, CAMPAIGN) == []
