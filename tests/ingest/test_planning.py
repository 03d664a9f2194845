"""The plan of a whole run: a value, of what is known, requested and asked, before anything is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.planning import KnownEntity, PlannedRead, ReadingPlan
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.ingest.planning import Knowledge, plan_reading
from layers_etl.ingest.request import RunKind, RunRequest

from ..domain.strategies import Readings, instants, ledger_of, properties, readings, settle_hours, utc, windows
from ..harness.fresh import sandbox_settings

SCOPES: Final = (CAMPAIGN, AD_ACCOUNT)
START: Final = date(2026, 2, 20)
NOW: Final = utc(4, 1, 6)
CAMPAIGNS: Final = {
    EntityKey(CAMPAIGN, project, f"cmp_{n}", "meta_ads"): account
    for n, (project, account) in enumerate([("prj_2", "acc_3"), ("prj_1", "acc_2"), ("prj_1", "acc_1")] * 2)
}
ACCOUNTS: Final = {
    EntityKey(AD_ACCOUNT, project, account, "meta_ads"): account
    for project, account in dict.fromkeys((key.project_id, account) for key, account in CAMPAIGNS.items())
}


def known(ledgers: dict[EntityKey, Readings], hours: int) -> Knowledge:
    """The campaigns and accounts, with what was read of them."""
    entities = {
        key: KnownEntity(key, parent_id=account, coverage=ledger_of(ledgers.get(key, []), hours))
        for key, account in (CAMPAIGNS | ACCOUNTS).items()
    }
    return Knowledge(entities, {}, {})


def plan_for(facts: Knowledge, window: DayWindow, hours: int = 78, *, seed: int = 1, **others: Any) -> ReadingPlan:
    kind, instant = others.pop("kind", RunKind.RUN), others.pop("instant", NOW)
    settings = sandbox_settings(
        "http://localhost",
        Path(),
        start_date=START,
        settle_hours=SettlingTimes(hours),
        audit_percent=others.pop("percent", 50),
    )
    return plan_reading(
        facts,
        SCOPES,
        window,
        request=RunRequest(kind, window=window, **others),
        settings=settings,
        instant=instant,
        fresh_since=instant,
        draw=Random(seed),
    )


def everything_known() -> st.SearchStrategy[dict[EntityKey, Readings]]:
    return st.dictionaries(st.sampled_from(list(CAMPAIGNS | ACCOUNTS)), readings(most=4))


def source_of(read: PlannedRead) -> tuple[str, str]:
    return read.key.project_id, (CAMPAIGNS | ACCOUNTS)[read.key]


def days_asked(plan: ReadingPlan) -> Counter[tuple[EntityKey, date]]:
    return Counter((read.key, day) for read in (*plan.requests, *plan.audits) for day in read.window)


@properties
@given(everything_known(), windows(), settle_hours(), instants(), st.sampled_from(RunKind))
def test_an_account_is_asked_for_next_to_its_campaigns_and_no_day_of_an_entity_twice(
    ledgers: dict[EntityKey, Readings], window: DayWindow, hours: int, instant: datetime, kind: RunKind
) -> None:
    plan = plan_for(known(ledgers, hours), window, hours, instant=instant, kind=kind)
    sources = [source for source, _ in groupby(plan.requests, key=source_of)]
    assert len(sources) == len(set(sources))
    assert max(days_asked(plan).values(), default=1) == 1
    planned = [read for scope in SCOPES for read in plan.reads(scope)]
    assert all(read.window.until <= instant.date() + ONE_DAY for read in planned)


@properties
@given(
    everything_known(),
    windows(),
    settle_hours(),
    st.dictionaries(st.sampled_from(list(CAMPAIGNS | ACCOUNTS)), st.integers(0, 5)),
)
def test_what_spends_most_is_asked_for_first_account_by_account(
    ledgers: dict[EntityKey, Readings], window: DayWindow, hours: int, spends: dict[EntityKey, int]
) -> None:
    facts = known(ledgers, hours)
    entities = {key: replace(entity, recent_spend=spends.get(key, 0)) for key, entity in facts.entities.items()}
    plan = plan_for(replace(facts, entities=entities), window, hours)
    spent: Counter[tuple[str, str]] = Counter()
    for entity in entities.values():
        spent[entity.source] += int(entity.recent_spend)
    accounts = [spent[source] for source, _ in groupby(plan.requests, key=source_of)]
    assert accounts == sorted(accounts, reverse=True)
    for _, reads in groupby(plan.requests, key=source_of):
        needs = [(read.window.until, entities[read.key].recent_spend) for read in reads]
        assert needs == sorted(needs, reverse=True)


@properties
@given(everything_known(), windows(), settle_hours())
def test_what_is_sent_is_what_the_scopes_plan_and_after_it_the_audits(
    ledgers: dict[EntityKey, Readings], window: DayWindow, hours: int
) -> None:
    plan = plan_for(known(ledgers, hours), window, hours)
    planned = [(read.key, read.window) for scope in SCOPES for read in plan.reads(scope)]
    audited = [(audit.key, audit.window) for audit in plan.audits]
    assert Counter((read.key, read.window) for read in plan.requests) == Counter(planned)
    for read in (*plan.requests, *plan.audits):
        assert plan.asked_window(read.key, read.window.until - ONE_DAY) == read.window
        assert plan.is_audit(read.key, read.window.since) == ((read.key, read.window) in audited)
        assert plan.key_of(read.key.scope.name, read.key.project_id, read.key.entity_id) == read.key


@properties
@given(everything_known(), windows(), st.integers())
def test_a_run_that_is_taken_up_again_audits_the_same_days(
    ledgers: dict[EntityKey, Readings], window: DayWindow, seed: int
) -> None:
    first, again = (plan_for(known(ledgers, 78), window, seed=seed) for _ in range(2))
    assert first == again


SETTLED: Final[dict[EntityKey, Readings]] = {
    key: [(DayWindow(START, date(2026, 3, 28)), NOW)] for key in CAMPAIGNS | ACCOUNTS
}
THE_LAST_DAYS: Final = DayWindow(date(2026, 3, 27), date(2026, 4, 3))


def test_only_a_run_over_all_entities_audits() -> None:
    facts = known(SETTLED, 78)
    assert plan_for(facts, THE_LAST_DAYS).audits
    assert not plan_for(facts, THE_LAST_DAYS, percent=0).audits
    assert not plan_for(facts, THE_LAST_DAYS, kind=RunKind.BACKFILL).audits
    assert not plan_for(facts, THE_LAST_DAYS, campaign_ids=frozenset({"cmp_1"})).audits


def test_days_that_have_not_begun_are_told_and_a_run_looks_back_to_the_first_day_there_is() -> None:
    facts = known(SETTLED, 78)
    run, backfill = (plan_for(facts, THE_LAST_DAYS, kind=kind) for kind in (RunKind.RUN, RunKind.BACKFILL))
    assert run.wanted == DayWindow(START, date(2026, 4, 2))
    assert backfill.wanted == DayWindow(THE_LAST_DAYS.since, date(2026, 4, 2))
    assert run.not_begun == backfill.not_begun == DayWindow(date(2026, 4, 2), THE_LAST_DAYS.until)
    to_come = plan_for(facts, DayWindow(date(2026, 4, 2), date(2026, 4, 3)))
    assert (to_come.wanted, to_come.requests) == (None, ())


def test_a_limited_request_asks_for_what_it_names_and_for_all_of_an_account_that_it_names() -> None:
    facts = known({}, 78)
    of_campaign = plan_for(facts, THE_LAST_DAYS, campaign_ids=frozenset({"cmp_1"}))
    assert [read.key.entity_id for read in of_campaign.requests] == ["cmp_1"]
    of_account = plan_for(facts, THE_LAST_DAYS, ad_account_ids=frozenset({"acc_3"}))
    assert sorted(read.key.entity_id for read in of_account.requests) == ["acc_3", "cmp_0", "cmp_3"]
