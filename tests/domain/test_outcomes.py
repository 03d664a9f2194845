"""What a run did, against counting entities day by day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow, subtract_windows
from layers_etl.domain.ledger import Ledger
from layers_etl.domain.outcomes import (
    Landed,
    LandedWindow,
    ListingOutcome,
    Listings,
    ScopeOutcome,
    judge_scope,
    sort_errors,
)
from layers_etl.domain.planning import KnownEntity, Plan, PlannedRead, ReadingPlan
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT, SCOPES
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import EntityError, NotFoundError, RequestContext, UnavailableError

from .strategies import properties, utc, windows

PROJECTS: Final = ("prj_1", "prj_2")
CAMPAIGNS: Final = tuple(EntityKey(CAMPAIGN, PROJECTS[n % 2], f"cmp_{n}", "meta_ads") for n in range(4))
ACCOUNT: Final = EntityKey(AD_ACCOUNT, "prj_1", "acc_1", "meta_ads")
READ_AT: Final = utc(4, 1, 6)


def error_of(key: EntityKey, window: DayWindow | None = None, *, gone: bool = False, status: int = 503) -> EntityError:
    context = RequestContext(
        "reading metrics",
        key.project_id,
        key.scope.name,
        key.entity_id,
        window.since if window else None,
        window.until if window else None,
    )
    if gone:
        return NotFoundError("Layers answered 404", context, "NOT_FOUND", 404)
    return UnavailableError(f"Layers answered {status}", context, f"HTTP_{status}", status)


@dataclass(frozen=True)
class Case:
    """A plan for campaigns, and all that came of it."""

    plan: ReadingPlan
    landed: Landed
    known: Ledger
    listings: Listings

    def judge(self, *, is_limited: bool = False, more: Landed | None = None) -> ScopeOutcome:
        landed = self.landed.followed_by(more) if more else self.landed
        ledger = {**self.known, **landed.coverage}
        return judge_scope(CAMPAIGN, self.plan, landed, ledger, self.listings, is_limited=is_limited)

    @property
    def expected(self) -> set[EntityKey]:
        """The entities that the run is held to."""
        asked = {read.key for read in self.plan.reads(CAMPAIGN)} - self.landed.missing
        return asked | {known.key for known in self.plan.scopes[CAMPAIGN].current}

    @property
    def unlisted_projects(self) -> set[str | None]:
        """Projects of whose campaigns nothing is known."""
        listing = self.listings.get(CAMPAIGN)
        named = {failure.context.project_id for failure in (listing.failures if listing else ())}
        return named - {key.project_id for key in self.known}

    def failing(self, day: date) -> set[EntityKey]:
        """The entities of which ``day`` was to be read, and was not, for an error."""
        asked = {read.key for read in self.plan.reads(CAMPAIGN) if day in read.window}
        written = {each.key for each in self.landed.windows if day in each.window}
        return (asked & self.landed.errors.keys()) - written

    def landing(self, key: EntityKey, window: DayWindow) -> Landed:
        """``window`` lands beside all else."""
        before = self.landed.coverage.get(key, self.known.get(key, ()))
        others = [Coverage(part, READ_AT) for each in before for part in subtract_windows(each.window, [window])]
        return Landed((LandedWindow(key, window, len(window)),), {key: (*others, Coverage(window, READ_AT))})


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Each campaign that is known is up to date, or read: whole, in part, or not at all, with an error or without.

    Errors are many and windows few, so that there are days on which all fails.
    """
    window = draw(windows(longest=4))
    some_window = st.just(window) | windows(longest=4)
    landed = Landed()
    reads: list[PlannedRead] = []
    current: list[KnownEntity] = []
    known: dict[EntityKey, tuple[Coverage, ...]] = {}
    known_projects = draw(st.sampled_from([PROJECTS, PROJECTS[:1], ()]))
    for key in CAMPAIGNS:
        if key.project_id not in known_projects:
            continue
        fate = draw(st.sampled_from(["current", "read", "failed", "failed", "missing"]))
        if fate == "current":
            known[key] = (Coverage(window, READ_AT),)
            current.append(KnownEntity(key, coverage=known[key]))
            continue
        known[key] = tuple(Coverage(each, READ_AT) for each in draw(st.lists(some_window, max_size=1)))
        asked = draw(some_window)
        reads.append(PlannedRead(key, asked))
        case = Case(ReadingPlan(window, None, None, {}), landed, known, {})
        if draw(st.booleans()) and (part := draw(some_window).intersection(asked)):
            landed = landed.followed_by(case.landing(key, part))
        if fate == "failed":
            landed = landed.followed_by(Landed(errors={key: error_of(key, asked)}))
        if fate == "missing":
            landed = landed.followed_by(Landed(missing=frozenset({key})))
    unlisted = [error_of(replace(CAMPAIGNS[0], project_id=each)) for each in draw(st.sets(st.sampled_from(PROJECTS)))]
    not_begun = draw(st.none() | some_window)
    plan = ReadingPlan(
        window,
        window,
        not_begun.intersection(window) if not_begun else None,
        {CAMPAIGN: Plan(tuple(reads), current=tuple(current))},
        requests=tuple(reads),
    )
    return Case(plan, landed, known, {CAMPAIGN: ListingOutcome(CAMPAIGN, tuple(unlisted))})


# Which days have landed --------------------------------------------------------------------------------------------


@properties
@given(cases(), st.booleans())
def test_no_day_has_both_failed_and_landed_and_all_are_days_of_the_run(case: Case, is_limited: bool) -> None:
    outcome = case.judge(is_limited=is_limited)
    assert not outcome.failed_days & outcome.landed_days
    assert outcome.failed_days | outcome.landed_days <= set(case.plan.window)


@properties
@given(cases())
def test_a_day_has_failed_where_it_has_not_begun_or_nothing_that_was_expected_could_be_read(case: Case) -> None:
    expected, unlisted = case.expected, case.unlisted_projects
    outcome = case.judge()
    for day in case.plan.window:
        nothing_read = bool(expected or unlisted) and case.failing(day) >= expected
        has_begun = case.plan.not_begun is None or day not in case.plan.not_begun
        assert (day in outcome.failed_days) == (nothing_read or not has_begun)
        assert (day in outcome.landed_days) == (day not in outcome.failed_days)


@properties
@given(cases())
def test_where_only_some_were_asked_for_a_day_lands_if_every_known_entity_has_it(case: Case) -> None:
    whole, limited = case.judge(), case.judge(is_limited=True)
    ledger = {**case.known, **case.landed.coverage}
    for day in case.plan.window:
        all_have_it = all(any(day in each.window for each in coverage) for coverage in ledger.values())
        assert (day in limited.landed_days) == (day in whole.landed_days and all_have_it)
    assert replace(limited, landed_days=whole.landed_days) == whole


@properties
@given(cases(), st.sampled_from(CAMPAIGNS), windows(), st.booleans())
def test_one_more_landing_never_takes_a_landed_day_back(
    case: Case, key: EntityKey, window: DayWindow, is_limited: bool
) -> None:
    if key not in case.known:
        return
    before = case.judge(is_limited=is_limited)
    after = case.judge(is_limited=is_limited, more=case.landing(key, window))
    assert after.landed_days >= before.landed_days
    assert after.failed_days <= before.failed_days
    assert after.windows_landed == before.windows_landed + 1


@properties
@given(cases(), st.booleans())
def test_in_which_batches_it_landed_makes_no_difference(case: Case, is_limited: bool) -> None:
    batches = [
        *(Landed((each,)) for each in case.landed.windows),
        *(Landed(coverage={key: coverage}) for key, coverage in case.landed.coverage.items()),
        *(Landed(errors={key: error}) for key, error in case.landed.errors.items()),
        Landed(missing=case.landed.missing),
    ]
    landed = Landed()
    for batch in batches:
        landed = landed.followed_by(batch)
    assert landed == case.landed
    assert replace(case, landed=landed).judge(is_limited=is_limited) == case.judge(is_limited=is_limited)


@properties
@given(st.lists(st.tuples(st.sampled_from(CAMPAIGNS), windows()), max_size=6))
def test_of_one_entity_the_later_ledger_and_the_later_error_count(landings: list[tuple[EntityKey, DayWindow]]) -> None:
    landed = Landed()
    for key, window in landings:
        batch = Landed(coverage={key: (Coverage(window, READ_AT),)}, errors={key: error_of(key, window)})
        landed = landed.followed_by(batch)
    assert landed.coverage == {key: (Coverage(window, READ_AT),) for key, window in landings}
    assert {key: error.context.since for key, error in landed.errors.items()} == {
        key: window.since for key, window in landings
    }


# What failed, and what is counted ----------------------------------------------------------------------------------


@properties
@given(cases())
def test_what_failed_is_what_was_planned_of_entities_with_an_error_and_did_not_land(case: Case) -> None:
    failed: dict[date, set[EntityKey]] = {}
    outcome = case.judge()
    for each in outcome.failed:
        assert each.error is case.landed.errors[each.read.key]
        for day in each.read.window:
            assert each.read.key not in failed.setdefault(day, set()), "no day is told twice"
            failed[day].add(each.read.key)
    asked = {day for read in case.plan.reads(CAMPAIGN) for day in read.window}
    assert failed == {day: keys for day in asked if (keys := case.failing(day))}


@properties
@given(cases())
def test_what_is_expected_is_what_was_asked_for_or_up_to_date_but_for_what_is_still_gone(case: Case) -> None:
    outcome = case.judge()
    assert outcome.expected == len(case.expected)
    assert outcome.windows_landed == len(case.landed.windows)
    assert outcome.rows_landed == sum(len(each.window) for each in case.landed.windows)


@properties
@given(cases(), st.lists(st.tuples(windows(), st.integers(0, 30)), max_size=3))
def test_each_scope_is_judged_by_its_own(case: Case, of_account: list[tuple[DayWindow, int]]) -> None:
    others = Landed(
        tuple(LandedWindow(ACCOUNT, window, rows) for window, rows in of_account), errors={ACCOUNT: error_of(ACCOUNT)}
    )
    beside = replace(case, landed=case.landed.followed_by(others), known={**case.known, ACCOUNT: ()})
    for is_limited in (False, True):
        assert beside.judge(is_limited=is_limited) == case.judge(is_limited=is_limited)


def test_a_dormant_campaign_that_is_read_after_all_is_expected_and_may_fail() -> None:
    window = DayWindow(date(2026, 3, 1), date(2026, 3, 4))
    rereads = tuple(PlannedRead(key, window) for key in CAMPAIGNS[:2])
    plan = ReadingPlan(window, window, None, {CAMPAIGN: Plan()}, rereads=rereads)
    landed = Landed(errors={CAMPAIGNS[0]: error_of(CAMPAIGNS[0], window)})
    outcome = judge_scope(CAMPAIGN, plan, landed, {}, {}, is_limited=False)
    assert (outcome.expected, outcome.reread_dormant, outcome.plan) == (2, 2, Plan())
    assert [failed.read for failed in outcome.failed] == [rereads[0]]


def test_a_day_that_was_asked_for_twice_and_failed_twice_is_one_entity_s_failure() -> None:
    window = DayWindow(date(2026, 3, 1), date(2026, 3, 4))
    reads = tuple(PlannedRead(key, window) for key in CAMPAIGNS[:2])
    rereads = (PlannedRead(CAMPAIGNS[0], DayWindow(window.since, window.since + ONE_DAY)),)
    plan = ReadingPlan(window, window, None, {CAMPAIGN: Plan(reads)}, rereads=rereads)
    landed = Landed(errors={CAMPAIGNS[0]: error_of(CAMPAIGNS[0], window)})
    assert judge_scope(CAMPAIGN, plan, landed, {}, {}, is_limited=False).landed_days == set(window)


def test_where_a_list_failed_its_project_counts_as_an_entity_only_while_nothing_of_it_is_known() -> None:
    window = DayWindow(date(2026, 3, 1), date(2026, 3, 4))
    plan = ReadingPlan(window, window, None, {CAMPAIGN: Plan()})
    listings = {CAMPAIGN: ListingOutcome(CAMPAIGN, (error_of(CAMPAIGNS[0]),))}
    unknown, known = (
        judge_scope(CAMPAIGN, plan, Landed(), ledger, listings, is_limited=False) for ledger in ({}, {CAMPAIGNS[0]: ()})
    )
    assert (unknown.failed_days, known.failed_days) == (set(window), set())


def test_lists_that_failed_are_told_of_the_accounts_with_every_scope_and_of_each_with_its_own() -> None:
    window = DayWindow(date(2026, 3, 1), date(2026, 3, 2))
    plan = ReadingPlan(window, window, None, {scope: Plan() for scope in SCOPES.values()})
    of_accounts, of_campaigns = error_of(ACCOUNT), error_of(CAMPAIGNS[0])
    listings = {
        CAMPAIGN: ListingOutcome(CAMPAIGN, (of_campaigns,)),
        AD_ACCOUNT: ListingOutcome(AD_ACCOUNT, (of_accounts,)),
    }
    told = {
        scope: judge_scope(scope, plan, Landed(), {}, listings, is_limited=False).unlisted
        for scope in (PROJECT, AD_ACCOUNT, CAMPAIGN)
    }
    assert told == {PROJECT: (of_accounts,), AD_ACCOUNT: (of_accounts,), CAMPAIGN: (of_accounts, of_campaigns)}


# What an error means -----------------------------------------------------------------------------------------------

ASKED: Final = DayWindow(date(2026, 3, 20), date(2026, 4, 1))
AUDITED: Final = DayWindow(date(2026, 2, 1), date(2026, 2, 8))
KEY: Final = CAMPAIGNS[0]


@pytest.mark.parametrize(
    ("error", "project_archived", "gone", "named", "expected"),
    [
        (error_of(KEY, ASKED), False, False, False, "failed"),
        (error_of(KEY, ASKED), False, True, False, "failed"),
        (error_of(KEY, ASKED, gone=True), False, False, False, "failed, gone"),
        (error_of(KEY, ASKED, gone=True), False, False, True, "failed, gone"),
        (error_of(KEY, ASKED, gone=True), False, True, False, "missing"),
        (error_of(KEY, ASKED, gone=True), False, True, True, "failed"),
        (error_of(KEY, ASKED, status=403), False, False, False, "failed"),
        (error_of(KEY, ASKED, status=403), True, False, False, "failed, gone"),
        (error_of(KEY, ASKED, status=403), True, True, False, "missing"),
        (error_of(KEY, AUDITED), False, False, False, "audit"),
        (error_of(KEY, AUDITED, gone=True), False, False, False, "audit"),
        (error_of(KEY), False, False, False, "failed"),
    ],
)
def test_an_error_is_a_failure_unless_it_is_nothing_new_or_of_a_day_that_has_settled(
    error: EntityError, project_archived: bool, gone: bool, named: bool, expected: str
) -> None:
    read, audit = PlannedRead(KEY, ASKED), PlannedRead(KEY, AUDITED)
    plan = ReadingPlan(ASKED, ASKED, None, {CAMPAIGN: Plan((read,))}, audits=(audit,), requests=(read,))
    found = sort_errors(
        [error],
        plan,
        {KEY: KnownEntity(KEY, project_archived=project_archived)},
        is_gone=lambda _: gone,
        is_named=lambda _: named,
    )
    told: dict[str, Collection[object]] = {
        "failed": found.failed,
        "gone": found.gone,
        "missing": found.missing,
        "audit": found.of_audits,
    }
    assert ", ".join(name for name, those in told.items() if those) == expected


@properties
@given(st.lists(st.tuples(st.sampled_from(CAMPAIGNS), st.booleans())), st.sets(st.sampled_from(CAMPAIGNS)))
def test_every_error_fails_the_run_but_those_of_what_was_known_to_be_gone(
    answers: list[tuple[EntityKey, bool]], known_gone: set[EntityKey]
) -> None:
    reads = tuple(PlannedRead(key, ASKED) for key in CAMPAIGNS)
    plan = ReadingPlan(ASKED, ASKED, None, {CAMPAIGN: Plan(reads)}, requests=reads)
    found = sort_errors(
        [error_of(key, ASKED, gone=gone) for key, gone in answers],
        plan,
        {key: KnownEntity(key) for key in CAMPAIGNS},
        is_gone=known_gone.__contains__,
        is_named=lambda _: False,
    )
    nothing_new = [(key, gone) for key, gone in answers if gone and key in known_gone]
    told = [answer for answer in answers if answer not in nothing_new]
    assert [(key, isinstance(error, NotFoundError)) for key, error in found.failed] == told
    assert list(found.gone) == [key for key, gone in told if gone]
    assert found.missing == {key for key, _ in nothing_new}
