"""A metric that a platform does not have costs a few refusals a week, not one for each entity and morning."""

from __future__ import annotations

import pytest

from layers_etl.api.limits import AGREEING
from layers_etl.sandbox.faults import Fault
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import morning
from ..harness.pipeline import Pipeline, Ran

WITHOUT_REACH = Fault(effect="metric_unavailable", parameters={"metric": "reach", "platform": "tiktok_ads"})


def refusals(pipeline: Pipeline) -> int:
    """How often the API has said no since its requests were last cleared."""
    return sum(record.status == 400 for record in pipeline.sandbox.requests())


def lived(pipeline: Pipeline, number: int) -> tuple[Ran, int]:
    """A morning's run, and what it was refused."""
    ran = pipeline.run(morning(number))
    return ran, refusals(pipeline)


@pytest.mark.slow
def test_a_refused_metric_is_remembered_for_a_week_and_then_asked_for_again(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(WITHOUT_REACH)
    ran, refused = lived(pipeline, 0)
    # Of TikTok's campaigns several agree; its one account can only speak for itself, each time.
    assert (ran.status, refused) == (RunStatus.SUCCEEDED, AGREEING + 1)
    assert pipeline.rows("SELECT scope, platform, metric FROM ops.refused_metrics") == [
        ("campaign", "tiktok_ads", "reach")
    ]
    assert [lived(pipeline, number)[1] for number in (1, 5)] == [1, 1]
    assert lived(pipeline, 8)[1] == AGREEING + 1
    pipeline.sandbox.clear_faults()
    lived(pipeline, 16)
    assert pipeline.rows("SELECT count(*) FROM ops.refused_metrics") == [(0,)]
    newest = "SELECT count(reach) > 0 FROM ads.campaign_metrics WHERE platform = 'tiktok_ads' AND day >= '2026-04-13'"
    assert pipeline.rows(newest) == [(True,)], "what a platform has by then is read again"


@pytest.mark.slow
def test_a_metric_that_a_platform_had_lately_is_asked_for_by_every_run(pipeline: Pipeline) -> None:
    lived(pipeline, 0)
    pipeline.run(morning(1), WITHOUT_REACH)
    assert pipeline.rows("FROM ops.refused_metrics") == []
    lived(pipeline, 2)
    assert pipeline.untrue() == {}


@pytest.mark.slow
def test_what_one_campaign_is_refused_is_still_asked_of_the_others(pipeline: Pipeline) -> None:
    odd = pipeline.campaigns()[0]
    message = "Metric 'reach' is not available for this campaign."
    refusal = {"status": 400, "code": "VALIDATION", "message": message}
    pipeline.sandbox.add_fault(
        Fault(effect="status", parameters=refusal, path="ads-metrics", entity=odd, query={"metrics": "reach"})
    )
    assert pipeline.run().status is RunStatus.SUCCEEDED
    assert pipeline.rows("FROM ops.refused_metrics") == []
    unknown = "SELECT DISTINCT campaign_id FROM ads.campaign_metrics WHERE reach IS NULL"
    assert pipeline.rows(unknown) == [(odd,)]


@pytest.mark.slow
def test_a_refusal_that_a_wrong_clock_dated_ahead_is_forgotten(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.rows("INSERT INTO ops.refused_metrics VALUES ('campaign', 'meta_ads', 'reach', '2031-01-01 00:00:00+00')")
    pipeline.run(morning(1))
    assert pipeline.rows("FROM ops.refused_metrics") == []
    newest = "SELECT count(reach) > 0 FROM ads.campaign_metrics WHERE platform = 'meta_ads' AND day = '2026-04-01'"
    assert pipeline.rows(newest) == [(True,)]
