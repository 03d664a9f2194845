"""What a table of entities and days holds of each day, for those who look at days rather than at rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from layers_etl.domain.days import DayWindow
from layers_etl.domain.metrics import sum_of_known
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.sql import load_sql
from layers_etl.warehouse.tables import Table


@dataclass(frozen=True, slots=True)
class DayTotals:
    """One day of a table: its rows, how many of these are settled, and the sums of what may be summed.

    ``spend`` is by currency (rule 8): what is of several or of none that is known is in no sum. ``conversions`` is None
    where no row knows any.
    """

    rows: int = 0
    settled_rows: int = 0
    spend: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    conversions: int | None = None

    @property
    def settled_share(self) -> float | None:
        """Of its rows, from 0 to 1; None where there is no row."""
        return self.settled_rows / self.rows if self.rows else None


def load_day_totals(warehouse: Readable, table: Table, window: DayWindow) -> dict[date, DayTotals]:
    """Every day of ``window``, by one query over ``table``: daily metrics or a daily mart, as they stand."""
    found = dict.fromkeys(window, DayTotals())
    rows = warehouse.connection.execute(
        load_sql("day_totals").format(table=table.qualified), {"since": window.since, "until": window.until}
    ).fetchall()
    for day, currency, count, settled, spend, conversions in rows:
        before = found[day]
        found[day] = DayTotals(
            before.rows + count,
            before.settled_rows + settled,
            before.spend if None in (currency, spend) else {**before.spend, currency: spend},
            sum_of_known(before.conversions, conversions),
        )
    return found


def load_newest_day(warehouse: Readable, table: Table, before: date) -> date | None:
    """The last day that ``table`` has rows of and that is earlier than ``before``."""
    query = f"SELECT max(day) FROM {table.qualified} WHERE day < ?"
    return warehouse.connection.execute(query, [before]).fetchall()[0][0]


def load_largest_rows(warehouse: Readable, mart: Table, columns: Sequence[str], day: date) -> list[tuple[object, ...]]:
    """The few rows of ``day`` with the largest spend, whatever its currency: what a daily mart looks like."""
    query = load_sql("largest_rows").format(columns=", ".join(columns), mart=mart.qualified)
    return warehouse.connection.execute(query, {"day": day}).fetchall()
