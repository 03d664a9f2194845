"""Whether the copy that the API serves of an ad account moves, and up to what instant its readings count.

What is served is a copy: Layers syncs it from the platforms every 6 hours, and while that pauses the API goes on
answering with the last one (layers-api.md, What the numbers mean). A copy that stands still looks like a quiet day; so
nothing settles on one (rule 1 of the design). What a copy is known to hold shows in its numbers alone:

- a day with any activity: it was made after that day had begun. Accounts are read up to the running day for this;
- a number that changed since an earlier reading: it was made after that reading.

A copy that has shown nothing new for :data:`LONGEST_STANDSTILL` is taken to be at rest: an account that is truly
paused settles by then, and from then on in its time. Should it move again, what had settled by that alone is held and
read anew.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from layers_etl.domain.days import DayWindow, day_start
from layers_etl.domain.ledger import hold, release
from layers_etl.domain.settlement import COPY_LAG_HOURS, ONE_HOUR, Coverage, settled_before

LONGEST_STANDSTILL: Final = timedelta(days=10)
"""Long enough for syncing to pause for eight days without anything settling by it; a paused account settles so much
later."""

SourceKey = tuple[str, str]
"""``(project_id, ad_account_id)``; the id is empty for what belongs to no account that is known."""

COPY_LAG: Final = COPY_LAG_HOURS * ONE_HOUR

HABIT: Final = 3
"""Runs in a row that saw activity on the running day: from then on its absence is told at once."""

TOLD_AFTER: Final = timedelta(hours=48)
"""An account without that habit is told of once its readings have shown nothing new for so long."""


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
    changed.
    """

    read_at: datetime
    newest_active_day: date | None = None
    moved_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of the copy of one ad account, by all that was read. Grain: ``(project_id, ad_account_id)``.

    ``copy_from``: it is proven to hold what happened until then, at least; None where no activity was ever seen.
    ``seen_running`` counts the runs in a row that saw activity on the running day.
    """

    first_read_at: datetime
    read_at: datetime
    copy_from: datetime | None = None
    newest_active_day: date | None = None
    seen_running: int = 0

    @property
    def stands_still_for(self) -> timedelta:
        """How long its readings have shown nothing new."""
        return self.read_at - (self.copy_from or self.first_read_at)

    @property
    def is_at_rest(self) -> bool:
        """Whether that is longer than any pause of syncing."""
        return self.stands_still_for >= LONGEST_STANDSTILL

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
    """What is known of a source after a run that read it. A proof stands: a copy never loses what it held.

    Evidence of the same instant adds to what that one showed; seen again, it says nothing new.
    """
    proofs = [
        day_start(evidence.newest_active_day) if evidence.newest_active_day else None,
        evidence.moved_since,
        known.copy_from if known else None,
    ]
    active_days = [evidence.newest_active_day, known.newest_active_day if known else None]
    sees_running = evidence.newest_active_day is not None and evidence.newest_active_day >= evidence.read_at.date()
    seen_before = known.seen_running if known else 0
    if known is None or evidence.read_at > known.read_at:
        seen_running = seen_before + 1 if sees_running else 0
    else:
        seen_running = max(seen_before, int(sees_running))
    return Source(
        first_read_at=known.first_read_at if known else evidence.read_at,
        read_at=max(evidence.read_at, known.read_at) if known else evidence.read_at,
        copy_from=max((proof for proof in proofs if proof), default=None),
        newest_active_day=max((day for day in active_days if day), default=None),
        seen_running=seen_running,
    )


def judge(known: Source | None, now: Source, *, settle_hours: int) -> SourceState:
    """How the copy stands after a run; ``known`` is what was known before it."""
    if now.is_at_rest:
        return SourceState.AT_REST
    if now.vouches_for(settle_hours) >= settled_before(now.read_at, settle_hours):
        return SourceState.MOVING
    lost_its_habit = known is not None and known.seen_running >= HABIT and now.seen_running == 0
    is_told = now.copy_from is not None and (lost_its_habit or now.stands_still_for >= TOLD_AFTER)
    return SourceState.STANDING_STILL if is_told else SourceState.WAITING


def first_day_assumed(known: Source | None, now: Source, *, settle_hours: int) -> date | None:
    """Where a copy moves again: the first day that may have settled without its final numbers; None: none can have.

    ``known`` is what was known before the run that saw it move.
    """
    if known is None or now.copy_from == known.copy_from:
        return None
    if known.copy_from is None:
        return date.min
    return settled_before(known.copy_from + COPY_LAG, settle_hours) if known.is_at_rest else None


def settle(
    coverage: Sequence[Coverage],
    known: Source | None,
    now: Sequence[Source],
    *,
    read_since: datetime,
    settle_hours: int,
    doubtful: Collection[date] = (),
) -> tuple[Coverage, ...]:
    """The ledger of one entity once a run's readings, those since ``read_since``, are known to count.

    ``now`` are the sources that its numbers are made of, one for all but projects; all must vouch. ``known`` is what
    was known of the first before the run. ``doubtful`` days stay held.
    """
    released = release(
        coverage,
        read_since=read_since,
        vouched_at=min(source.vouched_at for source in now),
        settle_hours=settle_hours,
        doubtful=doubtful,
    )
    assumed = first_day_assumed(known, now[0], settle_hours=settle_hours)
    if assumed is None:
        return released
    return hold(released, DayWindow(assumed, date.max), read_before=read_since, settle_hours=settle_hours)
