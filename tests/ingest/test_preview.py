"""What a run would ask for is what it then asks for; to tell it, nothing but listings is sent and nothing written."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, WEEKLY_REACH_SCOPES
from layers_etl.errors import ConfigurationError, RefusedError
from layers_etl.ingest.preview import Preview, describe_preview, preview
from layers_etl.ingest.progress import Phase, Progress
from layers_etl.ingest.refresh import Work, refresh
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.sandbox.faults import Fault

from ..harness.instants import FIRST_MORNING, START, morning
from ..harness.pipeline import Pipeline

WEEK = DayWindow(START, date(2026, 4, 1))
BOTH = (AD_ACCOUNT, CAMPAIGN)


def previewed(pipeline: Pipeline, request: RunRequest, at: datetime) -> Preview:
    """What is said of ``request`` at ``at``, while no run has the build file."""
    pipeline.let_go()
    pipeline.sandbox.set_clock(at)
    pipeline.sandbox.clear_requests()
    return preview(pipeline.settings, request, Progress())


def asked_by(pipeline: Pipeline, request: RunRequest, at: datetime) -> tuple[Counter[str], int, int]:
    """What the run itself asks for: windows of days by scope, windows of weekly reach, rows at most."""
    with pipeline.preparing(request, at) as run:
        assert run.request.window
        work = Work(BOTH, BOTH, WEEKLY_REACH_SCOPES, run.request.window)
        steps = list(refresh(run, work))
    assert steps
    days = pipeline.asked()
    entity_days = sum(len(window.intersection(DayWindow(START, at.date())) or ()) for _, _, window in days)
    return Counter(scope for scope, _, _ in days), len(pipeline.asked("week")), entity_days


@pytest.mark.slow
def test_the_first_mornings_ask_for_just_what_was_said(pipeline: Pipeline) -> None:
    for number in (0, 1, 2, 5):
        at = morning(number)
        said = previewed(pipeline, RunRequest(), at)
        assert pipeline.asked() == pipeline.asked("week") == []
        sent = len(pipeline.sandbox.requests())

        requests, reach, entity_days = asked_by(pipeline, RunRequest(), at)
        assert said.day_requests == requests
        assert said.rows == entity_days
        assert said.reach_requests >= reach
        assert said.listing_requests == sent
        assert (said.reach_requests > 0) == (reach > 0)
    assert previewed(pipeline, RunRequest(), morning(5)).day_requests == {}


@pytest.mark.slow
def test_settled_days_that_are_read_again_at_random_are_counted(pipeline: Pipeline) -> None:
    for number in range(6):
        pipeline.run(morning(number))
    without = previewed(pipeline, RunRequest(), morning(6))
    pipeline.options = {**pipeline.options, "audit_percent": 50.0}
    said = previewed(pipeline, RunRequest(), morning(6))
    requests, _, _ = asked_by(pipeline, RunRequest(), morning(6))

    # Which days are drawn is another draw, and how many of them are asked for together hangs on that.
    planned, counted = sum(without.day_requests.values()), sum(said.day_requests.values())
    assert requests.total() > planned
    assert abs(counted - requests.total()) < counted - planned


@pytest.mark.slow
def test_a_backfill_counts_its_days_and_the_weeks_that_lie_within(pipeline: Pipeline) -> None:
    pipeline.run(FIRST_MORNING)
    request = RunRequest(RunKind.BACKFILL, window=WEEK)
    said = previewed(pipeline, request, FIRST_MORNING)
    requests, reach, _ = asked_by(pipeline, request, FIRST_MORNING)

    assert said.window == WEEK
    assert said.day_requests == requests
    assert said.rows == requests.total() * len(WEEK)
    assert said.reach_requests >= reach


@pytest.mark.slow
def test_only_what_is_named_is_counted(pipeline: Pipeline) -> None:
    campaign, *_ = pipeline.campaigns(FIRST_MORNING)
    request = RunRequest(RunKind.BACKFILL, campaign_ids=frozenset({campaign}), window=WEEK)
    assert previewed(pipeline, request, FIRST_MORNING).day_requests == {"campaign": 1}
    with pytest.raises(ConfigurationError, match="cmp_nowhere"):
        previewed(pipeline, RunRequest(RunKind.BACKFILL, campaign_ids=frozenset({"cmp_nowhere"})), FIRST_MORNING)


def test_nothing_is_written_and_nothing_made(pipeline: Pipeline) -> None:
    previewed(pipeline, RunRequest(), FIRST_MORNING)
    assert list(pipeline.data_dir.glob("*")) == [], "not even a file, before the first run"
    pipeline.run(FIRST_MORNING, publish=True)
    pipeline.let_go()
    before = {path: path.read_bytes() for path in pipeline.data_dir.rglob("*") if path.is_file()}

    previewed(pipeline, RunRequest(), morning(1))
    assert {path: path.read_bytes() for path in pipeline.data_dir.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_the_minutes_are_those_of_the_keys_pace(pipeline: Pipeline) -> None:
    pipeline.options = {**pipeline.options, "requests_per_minute": 600}
    said = previewed(pipeline, RunRequest(), FIRST_MORNING)
    total = sum(said.day_requests.values()) + said.reach_requests + said.listing_requests
    assert said.requests_per_minute == pytest.approx(600 * 0.98)
    assert said.minutes == pytest.approx(total / said.requests_per_minute)
    assert "at the key's pace of 588 requests a minute less than a minute." in describe_preview(said)
    assert "a minute 170 minutes." in describe_preview(replace(said, minutes=170.1))


def test_a_list_that_fails_is_told_and_what_hangs_on_it_is_not_counted(pipeline: Pipeline) -> None:
    with pipeline.broken(Fault(effect="status", parameters={"status": 409, "code": "CONFLICT"}, path="campaigns")):
        said = previewed(pipeline, RunRequest(), FIRST_MORNING)
    assert set(said.day_requests) == {"ad_account"}
    assert len(said.failures) == 1
    assert "listing campaigns" in said.failures[0]


@pytest.mark.slow
def test_it_raises_what_a_run_would_raise_before_it_reads(pipeline: Pipeline) -> None:
    with pytest.raises(ConfigurationError, match="begins at"):
        previewed(pipeline, RunRequest(RunKind.BACKFILL, window=DayWindow(date(2020, 1, 1), START)), FIRST_MORNING)
    ahead = RunRequest(RunKind.BACKFILL, window=DayWindow(START, date(2030, 1, 1)))
    with pytest.raises(ConfigurationError, match="reaches into the future"):
        previewed(pipeline, ahead, FIRST_MORNING)
    refused = Fault(effect="status", parameters={"status": 401}, path="whoami")
    with pipeline.broken(refused), pytest.raises(RefusedError):
        previewed(pipeline, RunRequest(), FIRST_MORNING)
    pipeline.options = {**pipeline.options, "start_date": FIRST_MORNING.date()}
    with pytest.raises(ConfigurationError, match="no day since then has closed"):
        previewed(pipeline, RunRequest(), FIRST_MORNING)


def test_it_tells_how_far_it_is(pipeline: Pipeline) -> None:
    pipeline.sandbox.set_clock(FIRST_MORNING)
    entered: list[Phase] = []
    progress = Progress(lambda: entered.append(progress.stand.phase))
    preview(pipeline.settings, RunRequest(), progress)
    assert entered == [Phase.WAITING, Phase.LISTING, Phase.PLANNING]
