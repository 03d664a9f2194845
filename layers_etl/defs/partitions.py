"""Daily partitions by UTC day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import dagster as dg

from layers_etl.domain.days import ONE_DAY, DayWindow


def daily_partitions(start_date: date, last_day: date | None = None) -> dg.DailyPartitionsDefinition:
    """UTC days from ``start_date`` to the current one, which can be read while it runs but is never settled.

    ``last_day`` reaches further where the API's clock is ahead of this machine's, as a simulated one may be.
    """
    days_ahead = (last_day - datetime.now(UTC).date()).days if last_day else 0
    return dg.DailyPartitionsDefinition(
        start_date=start_date.isoformat(), timezone="UTC", end_offset=1 + max(days_ahead, 0)
    )


def window_of(partition_keys: Sequence[str]) -> DayWindow:
    """The days of a contiguous range of partition keys."""
    days = sorted(date.fromisoformat(key) for key in partition_keys)
    return DayWindow(days[0], days[-1] + ONE_DAY)


def range_tags(window: DayWindow) -> dict[str, str]:
    """The tags with which one run covers all partitions of ``window``."""
    return {
        "dagster/asset_partition_range_start": window.since.isoformat(),
        "dagster/asset_partition_range_end": (window.until - ONE_DAY).isoformat(),
    }
