"""The API's clock decides what has settled, and no single answer can put it forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from layers_etl.ingest.clock import LONGEST_LEAD, ServerClock
from layers_etl.sandbox.faults import Fault

from .mornings import FIRST_MORNING, Pipeline, last_days, morning

SAID = datetime(2026, 4, 1, 6, tzinfo=UTC)
durations = st.timedeltas(timedelta(days=-900), timedelta(days=900))


@given(st.floats(0, 1e6), durations)
def test_an_answer_is_taken_at_its_word_unless_it_is_further_ahead_than_servers_differ(
    elapsed: float, off: timedelta
) -> None:
    shown = SAID + timedelta(seconds=elapsed)
    believed = ServerClock(SAID, lambda: elapsed).believed(shown + off)
    assert believed == (shown + off if off <= LONGEST_LEAD else shown)


def test_one_answer_from_the_future_settles_no_day_and_is_read_again_like_any_other(pipeline: Pipeline) -> None:
    victim = pipeline.campaigns()[0]
    ahead = {"seconds": timedelta(days=30).total_seconds()}
    pipeline.sandbox.add_fault(Fault(effect="clock_skew", parameters=ahead, path="ads-metrics", entity=victim))
    pipeline.run()
    pipeline.sandbox.clear_faults()
    rows = "SELECT max(observed_at), max(day) FILTER (settled) FROM ads.campaign_metrics WHERE campaign_id = ?"
    ((observed_at, newest_settled),) = pipeline.rows(rows, [victim])
    assert FIRST_MORNING <= observed_at < FIRST_MORNING + LONGEST_LEAD
    assert newest_settled < last_days(FIRST_MORNING, 3).since
    assert pipeline.run(morning(1)).windows["campaign", victim] == [last_days(morning(1), 4)]
