"""What is published of a life, of nothing, and of as many campaigns as a test asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest

from layers_etl.domain.settlement import SettlingTimes
from layers_etl.report.queries import Shown, load_shown
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.publishing import Publication, record_publication
from layers_etl.warehouse.settling import apply_settling_times

from ..harness.fresh import fresh_warehouse
from ..marts.conftest import published
from ..warehouse.builders import SCOPES

__all__ = ["published"]

NOW: Final = datetime(2026, 3, 12, 7, tzinfo=UTC)
LAST_DAY: Final = date(2026, 3, 11)

_MANY: Final = """
INSERT INTO ops.horizon VALUES ($first, DATE '2026-03-11');
INSERT INTO ads.ad_accounts BY NAME
  SELECT
    'prj' AS project_id, 'acc_' || n AS ad_account_id, 'Account ' || n AS name, 'meta_ads' AS platform,
    'C' || n AS currency, true AS listed, $now AS first_listed_at, $now AS last_listed_at
  FROM range($currencies) AS of_account(n);
INSERT INTO ads.campaigns BY NAME
  SELECT
    'prj' AS project_id, 'cmp_' || n AS campaign_id, 'acc_' || (n % $currencies) AS ad_account_id,
    'Campaign ' || n AS name, 'active' AS status, 10000 AS daily_budget_cents, true AS listed,
    $now AS first_listed_at, $now AS last_listed_at
  FROM range($campaigns) AS of_campaign(n);
INSERT INTO ops.coverage BY NAME
  SELECT
    'ad_account' AS scope, 'prj' AS project_id, ad_account_id AS entity_id, $first AS since,
    DATE '2026-03-12' - $open_days AS until, $now AS read_at, 78 AS lag_hours
  FROM ads.ad_accounts;
INSERT INTO ops.coverage BY NAME
  SELECT
    'campaign' AS scope, 'prj' AS project_id, campaign_id AS entity_id, $first AS since,
    DATE '2026-03-12' AS until, $now AS read_at
  FROM ads.campaigns;
INSERT INTO marts.campaign_daily BY NAME
  SELECT
    'prj' AS project_id, 'cmp_' || n AS campaign_id, day::DATE AS day, 'Campaign ' || n AS campaign_name,
    'acc_' || (n % $currencies) AS ad_account_id, 'meta_ads' AS platform, 'C' || (n % $currencies) AS currency,
    100 + n AS spend, 10 AS conversions, 1000 AS impressions, 100 AS clicks,
    day::DATE < DATE '2026-03-12' - $open_days AS settled, $now AS observed_at,
    CASE WHEN NOT settled THEN 100 + n END AS projected_spend,
    CASE WHEN NOT settled THEN 99 + n END AS projected_spend_low,
    CASE WHEN NOT settled THEN 101 + n END AS projected_spend_high,
    CASE WHEN NOT settled THEN 12.5 END AS projected_conversions,
    CASE WHEN NOT settled THEN 11 END AS projected_conversions_low,
    CASE WHEN NOT settled THEN 15 END AS projected_conversions_high
  FROM range($campaigns) AS of_campaign(n), generate_series($first, DATE '2026-03-11', INTERVAL 1 DAY) AS of_day(day);
INSERT INTO marts.ad_account_daily BY NAME
  SELECT
    'prj' AS project_id, ad_account_id, day, any_value(platform) AS platform, any_value(currency) AS currency,
    sum(spend) AS spend, sum(conversions) AS conversions, sum(impressions) AS impressions, sum(clicks) AS clicks,
    bool_and(settled) AS settled, any_value(observed_at) AS observed_at
  FROM marts.campaign_daily
  GROUP BY ALL;
"""

Fill = Callable[..., Shown]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty build file, open, of which it says that it is published."""
    with fresh_warehouse(tmp_path / "build.duckdb", SCOPES) as warehouse:
        apply_settling_times(warehouse, SettlingTimes())
        record_publication(warehouse, Publication("state", "run", NOW, NOW, None))
        yield warehouse


@pytest.fixture
def fill(warehouse: Warehouse) -> Fill:
    """What is shown of so many campaigns that spend alike every day, over accounts of a currency each.

    Of each campaign's conversions a fifth is still to come on the newest ``open_days``.
    """

    def fill(campaigns: int, *, currencies: int = 1, first: date = date(2026, 1, 1), open_days: int = 0) -> Shown:
        values = {
            "campaigns": campaigns,
            "currencies": currencies,
            "first": first,
            "open_days": open_days,
            "now": NOW,
        }
        for statement in warehouse.connection.extract_statements(_MANY):
            warehouse.connection.execute(statement, {name: values[name] for name in statement.named_parameters})
        shown = load_shown(warehouse)
        assert shown
        return shown

    return fill


@pytest.fixture(scope="session")
def lived(published: Path) -> Shown:
    """What is shown of a month that was lived through."""
    with PublishedFile(published).open() as opened:
        assert opened
        shown = load_shown(opened)
    assert shown
    return shown
