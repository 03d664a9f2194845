"""Daily partitions by UTC day."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.ingest.request import RunKind

RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
PARTITION_TAG: Final = "dagster/partition"
KIND_TAG: Final = "kind"
DAYS_TAG: Final = "days"


def daily_partitions(start_date: date, last_day: date | None = None) -> dg.DailyPartitionsDefinition:
    """UTC days from ``start_date`` to the last one that has closed: the running day lacks nothing yet.

    ``last_day`` reaches further for a run that reads the running day, and where the API's clock is ahead of this
    machine's, as a simulated one may be.
    """
    days_ahead = (last_day + ONE_DAY - datetime.now(UTC).date()).days if last_day else 0
    return dg.DailyPartitionsDefinition(
        start_date=start_date.isoformat(), timezone="UTC", end_offset=max(days_ahead, 0)
    )


def window_of(partition_keys: Sequence[str]) -> DayWindow:
    """The days of a contiguous range of partition keys."""
    days = sorted(date.fromisoformat(key) for key in partition_keys)
    return DayWindow(days[0], days[-1] + ONE_DAY)


def window_of_tags(tags: Mapping[str, str]) -> DayWindow | None:
    """The days a run was launched for; None for one that covers no partition."""
    keys = [tags[tag] for tag in (RANGE_START_TAG, RANGE_END_TAG, PARTITION_TAG) if tag in tags]
    return window_of(keys) if keys else None


def range_tags(window: DayWindow) -> dict[str, str]:
    """The tags with which one run covers all partitions of ``window``."""
    return {
        RANGE_START_TAG: window.since.isoformat(),
        RANGE_END_TAG: (window.until - ONE_DAY).isoformat(),
    }


def described_by_tags(kind: RunKind, window: DayWindow | None) -> dict[str, str]:
    """What a run is and its days, as its tags say it to people, who can look for runs by them."""
    return {KIND_TAG: kind.value, **({DAYS_TAG: str(window)} if window else {})}
