"""A metric that a platform does not have costs one refusal, not one a morning."""

from __future__ import annotations

from layers_etl.sandbox.faults import Fault
from layers_etl.warehouse.runs import RunStatus

from .mornings import Pipeline, Ran, morning

WITHOUT_REACH = Fault(effect="metric_unavailable", parameters={"metric": "reach", "platform": "tiktok_ads"})


def refusals(pipeline: Pipeline) -> int:
    """How often the API has said no since its requests were last cleared."""
    return sum(record.status == 400 for record in pipeline.sandbox.requests())


def lived(pipeline: Pipeline, number: int) -> tuple[Ran, int]:
    """A morning's run, and what it was refused."""
    ran = pipeline.run(morning(number))
    return ran, refusals(pipeline)


def test_a_refused_metric_is_remembered_for_a_week_and_then_asked_for_again(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(WITHOUT_REACH)
    ran, refused = lived(pipeline, 0)
    assert (ran.status, refused) == (RunStatus.SUCCEEDED, len(pipeline.settings.scopes))
    assert pipeline.rows("SELECT DISTINCT platform, metric FROM ops.refused_metrics") == [("tiktok_ads", "reach")]
    assert [lived(pipeline, number)[1] for number in (1, 5)] == [0, 0]
    assert lived(pipeline, 8)[1] == len(pipeline.settings.scopes)
    pipeline.sandbox.clear_faults()
    lived(pipeline, 16)
    assert pipeline.rows("SELECT count(*) FROM ops.refused_metrics") == [(0,)]
    newest = "SELECT count(reach) > 0 FROM ads.campaign_metrics WHERE platform = 'tiktok_ads' AND day >= '2026-04-13'"
    assert pipeline.rows(newest) == [(True,)], "what a platform has by then is read again"
