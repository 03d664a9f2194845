"""Which settled days a run reads again, to measure whether they stand: a random sample of the whole past."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from random import Random
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.planning import KnownEntity, PlannedRead
from layers_etl.domain.settlement import SettlingTimes

AUDITED_DAYS: Final = 28
"""Of one request at most: a longer window costs no more, but its days are of one entity and tell less of others."""


def count_audits(requests: int, percent: float) -> int:
    """How many requests a run of so many may add: ``percent`` of them, at least one where it has any; none at 0."""
    return max(1, int(requests * percent / 100)) if requests and percent else 0


def sample_audits(
    entities: Iterable[KnownEntity], settling: SettlingTimes, count: int, random: Random
) -> list[PlannedRead]:
    """Up to ``count`` windows of settled days, every settled (entity, day) as likely as any other, no entity twice.

    What is gone, or of a project that is no longer read, is left out.
    """
    intervals = [
        (entity, window)
        for entity in entities
        if not entity.gone and not entity.project_archived
        for interval in entity.coverage
        if (window := interval.settled_window(settling.hours(entity.key.platform)))
    ]
    if not intervals or not count:
        return []
    ends = list(accumulate(len(window) for _, window in intervals))
    audits: dict[tuple[str, str, str], PlannedRead] = {}
    for entity, window in random.choices(intervals, cum_weights=ends, k=count):
        middle = window.since + random.randrange(len(window)) * ONE_DAY
        since = max(window.since, middle - AUDITED_DAYS // 2 * ONE_DAY)
        key = entity.key
        audits[key.scope.name, key.project_id, key.entity_id] = PlannedRead(
            key, DayWindow(since, min(window.until, since + AUDITED_DAYS * ONE_DAY))
        )
    return list(audits.values())
