"""What to read: every (entity, day) that can still change, in the fewest requests (rule 1 of the design)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow, join_days, subtract_windows
from layers_etl.domain.freshness import SourceKey
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import Scope
from layers_etl.domain.settlement import LEDGERS_REMEMBERED, Coverage, SettlingTimes, settled_before

QUIET_DAYS: Final = 28
"""How long beyond its settling time an ended campaign must have been quiet before it is no longer asked for."""

ENDED_STATUSES: Final = frozenset({"archived", "deleted", "rejected", "ended", "completed"})
"""Statuses under which a campaign can't spend again; ``ended`` and ``completed`` are tolerated spellings."""


@dataclass(frozen=True, slots=True)
class KnownEntity:
    """What the warehouse knows of an entity when a plan is made.

    ``last_active_day`` is the newest day with any spend, impression, click or conversion: known of an ended entity, and
    where it is not long ago. ``recent_spend`` is of the last week that is known, in its own ``currency``. ``parent_id``
    is the ad account whose numbers vouch for a campaign that is not asked for. ``gone`` answered 404 when it was last
    asked for; ``project_archived`` is an entity whose project is no longer among those that are read.
    """

    key: EntityKey
    parent_id: str | None = None
    currency: str | None = None
    status: str | None = None
    gone: bool = False
    listed: bool = True
    project_archived: bool = False
    last_active_day: date | None = None
    recent_spend: float = 0
    coverage: tuple[Coverage, ...] = ()
    already_read: tuple[Coverage, ...] = ()

    @property
    def source(self) -> SourceKey:
        """The ad account by whose copy its numbers are served."""
        return self.key.project_id, self.parent_id or ""


Entities = Mapping[EntityKey, KnownEntity]
"""All that is known of the scopes that are read, in the order in which it is planned."""


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One request: a contiguous window of one entity.

    Days from its end until ``glimpse_until`` are looked at in the same request, for proof that the copy moves
    (``domain/freshness.py``); they do not land.
    """

    key: EntityKey
    window: DayWindow
    glimpse_until: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All requests of a run for one scope, and the entities that cost none.

    ``dormant`` can't have changed since they were last read and are vouched for by their account, even while their last
    days still settle; ``gone`` answered 404 before: of these, only what is still listed is asked for.
    """

    reads: tuple[PlannedRead, ...] = ()
    dormant: tuple[KnownEntity, ...] = ()
    gone: tuple[KnownEntity, ...] = ()
    current: tuple[KnownEntity, ...] = field(default=())
    """Nothing of these is open within what was asked."""


@dataclass(frozen=True)
class ReadingPlan:
    """All that a run asks for of the daily metrics, before any of it is asked.

    ``window`` are the days of the run: ``wanted`` are those to ask for, with the open ones before them; those in
    ``not_begun`` cannot be asked for yet. ``scopes`` has the plan of each scope, in the order in which they are read.
    ``requests`` are these as they are sent, one after another; ``rereads`` are sent after them: what of dormant
    campaigns turned out to be needed once ``requests`` had landed. ``audits`` are sent last: settled days that are read
    again, of no entity two windows; it is no failure where that can't be done.
    """

    window: DayWindow
    wanted: DayWindow | None
    not_begun: DayWindow | None
    scopes: Mapping[Scope, Plan]
    requests: tuple[PlannedRead, ...] = ()
    rereads: tuple[PlannedRead, ...] = ()
    audits: tuple[PlannedRead, ...] = ()

    def reads(self, scope: Scope) -> tuple[PlannedRead, ...]:
        """What the run is held to of one scope: all but the audits."""
        return (*self.scopes[scope].reads, *(read for read in self.rereads if read.key.scope is scope))

    def asked_window(self, key: EntityKey, day: date) -> DayWindow:
        """The window with ``day`` that is asked for of an entity: an answer may be a part of it, or reach beyond."""
        return next(window for window in self._windows[key] if day in window)

    def is_audit(self, key: EntityKey, day: date) -> bool:
        """Whether ``day`` is asked for beside the plan: no audited day is open as well."""
        return key in self._audited and day in self._audited[key]

    def key_of(self, scope: str | None, project_id: str | None, entity_id: str | None) -> EntityKey:
        """The entity among those asked for that an error names by its ids."""
        return self._keys[scope, project_id, entity_id]

    @cached_property
    def _windows(self) -> Mapping[EntityKey, Sequence[DayWindow]]:
        windows: dict[EntityKey, list[DayWindow]] = defaultdict(list)
        for read in (*self.requests, *self.rereads, *self.audits):
            windows[read.key].append(read.window)
        return dict(windows)

    @cached_property
    def _audited(self) -> Mapping[EntityKey, DayWindow]:
        return {audit.key: audit.window for audit in self.audits}

    @cached_property
    def _keys(self) -> Mapping[tuple[str | None, str | None, str | None], EntityKey]:
        return {(key.scope.name, key.project_id, key.entity_id): key for key in self._windows}


def split_at_now(window: DayWindow, instant: datetime) -> tuple[DayWindow | None, DayWindow | None]:
    """The days of ``window`` that have begun at ``instant``, and those that have not: either may be none."""
    tomorrow = instant.date() + ONE_DAY
    return window.intersection(DayWindow(date.min, tomorrow)), window.intersection(DayWindow(tomorrow, date.max))


def in_order_of_need(reads: Iterable[PlannedRead], entities: Entities) -> tuple[PlannedRead, ...]:
    """``reads`` so that a run cut short has most of what is looked at first.

    Those of the accounts that spend most come first, whole: an account's own next to those of all below it, since their
    numbers are of one moment (rule 9); within it, the newest days of what spends most.
    """
    spend: dict[SourceKey, float] = defaultdict(float)
    for entity in entities.values():
        spend[entity.source] += entity.recent_spend

    def need(read: PlannedRead) -> tuple[float, SourceKey, int, float]:
        entity = entities[read.key]
        return -spend[entity.source], entity.source, -read.window.until.toordinal(), -entity.recent_spend

    return tuple(sorted(reads, key=need))


def plan_reads(
    entities: Iterable[KnownEntity],
    wanted: DayWindow,
    settling: SettlingTimes,
    *,
    instant: datetime,
    fresh_since: datetime | None,
    only_unsettled: bool,
    dormancy: bool = True,
) -> Plan:
    """Plan the requests for ``wanted`` (already bounded by the days that have begun).

    With ``only_unsettled`` (a scheduled run) what is settled, dormant or gone is left alone, and of an archived project
    no new day is begun; without (a backfill) all of ``wanted`` is read. What is gone and still listed is asked for: a
    listing can be ahead of the metrics. What was read at or after ``fresh_since``, or by the run that this one
    continues, is not asked for again, unless a reading at ``instant`` would make more of the day than that one did.
    ``dormancy`` says whether dormant campaigns may be left alone: only where their accounts are read, which vouch for
    them.
    """
    reads: list[PlannedRead] = []
    dormant: list[KnownEntity] = []
    gone: list[KnownEntity] = []
    current: list[KnownEntity] = []
    for entity in entities:
        settle_hours = settling.hours(entity.key.platform)
        if only_unsettled and entity.gone:
            gone.append(entity)
            if not entity.listed:
                continue
        asked: DayWindow | None = wanted
        if only_unsettled and entity.project_archived:
            asked = _days_begun(entity, wanted)
        elif only_unsettled and dormancy and (rest := days_left_to_settle(entity, settle_hours, since=wanted.since)):
            asked = wanted.intersection(rest)
        windows: tuple[DayWindow, ...] = ()
        if asked:
            windows = _open_windows(
                entity.coverage,
                entity.already_read,
                asked,
                settle_hours=settle_hours,
                instant=instant,
                fresh_since=fresh_since,
                only_unsettled=only_unsettled,
            )
        reads.extend(PlannedRead(entity.key, window) for window in windows)
        if entity.project_archived:
            continue
        if asked != wanted:
            dormant.append(entity)
        elif not windows:
            current.append(entity)
    return Plan(tuple(reads), tuple(dormant), tuple(gone), tuple(current))


def plan_rereads(
    dormant: Iterable[KnownEntity],
    disagreeing: Mapping[SourceKey, Iterable[date]],
    wanted: DayWindow,
    settling: SettlingTimes,
    *,
    instant: datetime,
    fresh_since: datetime,
) -> tuple[PlannedRead, ...]:
    """The safety net of dormancy: where an account and the sum of its campaigns disagree, these are read after all.

    ``dormant`` campaigns have the ledger, and ``disagreeing`` the days by account, as all else that was asked for has
    left them. Days that are settled are left alone; what could not be read is asked for again until it could.
    """
    reads: list[PlannedRead] = []
    for entity in dormant:
        still_open = _open_windows(
            entity.coverage,
            entity.already_read,
            wanted,
            settle_hours=settling.hours(entity.key.platform),
            instant=instant,
            fresh_since=fresh_since,
            only_unsettled=True,
        )
        for days in join_days(disagreeing.get(entity.source, ())):
            reads += [PlannedRead(entity.key, part) for window in still_open if (part := window.intersection(days))]
    return tuple(reads)


@lru_cache(LEDGERS_REMEMBERED)
def _open_windows(
    coverage: tuple[Coverage, ...],
    already_read: tuple[Coverage, ...],
    wanted: DayWindow,
    *,
    settle_hours: int,
    instant: datetime,
    fresh_since: datetime | None,
    only_unsettled: bool,
) -> tuple[DayWindow, ...]:
    """The parts of ``wanted`` that a plan asks for of an entity with this ledger, as in :func:`plan_reads`."""
    closed: list[DayWindow] = []
    for interval in coverage:
        if only_unsettled and (settled := interval.settled_window(settle_hours)):
            closed.append(settled)
        if fresh_since and (fresh := interval.window_read_since(fresh_since)):
            closed += _without_advanced(fresh, interval, settle_hours, instant)
    for interval in already_read:
        closed += _without_advanced(interval.window, interval, settle_hours, instant)
    return tuple(subtract_windows(wanted, closed))


def _without_advanced(fresh: DayWindow, interval: Coverage, settle_hours: int, instant: datetime) -> list[DayWindow]:
    """``fresh`` without the days that closed, or could have settled, between their reading and ``instant``."""
    if interval.read_at is None:
        # Read after they closed; what that did not settle (the settling time has grown since) may settle now.
        is_settled = interval.settled_window(settle_hours) is not None
        return (
            [fresh]
            if is_settled
            else subtract_windows(fresh, [DayWindow(date.min, settled_before(instant, settle_hours))])
        )
    advanced = (
        (interval.read_at.date(), instant.date()),
        (settled_before(interval.read_at, settle_hours), settled_before(instant, settle_hours)),
    )
    return subtract_windows(fresh, [DayWindow(since, until) for since, until in advanced if since < until])


def _days_begun(entity: KnownEntity, wanted: DayWindow) -> DayWindow | None:
    """The part of ``wanted`` from the first day that was read of ``entity`` to the last."""
    if not entity.coverage:
        return None
    windows = [interval.window for interval in entity.coverage]
    return wanted.intersection(DayWindow(min(each.since for each in windows), max(each.until for each in windows)))


def days_left_to_settle(entity: KnownEntity, settle_hours: int, *, since: date) -> DayWindow | None:
    """All days a quiet campaign is ever asked for: those read already, until each has settled; None if it is not quiet.

    Quiet is a campaign that has ended, and whose settled days, without a gap from ``since``, reach ``settle_hours``
    plus :data:`QUIET_DAYS` beyond its newest active day. Its days since then are vouched for by its account.
    """
    if entity.key.scope.name != "campaign" or entity.status not in ENDED_STATUSES or not entity.coverage:
        return None
    settled_until = since
    for interval in entity.coverage:
        settled = interval.settled_window(settle_hours)
        if settled and settled.since <= settled_until:
            settled_until = max(settled_until, settled.until)
    quiet_since = entity.last_active_day or since - ONE_DAY
    if settled_until - ONE_DAY - quiet_since < timedelta(hours=settle_hours) + timedelta(days=QUIET_DAYS):
        return None
    return DayWindow(since, max(interval.window.until for interval in entity.coverage))
