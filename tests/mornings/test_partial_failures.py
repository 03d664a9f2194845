"""One entity's failure is its own: the others land, it is visible, and the next run asks for what is missing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.errors import UntrustedAnswerError
from layers_etl.sandbox.entities import Scope as ApiScope
from layers_etl.sandbox.faults import Fault
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, START, last_days, morning
from ..harness.pipeline import Pipeline, refusing
from ..harness.truth import MEASURES, Row

WHOLE = DayWindow(START, FIRST_MORNING.date())


def test_a_campaign_that_cannot_be_read_costs_its_own_days_alone(pipeline: Pipeline) -> None:
    failing, *others = pipeline.campaigns()
    pipeline.sandbox.add_fault(refusing(failing))
    ran = pipeline.run()
    assert ran.status is RunStatus.INCOMPLETE
    read = {entity_id for (entity_id,) in pipeline.rows("SELECT DISTINCT entity_id FROM ops.readings")}
    assert read == {*others, *pipeline.accounts()}
    assert failing not in {entity_id for entity_id, _ in pipeline.table(CAMPAIGN)}
    outcome = ran.outcomes["campaign"]
    assert [failed.read.key.entity_id for failed in outcome.failed] == [failing]
    assert outcome.landed_days == set(WHOLE), "a day has landed when what can be read has"


@pytest.mark.slow
def test_a_failure_is_on_record_with_what_support_asks_for(pipeline: Pipeline) -> None:
    failing = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(refusing(failing))
    ran = pipeline.run()
    request_ids = [record.request_id for record in pipeline.sandbox.requests() if record.status == 409]
    found = pipeline.rows(
        "SELECT run_id, scope, project_id, entity_id, since, until, code, status, request_id FROM ops.failures"
    )
    place = ("campaign", pipeline.project_id, failing, WHOLE.since, WHOLE.until)
    assert found == [(ran.run_id, *place, "CONFLICT", 409, request_ids[-1])]
    (sentence,) = pipeline.rows("SELECT message FROM ops.failures")[0]
    assert failing in sentence and "\n" not in sentence
    runs = pipeline.rows("SELECT status, windows_read, entities_failed FROM ops.runs")
    assert runs == [("incomplete", len(pipeline.entities()) - 1, 1)]


def test_the_next_run_asks_for_just_what_is_missing_and_what_is_open(pipeline: Pipeline) -> None:
    failing, *others = pipeline.campaigns()
    pipeline.sandbox.add_fault(refusing(failing))
    pipeline.run()
    pipeline.sandbox.clear_faults()
    ran = pipeline.run(morning(1))
    assert ran.status is RunStatus.SUCCEEDED
    assert ran.windows["campaign", failing] == [DayWindow(START, morning(1).date())]
    assert all(ran.windows["campaign", other] == [last_days(morning(1), 4)] for other in others)


@pytest.mark.slow
def test_a_retry_of_the_same_run_asks_for_just_what_failed(pipeline: Pipeline) -> None:
    failing = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(refusing(failing))
    pipeline.run(as_of=FIRST_MORNING)
    pipeline.sandbox.clear_faults()
    again = pipeline.run(as_of=FIRST_MORNING)
    assert again.windows == {("campaign", failing): [WHOLE]}
    assert again.status is RunStatus.SUCCEEDED


def test_a_failed_reading_leaves_the_rows_as_they_were(pipeline: Pipeline) -> None:
    pipeline.run()
    failing = pipeline.campaigns()[0]
    before = {key: numbers for key, numbers in pipeline.table(CAMPAIGN).items() if key[0] == failing}
    coverage = "SELECT * FROM ops.coverage WHERE entity_id = ?"
    covered = pipeline.rows(coverage, [failing])
    pipeline.sandbox.add_fault(refusing(failing))
    pipeline.run(morning(1))
    assert {key: numbers for key, numbers in pipeline.table(CAMPAIGN).items() if key[0] == failing} == before
    assert pipeline.rows(coverage, [failing]) == covered


def test_where_nothing_could_be_read_the_days_have_failed_and_the_run_says_so(pipeline: Pipeline) -> None:
    for campaign in pipeline.campaigns():
        pipeline.sandbox.add_fault(refusing(campaign))
    ran = pipeline.run()
    assert ran.status is RunStatus.FAILED
    assert ran.outcomes["campaign"].failed_days == set(WHOLE)
    assert ran.outcomes["ad_account"].landed_days == set(WHOLE)
    (message,) = pipeline.rows("SELECT message FROM ops.runs")[0]
    assert "Nothing of campaigns could be read for 2026-03-20 to 2026-03-31" in message


MALFORMED = ("buckets_outside", "text_numbers", "negative_numbers", "html", "truncated")


def test_answers_that_cannot_be_believed_are_put_aside_and_touch_no_row(pipeline: Pipeline) -> None:
    pipeline.run()
    before = pipeline.table(CAMPAIGN), pipeline.table(AD_ACCOUNT)
    days = DayWindow(START, START + timedelta(days=5))
    _, *others = sorted({entity_id for entity_id, day in before[0] if day in days})
    victims = dict(zip(MALFORMED, others, strict=True))
    for effect, victim in victims.items():
        pipeline.sandbox.add_fault(Fault(effect=effect, path="ads-metrics", entity=victim))
    ran = pipeline.backfill(days, morning(0) + timedelta(hours=2))
    assert ran.status is RunStatus.INCOMPLETE
    failed = ran.outcomes["campaign"].failed
    assert {each.read.key.entity_id for each in failed} == set(victims.values())
    assert all(isinstance(each.error, UntrustedAnswerError) for each in failed)
    assert (pipeline.table(CAMPAIGN), pipeline.table(AD_ACCOUNT)) == before
    aside = pipeline.rows("SELECT entity_id, run_id, since, until, length(body) > 0 FROM ops.untrusted_answers")
    assert sorted(aside) == sorted((victim, ran.run_id, START, days.until, True) for victim in victims.values())


def history_of(pipeline: Pipeline, campaign: str, day: date) -> list[Row]:
    """What was superseded of one campaign's day, and when."""
    return pipeline.rows(
        f"SELECT {MEASURES}, superseded_at"
        " FROM ads.campaign_metrics_history WHERE campaign_id = ? AND day = ? ORDER BY observed_at",
        [campaign, day],
    )


def doubts(pipeline: Pipeline) -> list[Row]:
    return pipeline.rows("SELECT scope, entity_id, day, kind FROM ops.doubtful_days ORDER BY ALL")


@pytest.mark.slow
def test_a_bucket_that_vanished_upstream_goes_into_history_once_its_account_adds_up_without_it(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    victim, day = pipeline.campaigns()[0], FIRST_MORNING.date() - timedelta(days=1)
    before = pipeline.table(CAMPAIGN)[victim, day]
    pipeline.sandbox.world.restate_day(victim, day, spend_cents=0, impressions=0, clicks=0, conversions=0)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, victim, day, copies=0)
    pipeline.run(morning(1))
    assert (victim, day) not in pipeline.table(CAMPAIGN)
    assert history_of(pipeline, victim, day) == [(*before, morning(1))]
    assert doubts(pipeline) == []


@pytest.mark.slow
def test_a_bucket_that_vanished_while_its_account_still_counts_it_stays_marked_and_is_asked_for_again(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    victim, day = pipeline.campaigns()[0], FIRST_MORNING.date() - timedelta(days=1)
    before = pipeline.table(CAMPAIGN)[victim, day]
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, victim, day, copies=0)
    for number in range(1, 6):
        pipeline.run(morning(number))
        assert pipeline.table(CAMPAIGN)[victim, day] == before
        assert doubts(pipeline) == [("campaign", victim, day, "vanished")]
    settled = "SELECT settled FROM ads.campaign_metrics WHERE campaign_id = ? AND day = ?"
    assert pipeline.rows(settled, [victim, day]) == [(False,)]

    pipeline.backfill(DayWindow(day, day + timedelta(days=1)))
    assert (victim, day) not in pipeline.table(CAMPAIGN), "a backfill accepts it"
    assert history_of(pipeline, victim, day) == [(*before, morning(5))]
    assert doubts(pipeline) == []


@pytest.mark.slow
def test_a_bucket_sent_twice_alike_is_one_row(pipeline: Pipeline) -> None:
    victim, day = pipeline.campaigns()[0], FIRST_MORNING.date() - timedelta(days=1)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, victim, day, copies=2)
    assert pipeline.run().status is RunStatus.SUCCEEDED
    assert pipeline.rows(
        "SELECT count(*) FROM ads.campaign_metrics WHERE campaign_id = ? AND day = ?", [victim, day]
    ) == [(1,)]


@pytest.mark.slow
def test_a_list_that_fails_costs_its_project_the_changes_and_nothing_that_was_known(pipeline: Pipeline) -> None:
    pipeline.run()
    known = pipeline.campaigns()
    pipeline.sandbox.add_fault(
        Fault(effect="status", parameters={"status": 409, "code": "CONFLICT"}, path=r"/ads/campaigns$")
    )
    ran = pipeline.run(morning(1))
    assert ran.status is RunStatus.INCOMPLETE
    assert {entity_id for scope, entity_id in ran.windows if scope == "campaign"} == set(known)
    assert pipeline.rows("SELECT bool_and(listed) FROM ads.campaigns") == [(True,)]
    assert pipeline.rows("SELECT scope, entity_id, code FROM ops.failures") == [(None, None, "CONFLICT")]
    assert [failure.code for failure in ran.outcomes["campaign"].failures] == ["CONFLICT"]
    assert ran.outcomes["ad_account"].failures == ()


@pytest.mark.slow
def test_a_list_of_accounts_that_fails_leaves_no_scope_whole(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.sandbox.add_fault(
        Fault(effect="status", parameters={"status": 409, "code": "CONFLICT"}, path=r"/ads/ad-accounts$")
    )
    ran = pipeline.run(morning(1))
    assert all(len(outcome.failures) == 1 for outcome in ran.outcomes.values())


@pytest.mark.slow
def test_a_campaign_taken_off_the_list_is_read_on_until_it_answers_not_found(pipeline: Pipeline) -> None:
    pipeline.run()
    removed = pipeline.campaigns()[0]
    pipeline.sandbox.world.remove_campaign(removed)
    ran = pipeline.run(morning(1))
    assert ("campaign", removed) in ran.windows
    latest = pipeline.rows("SELECT listed, gone_at FROM ads.campaigns WHERE campaign_id = ?", [removed])
    assert latest == [(False, morning(1))]
    pipeline.sandbox.world.restore_campaign(removed)
    back = pipeline.run(morning(2))
    assert back.windows["campaign", removed] == [DayWindow(date(2026, 3, 29), morning(2).date())]


@pytest.mark.slow
def test_an_answer_narrower_than_asked_is_completed_by_further_requests(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(Fault(effect="narrowed_window", parameters={"days": 5}, path="ads-metrics"))
    assert pipeline.run().status is RunStatus.SUCCEEDED
    covered = pipeline.rows("SELECT entity_id, min(since), max(until) FROM ops.coverage GROUP BY ALL")
    assert {row[1:] for row in covered} == {(WHOLE.since, WHOLE.until)}
    assert len(covered) == len(pipeline.entities())


def test_requests_are_on_record_without_the_key(pipeline: Pipeline) -> None:
    pipeline.run()
    found = pipeline.rows("FROM ops.requests")
    assert len(found) == len(pipeline.sandbox.requests())
    assert "lp_test" not in repr(found)
