"""Readings, landings and entities to put into a warehouse, and what one looks at in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from layers_etl.domain.days import DayWindow
from layers_etl.domain.entities import Entity
from layers_etl.domain.metrics import API_METRICS
from layers_etl.domain.readings import EntityKey, Reading, pack_numbers
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.domain.settlement import Coverage, SettlingTimes
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.marts import DerivedMart, derive_daily_mart
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.publishing import Publication, load_state_id
from layers_etl.warehouse.readings import Landing, upsert_readings

from ..harness.fresh import fresh_warehouse

SCOPES: Final = (CAMPAIGN, AD_ACCOUNT)
PROJECT_ID: Final = "prj_1"
A: Final = EntityKey(CAMPAIGN, PROJECT_ID, "cmp_a", "meta_ads")
B: Final = EntityKey(CAMPAIGN, PROJECT_ID, "cmp_b", "tiktok_ads")
ACCOUNT: Final = EntityKey(AD_ACCOUNT, PROJECT_ID, "acc_1", "meta_ads")
SETTLE_HOURS: Final = 72

STALE_WINDOWS: Final = (
    "(SELECT changed.* EXCLUDE (revision) FROM ops.changed_days AS changed "
    "LEFT JOIN ops.derived_marts AS derived USING (scope) WHERE changed.revision > coalesce(derived.revision, 0))"
)
"""What the daily marts lack, as a relation."""

Row = tuple[Any, ...]
Measures = Mapping[str, object]


def opened(folder: Path) -> AbstractContextManager[Warehouse]:
    """The build file in ``folder``."""
    return fresh_warehouse(folder / "build.duckdb", SCOPES)


def utc(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def march(day: int) -> date:
    """A day of March 2026."""
    return date(2026, 3, day)


def window(first: int, last: int) -> DayWindow:
    """Days of March 2026, the last one included."""
    return DayWindow(march(first), date(2026, 4, 1) if last == 31 else march(last + 1))


def reading(
    key: EntityKey, days: DayWindow, read_at: datetime, buckets: Mapping[date, Measures], **details: Any
) -> Reading:
    """A whole answer with these buckets; measures that are not named are null."""
    rows = [_reported(measures) for _, measures in sorted(buckets.items())]
    numbers = {name: pack_numbers([row.get(name) for row in rows]) for name in API_METRICS}
    return Reading(key, days, read_at, {"day": sorted(buckets), **numbers}, **details)


def _reported(measures: Mapping[str, Any]) -> dict[str, Any]:
    """As the API would say it: a conversion value as the ROAS it follows from, and none where no spend is known."""
    said = {name: float(value) if isinstance(value, Decimal) else value for name, value in measures.items()}
    value = said.pop("conversion_value", None)
    return said if None in (value, said.get("spend")) else {**said, "roas": value / max(said["spend"], 0.01)}


def spends(days: Iterable[date], spend: float | Decimal, **measures: object) -> dict[date, Measures]:
    """The same bucket on every one of ``days``."""
    return {day: {"spend": Decimal(str(spend)), **measures} for day in days}


def load_coverage(warehouse: Warehouse, key: EntityKey) -> tuple[Coverage, ...]:
    """The ledger of one entity, as it stands in ``ops.coverage``."""
    rows = warehouse.connection.execute(
        "SELECT since, until, read_at, lag_hours, coalesce(held, false) FROM ops.coverage"
        " WHERE scope = ? AND project_id = ? AND entity_id = ? ORDER BY since",
        [key.scope.name, key.project_id, key.entity_id],
    ).fetchall()
    return tuple(Coverage(DayWindow(since, until), read_at, lag, held) for since, until, read_at, lag, held in rows)


def load_account_id(warehouse: Warehouse, key: EntityKey) -> str | None:
    """The ad account that an entity belongs to now; None where it is not known."""
    found = rows(
        warehouse,
        "SELECT ad_account_id FROM ops.entities WHERE scope = ? AND project_id = ? AND entity_id = ?",
        [key.scope.name, key.project_id, key.entity_id],
    )
    return found[0][0] if found else None


def land(
    warehouse: Warehouse,
    *readings: Reading,
    currency: str | None = "USD",
    settle_hours: int = SETTLE_HOURS,
    run_id: str = "run",
    **details: Any,
) -> None:
    """Land readings of one scope as one batch, the ledger with them; ``details`` are those of a landing."""
    ledger = {each.key: load_coverage(warehouse, each.key) for each in readings}
    landings = [
        Landing(each, currency, settle_hours, ad_account_id=load_account_id(warehouse, each.key), **details)
        for each in readings
    ]
    upsert_readings(warehouse, readings[0].key.scope, landings, ledger, run_id)


def campaign(entity_id: str, account_id: str = "acc_1", **fields: Any) -> Entity:
    """A listed campaign."""
    fields = {"platform": "meta_ads", "name": f"Campaign {entity_id}", "status": "active"} | fields
    return Entity(CAMPAIGN, PROJECT_ID, entity_id, ad_account_id=account_id, **fields)


def account(entity_id: str = "acc_1", **fields: Any) -> Entity:
    """A listed ad account."""
    fields = {"platform": "meta_ads", "name": f"Account {entity_id}", "currency": "USD"} | fields
    return Entity(AD_ACCOUNT, PROJECT_ID, entity_id, **fields)


def derive(warehouse: Warehouse, scope: Scope = CAMPAIGN) -> DerivedMart:
    """Bring a daily mart in step."""
    steps = derive_daily_mart(warehouse, scope, SettlingTimes(SETTLE_HOURS))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def publish(
    warehouse: Warehouse, run_id: str = "run_1", at: datetime | None = None, settled_until: date | None = None
) -> bool:
    """Publish into the file beside it, at an instant (5 March)."""
    at = at or utc(3, 5)
    publication = Publication(load_state_id(warehouse), run_id, at, at, settled_until)
    return PublishedFile(warehouse.path.with_name("warehouse.duckdb")).publish(warehouse, publication)


def rows(warehouse: Readable, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
    """What a query gives."""
    return warehouse.connection.execute(sql, list(parameters)).fetchall()


def dump(warehouse: Readable, *, leaving_out: Iterable[str] = ()) -> dict[str, list[Row]]:
    """Every row of every table, but for those left out."""
    names = rows(warehouse, "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT temporary")
    return {
        name: sorted(rows(warehouse, f"FROM {name}"), key=repr)
        for (name,) in sorted(names)
        if name not in set(leaving_out)
    }
