"""Whether the copy that the API serves of an ad account moves, and up to what instant its readings count.

What is served is a copy: Layers syncs it from the platforms every 6 hours, and while that pauses the API goes on
answering with the last one (layers-api.md, What the numbers mean). A copy that stands still looks like a quiet day; so
nothing settles on one (rule 1 of the design). What a copy is known to hold shows in its numbers alone:

- a day with any activity: it was made after that day had begun. Accounts are read up to the running day for this;
- a number that changed since an earlier reading: it was made after that reading.

They also show a copy that is older than one served before: it holds less. Such a copy proves what it holds itself, and
nothing that was proven before counts for what was read of it.

A copy that has shown nothing new for :data:`LONGEST_STANDSTILL` is taken to be at rest: an account that is truly
paused settles by then, and from then on in its time. Should it move again, what had settled by that alone is held and
read anew.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

from layers_etl.domain.days import DayWindow, day_close, day_start
from layers_etl.domain.ledger import hold, release
from layers_etl.domain.settlement import COPY_LAG_HOURS, ONE_HOUR, Coverage, settled_before, unvouched_days

LONGEST_STANDSTILL: Final = timedelta(days=10)
"""Long enough for syncing to pause for eight days without anything settling by it; a paused account settles so much
later."""

_Instant = TypeVar("_Instant", date, datetime)

SourceKey = tuple[str, str]
"""``(project_id, ad_account_id)``; the id is empty for what belongs to no account that is known."""

COPY_LAG: Final = COPY_LAG_HOURS * ONE_HOUR

HABIT: Final = 3
"""Runs in a row that saw activity on the running day: from then on its absence is told at once."""

TOLD_AFTER: Final = timedelta(days=2) + COPY_LAG
"""An account without that habit is told of once its readings have shown nothing new for so long: of one that is active
late on every day, a copy that is up to its time shows just after midnight what happened two days ago."""


class SourceState(enum.StrEnum):
    """How the copy of an ad account stands, as in ``ops.sources.state``."""

    MOVING = "moving"
    WAITING = "waiting"
    STANDING_STILL = "standing still"
    AT_REST = "at rest"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one run's readings of an account, and of all below it, show of their copy.

    ``newest_active_day`` has any activity in them; ``moved_since`` is the latest earlier reading whose numbers they
    changed; ``went_back`` is whether there is less by that than there was; ``looked`` whether they reach the running
    day; ``rests`` whether a week ago that day or the one before was without activity, though days before it were not.
    """

    read_at: datetime
    newest_active_day: date | None = None
    moved_since: datetime | None = None
    went_back: bool = False
    looked: bool = True
    rests: bool = False

    def and_also(self, other: Evidence) -> Evidence:
        """What both show."""
        return Evidence(
            max(self.read_at, other.read_at),
            _latest(self.newest_active_day, other.newest_active_day),
            _latest(self.moved_since, other.moved_since),
            self.went_back or other.went_back,
            self.looked or other.looked,
            self.rests and other.rests,
        )

    @property
    def active_from(self) -> datetime | None:
        """What activity proves: the copy was made after its day had begun."""
        return day_start(self.newest_active_day) if self.newest_active_day else None


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of the copy of one ad account, by all that was read. Grain: ``(project_id, ad_account_id)``.

    ``copy_from``: it is proven to hold what happened until then, at least; None where nothing proves that.
    ``newest_copy_from`` is the latest that this ever was. ``behind_reading_at``: a copy older than the one that was
    read then has been served since, and none that is proven to be newer. ``seen_running`` counts the runs in a row
    that saw activity on the running day; one that did not look at it, or found something else that is new, neither
    counts nor ends the row.
    """

    first_read_at: datetime
    read_at: datetime
    copy_from: datetime | None = None
    newest_active_day: date | None = None
    seen_running: int = 0
    newest_copy_from: datetime | None = None
    behind_reading_at: datetime | None = None

    @property
    def stands_still_for(self) -> timedelta:
        """How long its readings have shown nothing new."""
        return self.read_at - max(self.shown_until or self.first_read_at, self.first_read_at)

    @property
    def shown_until(self) -> datetime | None:
        """As :attr:`copy_from`, of the newest copy that was ever served."""
        return _latest(self.newest_copy_from, self.copy_from)

    @property
    def is_at_rest(self) -> bool:
        """Whether it has shown nothing new for longer than any pause of syncing."""
        return self.read_at - (self.shown_until or self.first_read_at) >= LONGEST_STANDSTILL

    def moved_on(self, evidence: Evidence) -> datetime | None:
        """What a change proves: the copy was made after the one it differs from.

        Which was made when it was read, as long as it had all of the days until then: of one that is always days
        behind, no more is known than where its activity ends. Where an older copy was served, what changes may only
        catch up.
        """
        if self.behind_reading_at or evidence.moved_since is None or self.newest_active_day is None:
            return None
        return min(evidence.moved_since, day_close(self.newest_active_day))

    @property
    def vouched_at(self) -> datetime:
        """The instant up to which its readings count: settling times allow for the lag of a copy already.

        Of an account that was never active, no copy can be proven: none is taken to have been older than any pause when
        it was first read.
        """
        if self.is_at_rest:
            return self.read_at
        return min(self.read_at, (self.copy_from or self.first_read_at - LONGEST_STANDSTILL) + COPY_LAG)

    def vouches_for(self, settle_hours: int) -> date:
        """Days before this one may settle, by the copy."""
        return settled_before(self.vouched_at, settle_hours)


def vouched_at(known: Source | None, instant: datetime) -> datetime:
    """Up to when a reading made at ``instant`` counts, before anything that it shows is taken into account."""
    proven = known.copy_from if known else None
    return (proven or instant - LONGEST_STANDSTILL) + COPY_LAG


def observe(known: Source | None, evidence: Evidence) -> Source:
    """What is known of a source after a run that read it. A proof stands until an older copy is served.

    Evidence of the same instant adds to what that one showed; seen again, it says nothing new.
    """
    proofs = [evidence.active_from]
    if known and not evidence.went_back:
        proofs += [known.copy_from, known.moved_on(evidence)]
    sees_running = evidence.newest_active_day is not None and evidence.newest_active_day >= evidence.read_at.date()
    behind = known.behind_reading_at if known else None
    if known and evidence.went_back and evidence.read_at > known.read_at:
        behind = known.read_at
    has_caught_up = behind and evidence.active_from and evidence.active_from >= behind
    copy_from = _latest(*proofs)
    proven_before = known.copy_from if known else None
    is_new = _latest(copy_from, proven_before) != proven_before
    seen_before = known.seen_running if known else 0
    if known and evidence.read_at <= known.read_at:
        seen_running = max(seen_before, int(sees_running))
    elif sees_running:
        seen_running = seen_before + 1
    else:
        seen_running = seen_before if is_new or not evidence.looked else 0
    return Source(
        first_read_at=known.first_read_at if known else evidence.read_at,
        read_at=max(evidence.read_at, known.read_at) if known else evidence.read_at,
        copy_from=copy_from,
        newest_active_day=_latest(evidence.newest_active_day, known.newest_active_day if known else None),
        seen_running=seen_running,
        newest_copy_from=_latest(copy_from, known.shown_until if known else None),
        behind_reading_at=None if has_caught_up else behind,
    )


def judge(
    known: Source | None, now: Source, *, settle_hours: int, stood: SourceState | None = None, rests: bool = False
) -> SourceState:
    """How the copy stands after a run; ``known`` is what was known before it, and ``stood`` how it stood by that.

    One that was told of is told of until something new shows; of one that ``rests`` on such days, no silence is news.
    """
    if now.is_at_rest:
        return SourceState.AT_REST
    if now.vouches_for(settle_hours) >= settled_before(now.read_at, settle_hours):
        return SourceState.MOVING
    lost_its_habit = known is not None and known.seen_running >= HABIT and now.seen_running == 0
    stands_on = stood is SourceState.STANDING_STILL and known is not None and now.shown_until == known.shown_until
    is_silent = not rests and (lost_its_habit or now.stands_still_for >= TOLD_AFTER)
    is_told = now.copy_from is not None and (stands_on or is_silent)
    return SourceState.STANDING_STILL if is_told else SourceState.WAITING


def first_day_assumed(known: Source | None, now: Source, *, settle_hours: int) -> date | None:
    """Where a copy moves again: the first day that may have settled without its final numbers; None: none can have.

    ``known`` is what was known before the run that saw it move.
    """
    if known is None or now.copy_from is None or now.copy_from == known.copy_from:
        return None
    if known.shown_until is None:
        return date.min
    return settled_before(known.shown_until + COPY_LAG, settle_hours) if known.is_at_rest else None


def settle(
    coverage: Sequence[Coverage],
    known: Source | None,
    now: Sequence[Source],
    *,
    read_since: datetime,
    settle_hours: int,
    went_back: bool = False,
    doubtful: Collection[date] = (),
) -> tuple[Coverage, ...]:
    """The ledger of one entity once a run's readings, those since ``read_since``, are known to count.

    ``now`` are the sources that its numbers are made of, one for all but projects; all must vouch. ``known`` is what
    was known of the first before the run. Where one of them ``went_back``, what had been known vouches for nothing that
    the run read. ``doubtful`` days stay held.
    """
    vouched_at = min(source.vouched_at for source in now)
    settled = release(
        coverage,
        read_since=read_since,
        vouched_at=vouched_at,
        settle_hours=settle_hours,
        doubtful=doubtful,
    )
    if went_back and (unvouched := unvouched_days(vouched_at, max(each.read_at for each in now), settle_hours)):
        settled = hold(settled, unvouched, read_since=read_since, settle_hours=settle_hours)
    assumed = first_day_assumed(known, now[0], settle_hours=settle_hours)
    if assumed is None:
        return settled
    return hold(settled, DayWindow(assumed, date.max), read_before=read_since, settle_hours=settle_hours)


def _latest(*instants: _Instant | None) -> _Instant | None:
    return max((instant for instant in instants if instant), default=None)
