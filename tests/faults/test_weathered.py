"""Faults that are gone the next time, or mean nothing: the run is complete and every row true."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, morning
from ..harness.pipeline import Pipeline
from .persistence import METRICS, START, persistent


def standing(effect: str, path: str = METRICS, **parameters: object) -> Fault:
    """A fault that stays."""
    return Fault(effect=effect, parameters=parameters, path=path)


TRANSIENT: dict[str, tuple[str, dict[str, object]]] = {
    "a burst of 500": ("status", {"status": 500}),
    "a burst of 502": ("status", {"status": 502}),
    "a burst of 503": ("status", {"status": 503}),
    "a burst of 504": ("status", {"status": 504}),
    "a platform's refusal": ("platform_error", {"status": 502}),
    "connections reset within the body": ("reset", {"after": 20}),
    "connections reset before the body": ("reset", {"after": 0}),
    "stalls beyond the time-out": ("stalled", {"seconds": 0.8}),
    "truncated JSON": ("truncated", {}),
    "HTML with status 200": ("html", {}),
    "HTML with status 502": ("html", {"status": 502}),
    "another content type": ("content_type", {"value": "text/plain"}),
    "429": ("rate_limited", {"retry_after": 0}),
    "429 without Retry-After": ("rate_limited", {"retry_after": None}),
    "429 with a date": ("rate_limited", {"retry_after": 0, "as_date": True}),
}

HARMLESS: dict[str, tuple[str, dict[str, object]]] = {
    "a narrowed window": ("narrowed_window", {"days": 3}),
    "a window narrowed from its front": ("narrowed_window", {"days": 3, "keep_last": True}),
    "buckets out of order": ("unordered_buckets", {}),
    "buckets sent twice": ("duplicated_buckets", {"count": 3}),
    "numbers as strings": ("numbers_as_strings", {}),
    "unknown fields": ("unknown_fields", {}),
}


def test_what_passes_leaves_no_trace_in_the_numbers(tmp_path: Path) -> None:
    with SandboxServer(WorldConfig(accounts=3, campaigns=8), now=FIRST_MORNING) as sandbox:
        pipeline = persistent(sandbox, tmp_path)
        victims = dict(zip(TRANSIENT, pipeline.spenders(), strict=False))
        faults = [
            Fault(effect=effect, parameters=parameters, path=METRICS, entity=victims[name], times=3)
            for name, (effect, parameters) in TRANSIENT.items()
        ]
        assert pipeline.run(FIRST_MORNING, *faults).status is RunStatus.SUCCEEDED
        assert pipeline.untrue() == {}
        assert pipeline.rows("SELECT count(*) FROM ops.failures") == [(0,)]
        paid = dict(pipeline.rows("SELECT entity_id, attempts FROM ops.requests WHERE entity_id IS NOT NULL"))
        assert {name: paid[victim] for name, victim in victims.items()} == dict.fromkeys(TRANSIENT, 4)
        pipeline.let_go()


@pytest.mark.slow
def test_what_means_nothing_changes_nothing(pipeline: Pipeline) -> None:
    victims = dict(zip(HARMLESS, pipeline.spenders(), strict=False))
    faults = [
        Fault(effect=effect, parameters=parameters, path=METRICS, entity=victims[name])
        for name, (effect, parameters) in HARMLESS.items()
    ]
    assert pipeline.run(FIRST_MORNING, *faults).status is RunStatus.SUCCEEDED
    assert pipeline.untrue() == {}
    assert pipeline.rows("SELECT count(*) FROM ops.untrusted_answers") == [(0,)]


@pytest.mark.slow
def test_pages_that_overlap_list_everything_once(tmp_path: Path) -> None:
    with SandboxServer(WorldConfig(accounts=3, campaigns=80), now=FIRST_MORNING) as sandbox:
        pipeline = persistent(sandbox, tmp_path, start_date=date(2026, 3, 31))
        assert (
            pipeline.run(FIRST_MORNING, standing("overlapping_pages", path="campaigns$", by=7)).status
            is RunStatus.SUCCEEDED
        )
        listed = pipeline.rows("SELECT campaign_id FROM ads.campaigns")
        assert sorted(listed) == sorted((campaign_id,) for campaign_id in pipeline.listed(CAMPAIGN))
        assert len(listed) > 200
        pipeline.let_go()


@pytest.mark.slow
def test_what_the_listings_say_of_new_things_is_kept(pipeline: Pipeline) -> None:
    pipeline.run(FIRST_MORNING, standing("new_platform", path=""), standing("unknown_status", path=""))
    assert pipeline.rows("SELECT DISTINCT platform, status FROM ads.campaigns") == [("snap_ads", "limited_learning")]
    assert pipeline.rows("SELECT DISTINCT platform FROM ads.campaign_metrics") == [("snap_ads",)]


@pytest.mark.slow
def test_a_limit_on_windows_is_learned_once(pipeline: Pipeline) -> None:
    pipeline.run(FIRST_MORNING, standing("window_too_long", days=3))
    refused = pipeline.rows("SELECT scope, count(*) FROM ops.requests WHERE code = 'VALIDATION' GROUP BY scope")
    # One for each scope on each of three platforms.
    assert sorted(refused) == [("ad_account", 3), ("campaign", 3)]


@pytest.mark.slow
def test_a_metric_that_a_platform_lacks_is_null_there_and_costs_a_few_refusals(pipeline: Pipeline) -> None:
    lacking = standing("metric_unavailable", metric="reach", platform="apple_ads")
    assert pipeline.run(FIRST_MORNING, lacking).status is RunStatus.SUCCEEDED
    reach = "SELECT platform, count(reach), count(*) FROM ads.campaign_metrics GROUP BY platform ORDER BY platform"
    (apple, no_reach, days), *others = pipeline.rows(reach)
    assert (apple, no_reach) == ("apple_ads", 0) and days > 0
    assert others and all(known == whole for _, known, whole in others)
    refused = pipeline.rows("SELECT scope, count(*) FROM ops.requests WHERE code = 'VALIDATION' GROUP BY scope")
    # Each of so few entities is told for itself; where there are many, three are enough.
    assert sorted(refused) == [("ad_account", 1), ("campaign", 2)]
    for scope in (AD_ACCOUNT, CAMPAIGN):
        truth = pipeline.truth(scope, START)
        assert {key: row[:5] for key, row in pipeline.table(scope).items()} == {
            key: row[:5] for key, row in truth.items()
        }


@pytest.mark.slow
@pytest.mark.parametrize("refuse", [False, True])
def test_days_that_the_api_never_serves_are_not_asked_for_for_ever(pipeline: Pipeline, refuse: bool) -> None:
    clip = standing("clipped_window", since="2026-03-28", refuse=refuse)
    assert pipeline.run(FIRST_MORNING, clip).status is RunStatus.SUCCEEDED
    served = {key: row for key, row in pipeline.truth(CAMPAIGN, START).items() if key[1] >= date(2026, 3, 28)}
    assert pipeline.table(CAMPAIGN) == served
    assert pipeline.run(morning(1), clip).status is RunStatus.SUCCEEDED
    windows = {
        query["since"] for query in (dict(record.query) for record in pipeline.sandbox.requests()) if "id" in query
    }
    assert min(windows) >= "2026-03-28", "days that have settled unserved are left alone"


@pytest.mark.slow
def test_days_that_are_no_longer_served_stand_as_they_were_known(pipeline: Pipeline) -> None:
    pipeline.run()
    before = pipeline.table(CAMPAIGN)
    pipeline.options["settle_hours"] = SettlingTimes(2000)
    assert pipeline.run(morning(1), standing("clipped_window", since="2026-03-28")).status is RunStatus.SUCCEEDED
    clipped = date(2026, 3, 28)
    stood = {key: row for key, row in before.items() if key[1] < clipped}
    assert stood
    assert {key: row for key, row in pipeline.table(CAMPAIGN).items() if key[1] < clipped} == stood


def test_null_is_unknown_and_not_zero(pipeline: Pipeline) -> None:
    assert pipeline.run(FIRST_MORNING, standing("null_numbers")).status is RunStatus.SUCCEEDED
    stored = pipeline.table(CAMPAIGN)
    assert stored.keys() == pipeline.truth(CAMPAIGN, START).keys()
    assert set(stored.values()) == {(None,) * 7}


@pytest.mark.slow
def test_a_bucket_that_is_missing_while_the_totals_count_it_is_no_quiet_day(pipeline: Pipeline) -> None:
    assert pipeline.run(FIRST_MORNING, standing("missing_buckets")).status is RunStatus.FAILED
    truth, stored = pipeline.truth(CAMPAIGN, START), pipeline.table(CAMPAIGN)
    assert stored.items() < truth.items()
    missing = truth.keys() - stored.keys()
    settled = set(pipeline.rows("SELECT entity_id, day FROM ops.day_states WHERE state = 'settled'"))
    assert missing and not missing & settled
    assert pipeline.run(morning(1)).status is RunStatus.SUCCEEDED
    assert pipeline.untrue() == {}


@pytest.mark.parametrize("ours", [-1000, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_servers_date_decides_what_has_settled_not_our_clock(pipeline: Pipeline, ours: int) -> None:
    pipeline.now = lambda: morning(ours)
    pipeline.run(FIRST_MORNING, standing("clock_skew", path="", seconds=-7 * 3600))
    # By its Date it is still 23:00 on 31 March: 28 March closed 71 hours ago.
    ((newest_settled,),) = pipeline.rows("SELECT max(day) FROM ads.campaign_metrics WHERE settled")
    assert newest_settled.isoformat() == "2026-03-27"
    ((read_at,),) = pipeline.rows("SELECT DISTINCT observed_at FROM ads.campaign_metrics")
    assert read_at.isoformat() == "2026-03-31T23:00:00+00:00"
