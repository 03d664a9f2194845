"""Nothing settles on a copy that stands still, and all settles in the end: over random outages, pauses and mornings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow, day_close, day_start
from layers_etl.domain.freshness import (
    COPY_LAG,
    LONGEST_STANDSTILL,
    Evidence,
    Source,
    SourceState,
    first_day_assumed,
    judge,
    observe,
    settle,
)
from layers_etl.domain.ledger import record_reading
from layers_etl.domain.planning import KnownEntity, plan_reads
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT
from layers_etl.domain.settlement import DEFAULT_SETTLE_HOURS, ONE_HOUR, Coverage, DayState, SettlingTimes

from .strategies import properties

KEY = EntityKey(AD_ACCOUNT, "prj_1", "acc_1", "meta_ads")
START = date(2026, 3, 1)
SYNC = 6 * ONE_HOUR
FINAL_AFTER = timedelta(hours=72)
LONGEST_PAUSE = LONGEST_STANDSTILL - timedelta(hours=36)
"""A standstill shows from the newest active day on, which began up to a day before the last sync; and a pause ends with
the sync after it."""


@dataclass(frozen=True)
class Upstream:
    """An account, the syncs that made copies of it, and the pauses of either.

    A day's number grows while it runs, and in steps for 72 hours after; the last step comes in the last hour.
    """

    syncs_paused: tuple[tuple[datetime, datetime], ...] = ()
    account_paused: tuple[DayWindow, ...] = ()
    steps: tuple[int, ...] = (20, 45, 71)
    older_at: Mapping[datetime, timedelta] = field(default_factory=dict[datetime, timedelta])

    def copy_at(self, instant: datetime) -> datetime:
        """When the copy was made that is served at ``instant``: syncs are at 00, 06, 12 and 18 o'clock."""
        instant -= self.older_at.get(instant, timedelta(0))
        sync = day_start(instant.date()) + (instant - day_start(instant.date())) // SYNC * SYNC
        while any(since <= sync < until for since, until in self.syncs_paused):
            sync -= SYNC
        return sync

    def number(self, day: date, copy_at: datetime) -> int:
        """What a copy says of a day: 0 where it was quiet, or has not begun."""
        if any(day in pause for pause in self.account_paused) or copy_at <= day_start(day):
            return 0
        if copy_at < day_close(day):
            return 1 + int((copy_at - day_start(day)) / ONE_HOUR)
        return 100 + sum(copy_at >= day_close(day) + step * ONE_HOUR + timedelta(minutes=59) for step in self.steps)

    def final(self, day: date) -> int:
        """What it ends as."""
        return self.number(day, day_close(day) + FINAL_AFTER)


@dataclass
class Warehouse:
    """A pipeline of one account without I/O."""

    upstream: Upstream
    coverage: tuple[Coverage, ...] = ()
    source: Source | None = None
    state: SourceState | None = None
    known: dict[date, tuple[int, datetime]] = field(default_factory=dict[date, tuple[int, datetime]])

    def run(self, now: datetime) -> None:
        """Plan, read, land, judge."""
        plan = plan_reads(
            [KnownEntity(KEY, coverage=self.coverage)],
            DayWindow(START, now.date()),
            SettlingTimes(),
            instant=now,
            fresh_since=now,
            only_unsettled=True,
        )
        copy_at = self.upstream.copy_at(now)
        moved: datetime | None = None
        gained = 0
        active = [now.date()] if self.upstream.number(now.date(), copy_at) else []
        proven = self.source.copy_from if self.source else None
        for read in plan.reads:
            for day in read.window:
                number = self.upstream.number(day, copy_at)
                if number:
                    active.append(day)
                if day in self.known and self.known[day][0] not in (0, number):
                    moved = max(filter(None, (moved, self.known[day][1])))
                    gained += number - self.known[day][0]
                self.known[day] = (number, now)
            self.coverage = record_reading(
                self.coverage,
                read.window,
                now,
                DEFAULT_SETTLE_HOURS,
                vouched_at=(proven or now - LONGEST_STANDSTILL) + COPY_LAG,
            )
        before = self.source
        self.source = observe(before, Evidence(now, max(active, default=None), moved, went_back=gained < 0))
        self.coverage = settle(
            self.coverage,
            before,
            [self.source],
            read_since=now,
            settle_hours=DEFAULT_SETTLE_HOURS,
            went_back=gained < 0,
        )
        self.state = judge(before, self.source, settle_hours=DEFAULT_SETTLE_HOURS, stood=self.state)

    def settled_days(self) -> set[date]:
        """What the ledger calls settled."""
        return {
            day
            for interval in self.coverage
            for day in interval.window
            if interval.state(day, DEFAULT_SETTLE_HOURS) is DayState.SETTLED
        }

    def false_days(self) -> set[date]:
        """Settled days whose number is not the final one."""
        return {day for day in self.settled_days() if self.known[day][0] != self.upstream.final(day)}


def at_seven(day: int) -> datetime:
    """07:00Z, so many days after the first of March."""
    return day_start(START + day * ONE_DAY) + 7 * ONE_HOUR


@st.composite
def pauses_of_syncing(draw: st.DrawFn, longest: timedelta) -> tuple[tuple[datetime, datetime], ...]:
    """Up to two outages within six weeks, each shorter than ``longest``, with a day of syncing between them."""
    first = day_start(START) + draw(st.timedeltas(timedelta(days=1), timedelta(days=18)))
    ended = first + draw(st.timedeltas(timedelta(0), longest))
    second = ended + draw(st.timedeltas(timedelta(days=1), timedelta(days=10)))
    return (first, ended), (second, second + draw(st.timedeltas(timedelta(0), longest)))


@st.composite
def pauses_of_account(draw: st.DrawFn) -> tuple[DayWindow, ...]:
    """Up to two spells of quiet."""
    spells: list[DayWindow] = []
    for _ in range(draw(st.integers(0, 2))):
        since = START + draw(st.integers(0, 30)) * ONE_DAY
        spells.append(DayWindow(since, since + draw(st.integers(1, 15)) * ONE_DAY))
    return tuple(spells)


@st.composite
def mornings(draw: st.DrawFn) -> list[datetime]:
    """A run a day at any hour from 05:00Z, now and then none for a few days."""
    instants: list[datetime] = []
    day = draw(st.integers(1, 5))
    while day < 60:
        instants.append(day_start(START + day * ONE_DAY) + draw(st.integers(5 * 60, 23 * 60)) * timedelta(minutes=1))
        day += draw(st.sampled_from([1, 1, 1, 1, 1, 1, 2, 5]))
    return instants


@properties
@given(pauses_of_syncing(LONGEST_PAUSE), mornings())
def test_no_settled_day_of_an_account_that_is_active_is_ever_other_than_final_however_syncing_pauses(
    syncs_paused: tuple[tuple[datetime, datetime], ...], instants: list[datetime]
) -> None:
    warehouse = Warehouse(Upstream(syncs_paused))
    for now in instants:
        warehouse.run(now)
        assert warehouse.false_days() == set()


@pytest.mark.slow
@properties
@given(pauses_of_syncing(timedelta(days=25)), pauses_of_account(), mornings())
def test_whatever_syncing_and_the_account_pause_no_settled_day_is_other_than_final_unless_all_has_been_still_for_long(
    syncs_paused: tuple[tuple[datetime, datetime], ...], account_paused: tuple[DayWindow, ...], instants: list[datetime]
) -> None:
    warehouse = Warehouse(Upstream(syncs_paused, account_paused))
    for now in instants:
        warehouse.run(now)
        assert warehouse.state is SourceState.AT_REST or warehouse.false_days() == set()


@pytest.mark.slow
@properties
@given(pauses_of_syncing(timedelta(days=25)), pauses_of_account())
def test_however_long_syncing_pauses_all_is_true_the_morning_after_next_once_the_account_is_active_again(
    syncs_paused: tuple[tuple[datetime, datetime], ...], account_paused: tuple[DayWindow, ...]
) -> None:
    warehouse = Warehouse(Upstream(syncs_paused, account_paused))
    for day in range(1, 120):
        warehouse.run(at_seven(day))
    assert warehouse.false_days() == set()
    assert warehouse.settled_days() == set(DayWindow(START, START + 116 * ONE_DAY))


@pytest.mark.slow
@properties
@given(mornings(), st.integers(10, 40))
def test_an_account_that_is_paused_for_good_settles_within_the_longest_standstill_after_its_last_day_would_have(
    instants: list[datetime], last_active: int
) -> None:
    pause = DayWindow(START + last_active * ONE_DAY, date(2027, 1, 1))
    warehouse = Warehouse(Upstream(account_paused=(pause,)))
    for now in instants:
        warehouse.run(now)
    after = day_close(pause.since) + FINAL_AFTER + LONGEST_STANDSTILL
    warehouse.run(max(after, instants[-1]))
    assert pause.since - ONE_DAY in warehouse.settled_days()
    assert warehouse.false_days() == set()


@pytest.mark.slow
@properties
@given(st.data(), st.sampled_from([6, 8, 12, 24]))
def test_nothing_false_settles_by_copies_older_than_one_that_was_served_before(data: st.DataObject, every: int) -> None:
    instants = [at_seven(1) + number * every * ONE_HOUR for number in range(30 * 24 // every)]
    older_at = data.draw(
        st.dictionaries(st.sampled_from(instants[1:-8]), st.timedeltas(ONE_HOUR, timedelta(hours=120)))
    )
    # Of numbers that stand for hours no copy can be told from the one before it.
    warehouse = Warehouse(Upstream(older_at=older_at, steps=tuple(range(72))))
    for now in instants:
        warehouse.run(now)
        assert warehouse.false_days() == set()
    due = instants[-1] - timedelta(hours=DEFAULT_SETTLE_HOURS)
    assert warehouse.settled_days() == set(DayWindow(START, due.date()))


def test_an_active_account_settles_every_day_at_the_fourth_morning() -> None:
    warehouse = Warehouse(Upstream())
    for day in range(1, 20):
        warehouse.run(at_seven(day))
        assert warehouse.settled_days() == set(DayWindow(START, START + (day - 3) * ONE_DAY)) if day > 3 else True
        assert warehouse.state is SourceState.MOVING


def test_a_copy_that_stands_still_is_told_on_the_first_morning_and_settles_nothing_until_it_moves() -> None:
    frozen = at_seven(10), at_seven(13) + ONE_HOUR
    warehouse = Warehouse(Upstream(syncs_paused=(frozen,)))
    states: list[SourceState | None] = []
    for day in range(1, 16):
        warehouse.run(at_seven(day))
        states.append(warehouse.state)
        if 10 < day <= 13:
            assert max(warehouse.settled_days()) == START + 6 * ONE_DAY
    assert states[:10] == [SourceState.MOVING] * 10
    assert states[10:13] == [SourceState.STANDING_STILL] * 3
    assert states[13:] == [SourceState.MOVING] * 2
    assert max(warehouse.settled_days()) == START + 11 * ONE_DAY


def test_an_account_that_rarely_has_activity_by_the_morning_waits_a_day_without_being_told() -> None:
    now = at_seven(10)
    source = Source(now - 9 * ONE_DAY, now, copy_from=day_start(now.date() - ONE_DAY), seen_running=0)
    known = Source(now - 9 * ONE_DAY, now - ONE_DAY, copy_from=day_start(now.date() - 2 * ONE_DAY), seen_running=0)
    assert judge(known, source, settle_hours=78) is SourceState.WAITING
    assert source.vouches_for(78) == now.date() - 4 * ONE_DAY


def judged(*evidence: Evidence) -> list[SourceState]:
    """How a copy stands after each run, by what the runs saw of it."""
    source, states = None, list[SourceState]()
    for each in evidence:
        before, source = source, observe(source, each)
        stood = states[-1] if states else None
        states.append(judge(before, source, settle_hours=78, stood=stood, rests=each.rests))
    return states


def at_work(number: int) -> Evidence:
    """Of an account that has activity by the morning."""
    now = at_seven(number)
    return Evidence(now, now.date(), moved_since=now - ONE_DAY)


def quiet(number: int, *, since: int, grew: bool = False, rests: bool = False) -> Evidence:
    """Of an account without activity ``since`` then; ``grew``: the last day has since it was running."""
    moved_since = at_seven(number - 1) if grew else None
    return Evidence(at_seven(number), at_seven(since - 1).date(), moved_since, rests=rests)


def weekend(saturday: int, *, rests: bool) -> tuple[Evidence, Evidence]:
    """Of an account at work until Friday."""
    return (
        quiet(saturday, since=saturday, grew=True, rests=rests),
        quiet(saturday + 1, since=saturday, rests=rests),
    )


def test_an_account_that_rests_at_weekends_is_told_of_on_the_first_of_them_alone() -> None:
    weeks = [(*map(at_work, range(day, day + 5)), *weekend(day + 5, rests=day > 1)) for day in (1, 8, 15)]
    states = judged(*chain.from_iterable(weeks))
    assert [number for number, state in enumerate(states, start=1) if state is SourceState.STANDING_STILL] == [7]


def test_what_always_had_activity_is_told_of_on_the_first_morning_with_nothing_new_and_until_there_is() -> None:
    always = list(map(at_work, range(1, 11)))
    grown = quiet(11, since=11, grew=True)
    still = [quiet(number, since=11) for number in (12, 13, 14)]
    states = judged(*always, grown, *still, at_work(15))
    assert states[9:] == [
        SourceState.MOVING,
        SourceState.WAITING,
        *[SourceState.STANDING_STILL] * 3,
        SourceState.MOVING,
    ]


def test_a_run_that_did_not_look_at_the_running_day_tells_nothing_of_it() -> None:
    known = observe(None, at_work(9))
    for number in (10, 11, 12):
        known = observe(known, at_work(number))
    of_old_days = Evidence(at_seven(12) + ONE_HOUR, START, went_back=True, looked=False)
    source = observe(known, of_old_days)
    assert source.seen_running == known.seen_running
    assert judge(known, source, settle_hours=78) is SourceState.WAITING


def test_a_first_reading_tells_of_no_standstill() -> None:
    assert judged(Evidence(at_seven(20), at_seven(14).date())) == [SourceState.WAITING]


def test_a_proof_stands_even_where_a_later_reading_shows_no_activity() -> None:
    now = at_seven(10)
    known = Source(now - ONE_DAY, now - ONE_DAY, copy_from=now - ONE_DAY, newest_active_day=now.date(), seen_running=4)
    source = observe(known, Evidence(now, now.date() - 5 * ONE_DAY))
    assert source.copy_from == known.copy_from
    assert source.newest_active_day == known.newest_active_day
    assert source.seen_running == 0


def test_an_older_copy_proves_what_it_holds_and_no_more() -> None:
    now = at_seven(10)
    known = Source(now - ONE_DAY, now - ONE_DAY, copy_from=now - ONE_DAY, newest_active_day=now.date(), seen_running=4)
    older = Evidence(now, now.date() - 2 * ONE_DAY, moved_since=now - ONE_DAY, went_back=True)
    assert observe(known, older).copy_from == day_start(now.date() - 2 * ONE_DAY)
    assert observe(known, Evidence(now, went_back=True)).copy_from is None


def test_after_an_older_copy_changes_prove_nothing_until_activity_is_seen_that_is_newer_than_the_copy_before_it() -> (
    None
):
    now = at_seven(10)
    known = Source(now - 9 * ONE_DAY, now, copy_from=day_start(now.date()), newest_active_day=now.date())
    behind = observe(known, Evidence(now + SYNC, now.date(), went_back=True))
    assert behind.behind_reading_at == now
    changed = Evidence(now + 2 * SYNC, now.date(), moved_since=now + SYNC)
    assert observe(behind, changed).copy_from == day_start(now.date())
    caught_up = observe(behind, Evidence(now + 4 * SYNC, now.date() + ONE_DAY))
    assert caught_up.behind_reading_at is None
    changed = Evidence(now + 5 * SYNC, now.date() + ONE_DAY, moved_since=now + 4 * SYNC)
    assert observe(caught_up, changed).copy_from == now + 4 * SYNC


def test_after_an_older_copy_no_day_is_held_that_is_not_due() -> None:
    now = at_seven(10)
    window = DayWindow(START, now.date())
    coverage = record_reading((), window, now, 78)
    source = Source(at_seven(0), now, copy_from=day_start(now.date() - 3 * ONE_DAY))
    after = settle(coverage, source, [source], read_since=now, settle_hours=78, went_back=True)
    held = {day for interval in after if interval.held for day in interval.window}
    assert held == set(DayWindow(now.date() - 6 * ONE_DAY, now.date() - 3 * ONE_DAY))


def test_a_change_proves_no_more_than_the_days_that_the_copy_before_it_had() -> None:
    now = at_seven(10)
    yesterday = now - ONE_DAY
    changed = Evidence(now, now.date() - 2 * ONE_DAY, moved_since=yesterday)
    has_yesterday = Source(at_seven(0), yesterday, newest_active_day=yesterday.date())
    assert observe(has_yesterday, changed).copy_from == yesterday
    days_behind = Source(at_seven(0), yesterday, newest_active_day=yesterday.date() - 3 * ONE_DAY)
    assert observe(days_behind, changed).copy_from == max(
        day_close(yesterday.date() - 3 * ONE_DAY), day_start(now.date() - 2 * ONE_DAY)
    )


@pytest.mark.parametrize("active", [True, False])
def test_what_settled_at_rest_is_taken_back_when_the_copy_moves_again(active: bool) -> None:
    now = at_seven(40)
    copy_from = day_start(START + 5 * ONE_DAY) if active else None
    rested = Source(at_seven(1), at_seven(39), copy_from=copy_from)
    assert rested.is_at_rest
    moving = observe(rested, Evidence(now, now.date()))
    expected = (copy_from + COPY_LAG - 78 * ONE_HOUR).date() if copy_from else date.min
    assert first_day_assumed(rested, moving, settle_hours=78) == expected
    assert first_day_assumed(rested, observe(rested, Evidence(now)), settle_hours=78) is None
