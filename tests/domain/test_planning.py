"""The plan, against asking of every single day whether it is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow, day_close
from layers_etl.domain.planning import (
    ENDED_STATUSES,
    QUIET_DAYS,
    KnownEntity,
    Plan,
    days_left_to_settle,
    plan_reads,
    plan_rereads,
    split_at_now,
)
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, ADSET, CAMPAIGN, PROJECT
from layers_etl.domain.settlement import Coverage, SettlingTimes

from .strategies import (
    Readings,
    assert_fewest,
    days,
    days_of,
    instants,
    is_settled,
    last_readings,
    ledger_of,
    properties,
    readings,
    settle_hours,
    utc,
    windows,
)

KEY = EntityKey(CAMPAIGN, "prj_1", "cmp_1", "meta_ads")
TODAY = utc(4, 1, 6)
WANTED = DayWindow(date(2026, 1, 1), date(2026, 4, 1))


def asked(plan: Plan) -> list[DayWindow]:
    """The windows a plan of one entity asks for."""
    return [read.window for read in plan.reads]


def plan_for(
    entity: KnownEntity,
    wanted: DayWindow = WANTED,
    hours: int = 72,
    *,
    instant: datetime = TODAY,
    fresh_since: datetime | None = None,
    only_unsettled: bool = True,
    dormancy: bool = True,
) -> Plan:
    return plan_reads(
        [entity],
        wanted,
        SettlingTimes(hours),
        instant=instant,
        fresh_since=fresh_since,
        only_unsettled=only_unsettled,
        dormancy=dormancy,
    )


# What is open ---------------------------------------------------------------------------------------------------


@properties
@given(readings(), windows(longest=30), settle_hours())
def test_a_run_asks_for_everything_open_nothing_settled_in_the_fewest_requests(
    read: Readings, wanted: DayWindow, hours: int
) -> None:
    truth = last_readings(read)
    plan = plan_for(KnownEntity(KEY, coverage=ledger_of(read, hours)), wanted, hours)
    assert days_of(asked(plan)) == [day for day in wanted if day not in truth or not is_settled(day, truth[day], hours)]
    assert_fewest(asked(plan))


@properties
@given(readings(), windows(longest=30), settle_hours(), settle_hours())
def test_changing_the_settling_time_reopens_exactly_the_days_not_read_late_enough_for_the_new_one(
    read: Readings, wanted: DayWindow, before: int, after: int
) -> None:
    truth = last_readings(read)
    plan = plan_for(KnownEntity(KEY, coverage=ledger_of(read, before)), wanted, after)
    assert days_of(asked(plan)) == [day for day in wanted if day not in truth or not is_settled(day, truth[day], after)]


@properties
@given(readings(), windows(longest=30), settle_hours())
def test_a_backfill_asks_for_all_it_names_settled_or_not(read: Readings, wanted: DayWindow, hours: int) -> None:
    entity = KnownEntity(KEY, status="archived", gone=True, coverage=ledger_of(read, hours))
    assert asked(plan_for(entity, wanted, hours, only_unsettled=False)) == [wanted]


@properties
@given(readings(), windows(longest=30), settle_hours(), settle_hours(), instants(), st.timedeltas(timedelta(0)))
def test_a_retry_asks_only_for_what_a_reading_now_would_make_more_of(
    read: Readings, wanted: DayWindow, before: int, after: int, fresh_since: datetime, later: timedelta
) -> None:
    instant = fresh_since + min(later, timedelta(days=9))
    coverage = ledger_of(read, before)
    known = {day: interval.read_no_earlier_than(day) for interval in coverage for day in interval.window}

    def is_open(day: date) -> bool:
        read_at = known.get(day)
        if read_at is None:
            return True
        if is_settled(day, read_at, after):
            return False
        closed_since = read_at.date() <= day < instant.date()
        return read_at < fresh_since or closed_since or is_settled(day, instant, after)

    plan = plan_for(KnownEntity(KEY, coverage=coverage), wanted, after, instant=instant, fresh_since=fresh_since)
    assert days_of(asked(plan)) == [day for day in wanted if is_open(day)]


@properties
@given(readings(), windows(longest=30), settle_hours())
def test_a_run_of_the_same_instant_asks_for_nothing_again(read: Readings, wanted: DayWindow, hours: int) -> None:
    coverage = (*ledger_of(read, hours),)
    first = plan_for(KnownEntity(KEY, coverage=coverage), wanted, hours, instant=TODAY, fresh_since=TODAY)
    after = ledger_of([*read, *((window, TODAY) for window in asked(first))], hours)
    again = plan_for(KnownEntity(KEY, coverage=after), wanted, hours, instant=TODAY, fresh_since=TODAY)
    assert again.reads == ()
    assert [known.key for known in again.current] == [KEY]


@properties
@given(readings(), windows(longest=30), settle_hours())
def test_a_continued_backfill_does_not_ask_again_for_what_the_interrupted_one_landed(
    read: Readings, wanted: DayWindow, hours: int
) -> None:
    landed = tuple(Coverage(window, TODAY) for window, _ in read)
    entity = KnownEntity(KEY, coverage=ledger_of(read, hours), already_read=landed)
    plan = plan_for(entity, wanted, hours, only_unsettled=False)
    assert days_of(asked(plan)) == sorted(set(wanted) - set(last_readings(read)))


def test_a_daily_run_at_six_reads_the_four_days_before_it() -> None:
    mornings: Readings = [
        (DayWindow(date(2026, 1, 1), date(2026, 3, 31)), utc(3, 31, 6)),
    ]
    plan = plan_for(KnownEntity(KEY, coverage=ledger_of(mornings, 72)))
    assert asked(plan) == [DayWindow(date(2026, 3, 28), date(2026, 4, 1))]
    mornings.append((asked(plan)[0], TODAY))
    tomorrow = plan_for(
        KnownEntity(KEY, coverage=ledger_of(mornings, 72)),
        DayWindow(WANTED.since, date(2026, 4, 2)),
        instant=utc(4, 2, 6),
        fresh_since=utc(4, 2, 6),
    )
    assert asked(tomorrow) == [DayWindow(date(2026, 3, 29), date(2026, 4, 2))]


def test_a_day_settled_under_a_shorter_time_is_read_again_by_a_retry_that_can_settle_it_under_a_longer_one() -> None:
    day = DayWindow(date(2026, 3, 1), date(2026, 3, 2))
    entity = KnownEntity(KEY, coverage=ledger_of([(day, utc(3, 5, 6))], 72))
    early, late = (
        plan_for(entity, day, 96, instant=instant, fresh_since=utc(3, 5)) for instant in (utc(3, 5, 8), utc(3, 6))
    )
    assert asked(early) == []
    assert asked(late) == [day]


def test_a_run_after_a_week_down_reads_the_week_and_what_was_open_before_it() -> None:
    coverage = ledger_of([(DayWindow(date(2026, 1, 1), date(2026, 3, 25)), utc(3, 25, 6))], 72)
    plan = plan_for(KnownEntity(KEY, coverage=coverage))
    assert asked(plan) == [DayWindow(date(2026, 3, 22), date(2026, 4, 1))]


def test_a_gap_left_by_a_failure_is_asked_for_beside_what_is_open() -> None:
    read: Readings = [
        (DayWindow(date(2026, 1, 1), date(2026, 2, 1)), TODAY),
        (DayWindow(date(2026, 2, 3), date(2026, 4, 1)), utc(3, 31, 6)),
    ]
    assert asked(plan_for(KnownEntity(KEY, coverage=ledger_of(read, 72)))) == [
        DayWindow(date(2026, 2, 1), date(2026, 2, 3)),
        DayWindow(date(2026, 3, 28), date(2026, 4, 1)),
    ]


def test_every_platform_has_its_own_settling_time() -> None:
    coverage = ledger_of([(WANTED, TODAY)], 72)
    others = {platform: replace(KEY, platform=platform) for platform in ("meta_ads", "apple_ads", None)}
    plan = plan_reads(
        [KnownEntity(key, coverage=coverage) for key in others.values()],
        WANTED,
        SettlingTimes(72, {"apple_ads": 24}),
        instant=utc(4, 2, 6),
        fresh_since=utc(4, 2, 6),
        only_unsettled=True,
    )
    assert {read.key.platform: read.window.since for read in plan.reads} == {
        "meta_ads": date(2026, 3, 29),
        "apple_ads": date(2026, 3, 31),
        None: date(2026, 3, 29),
    }


# What is left alone -----------------------------------------------------------------------------------------------


def test_an_entity_that_answered_not_found_and_is_listed_no_longer_is_left_alone_by_a_run() -> None:
    entity = KnownEntity(KEY, gone=True, listed=False)
    plan = plan_for(entity)
    assert plan.reads == ()
    assert plan.gone == (entity,)


def test_an_entity_that_answered_not_found_and_is_listed_is_asked_for_like_any_other() -> None:
    assert asked(plan_for(KnownEntity(KEY, gone=True))) == [WANTED]


@properties
@given(readings(), windows(longest=30), settle_hours())
def test_of_an_archived_project_a_run_asks_for_what_is_open_between_the_first_day_read_and_the_last(
    read: Readings, wanted: DayWindow, hours: int
) -> None:
    truth = last_readings(read)
    plan = plan_for(KnownEntity(KEY, project_archived=True, coverage=ledger_of(read, hours)), wanted, hours)
    assert days_of(asked(plan)) == [
        day
        for day in wanted
        if truth and min(truth) <= day <= max(truth)
        if day not in truth or not is_settled(day, truth[day], hours)
    ]
    assert (plan.dormant, plan.current) == ((), ())


def dormant_campaign(settled_days: int, active_day: int | None = 0, hours: int = 72) -> KnownEntity:
    """An archived campaign, active ``active_day`` days into the warehouse, with this many days read and settled."""
    window = DayWindow(WANTED.since, WANTED.since + settled_days * ONE_DAY)
    return KnownEntity(
        KEY,
        parent_id="acc_1",
        status="archived",
        last_active_day=None if active_day is None else WANTED.since + active_day * ONE_DAY,
        coverage=ledger_of([(window, utc(12, 1))], hours),
    )


def test_an_ended_campaign_quiet_for_its_settling_time_and_28_days_is_dormant() -> None:
    quiet = 3 + QUIET_DAYS
    assert days_left_to_settle(dormant_campaign(quiet + 1), 72, since=WANTED.since)
    assert not days_left_to_settle(dormant_campaign(quiet), 72, since=WANTED.since)


@properties
@given(st.integers(1, 90), st.none() | st.integers(0, 89), settle_hours())
def test_quiet_is_counted_from_the_last_active_day_or_the_first_day_read(
    settled_days: int, active_day: int | None, hours: int
) -> None:
    if active_day is not None and active_day >= settled_days:
        return
    entity = dormant_campaign(settled_days, active_day, hours)
    quiet_days = settled_days if active_day is None else settled_days - 1 - active_day
    assert bool(days_left_to_settle(entity, hours, since=WANTED.since)) == (
        timedelta(days=quiet_days) >= timedelta(hours=hours, days=QUIET_DAYS)
    )


def test_a_dormant_campaign_costs_a_run_nothing_and_is_asked_for_by_a_backfill() -> None:
    entity = dormant_campaign(60)
    assert plan_for(entity).dormant == (entity,)
    assert plan_for(entity).reads == ()
    assert asked(plan_for(entity, only_unsettled=False)) == [WANTED]


def test_no_campaign_is_dormant_where_no_account_vouches_for_it() -> None:
    plan = plan_for(dormant_campaign(60), dormancy=False)
    assert plan.dormant == ()
    assert asked(plan) == [DayWindow(WANTED.since + 60 * ONE_DAY, WANTED.until)]


AWAKE: dict[str, Callable[[KnownEntity], KnownEntity]] = {
    "it is active": lambda known: replace(known, status="active"),
    "it is paused": lambda known: replace(known, status="paused"),
    "its status is unknown": lambda known: replace(known, status=None),
    "its status is new": lambda known: replace(known, status="limited_learning"),
    "it was never read": lambda known: replace(known, coverage=()),
    "it was active not long ago": lambda known: replace(known, last_active_day=WANTED.since + 40 * ONE_DAY),
    "days before the first one read are wanted": lambda known: replace(
        known, coverage=(Coverage(DayWindow(date(2026, 1, 2), date(2026, 3, 2)), utc(12, 1)),)
    ),
    "it is an account": lambda known: replace(known, key=replace(KEY, scope=AD_ACCOUNT)),
    "it is an ad set": lambda known: replace(known, key=replace(KEY, scope=ADSET)),
    "it is a project": lambda known: replace(known, key=replace(KEY, scope=PROJECT)),
}


@pytest.mark.parametrize("why", AWAKE)
def test_a_campaign_that_may_have_changed_is_not_dormant_because(why: str) -> None:
    assert days_left_to_settle(dormant_campaign(60), 72, since=WANTED.since)
    assert not days_left_to_settle(AWAKE[why](dormant_campaign(60)), 72, since=WANTED.since)


@pytest.mark.parametrize("status", sorted(ENDED_STATUSES))
def test_a_campaign_is_dormant_under_every_ended_status(status: str) -> None:
    assert days_left_to_settle(replace(dormant_campaign(60), status=status), 72, since=WANTED.since)


def test_of_a_quiet_campaign_a_run_asks_for_what_was_read_until_it_has_settled_and_for_no_new_day() -> None:
    quiet = dormant_campaign(60)
    last = DayWindow(WANTED.since + 60 * ONE_DAY, WANTED.since + 61 * ONE_DAY)
    provisional = Coverage(last, day_close(last.since))
    plan = plan_for(replace(quiet, coverage=(*quiet.coverage, provisional)))
    assert asked(plan) == [last]
    assert len(plan.dormant) == 1
    settled = Coverage(last, utc(12, 1))
    plan = plan_for(replace(quiet, coverage=(*quiet.coverage, settled)))
    assert asked(plan) == []
    assert len(plan.dormant) == 1


def test_a_gap_before_the_last_day_read_of_a_quiet_campaign_is_closed() -> None:
    quiet = dormant_campaign(60)
    later = DayWindow(WANTED.since + 64 * ONE_DAY, WANTED.since + 65 * ONE_DAY)
    plan = plan_for(replace(quiet, coverage=(*quiet.coverage, Coverage(later, utc(12, 1)))))
    assert asked(plan) == [DayWindow(WANTED.since + 60 * ONE_DAY, later.since)]


@properties
@given(readings(), windows(longest=30), st.sets(days()), st.sets(days()), settle_hours())
def test_of_a_dormant_campaign_exactly_the_open_days_on_which_its_own_account_disagrees_are_read_after_all(
    read: Readings, wanted: DayWindow, in_doubt: set[date], of_another: set[date], hours: int
) -> None:
    truth = last_readings(read)
    rereads = plan_rereads(
        [KnownEntity(KEY, parent_id="acc_1", coverage=ledger_of(read, hours))],
        {("prj_1", "acc_1"): in_doubt, ("prj_1", "acc_2"): of_another, ("prj_2", "acc_1"): of_another},
        wanted,
        SettlingTimes(hours),
        instant=utc(12, 1),
        fresh_since=utc(12, 1),
    )
    assert days_of(asked(Plan(rereads))) == [
        day for day in wanted if day in in_doubt if day not in truth or not is_settled(day, truth[day], hours)
    ]
    assert_fewest(asked(Plan(rereads)))


# When it is -------------------------------------------------------------------------------------------------------


@properties
@given(windows(longest=30), instants())
def test_a_day_can_be_asked_for_from_the_midnight_it_begins_with(window: DayWindow, instant: datetime) -> None:
    begun, not_begun = (days_of([part] if part else []) for part in split_at_now(window, instant))
    assert [*begun, *not_begun] == list(window)
    assert all(day <= instant.date() for day in begun) and all(day > instant.date() for day in not_begun)
