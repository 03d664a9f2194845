"""Killed at any point and run again: the same tables as without the kill, and nothing committed is asked for again."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.warehouse.runs import RunStatus
from tests.warehouse.processes import other_process

from ..harness.instants import FIRST_MORNING, START, morning
from ..harness.pipeline import Pipeline, asked_for, refusing

pytestmark = pytest.mark.slow

WHOLE = DayWindow(START, FIRST_MORNING.date())
LONGEST_WAIT = 20.0


def run_and_kill(pipeline: Pipeline, after: int, *days: str) -> None:
    """A process that runs until ``after`` of its metrics requests have been answered, and is then killed."""
    sandbox = pipeline.sandbox
    sandbox.clear_requests()
    stalled = Fault(effect="stalled", parameters={"seconds": 60}, path="ads-metrics", after=after)
    sandbox.add_fault(stalled)
    with other_process("-m", "tests.harness.one_run", sandbox.url, str(pipeline.data_dir), *days) as process:
        deadline = monotonic() + LONGEST_WAIT
        while len(pipeline.asked()) < after:
            assert process.code is None, process.wait()
            assert monotonic() < deadline
            sleep(0.02)
        process.kill()
    sandbox.clear_faults()


def final_tables(pipeline: Pipeline) -> list[object]:
    """What a run leaves for analysts."""
    return [
        pipeline.table(CAMPAIGN),
        pipeline.table(AD_ACCOUNT),
        pipeline.rows("FROM ads.campaign_metrics_history ORDER BY ALL"),
        pipeline.rows("SELECT * FROM marts.campaign_daily ORDER BY ALL"),
        pipeline.rows("SELECT * FROM marts.ad_account_daily ORDER BY ALL"),
        pipeline.rows("FROM ops.coverage ORDER BY ALL"),
    ]


@pytest.mark.parametrize("after", [4])
def test_a_run_killed_on_the_way_is_taken_up_again_where_it_was(
    pipeline: Pipeline, sandbox: SandboxServer, tmp_path: Path, after: int
) -> None:
    undisturbed = Pipeline(sandbox, tmp_path / "undisturbed")
    undisturbed.run(publish=True)
    expected = final_tables(undisturbed)
    undisturbed.let_go()

    run_and_kill(pipeline, after)
    committed = set(pipeline.rows("SELECT scope, entity_id, since, until FROM ops.readings"))
    ran = pipeline.run(publish=True)
    assert ran.status is RunStatus.SUCCEEDED
    asked = {(scope, entity_id, window.since, window.until) for scope, entity_id, window in ran.asked}
    assert not asked & committed
    assert len(asked | committed) == len(pipeline.entities())
    assert final_tables(pipeline) == expected
    statuses = pipeline.rows("SELECT status FROM ops.runs ORDER BY started_at")
    assert statuses in ([("interrupted",), ("succeeded",)], [("succeeded",)])


def test_a_backfill_killed_on_the_way_does_not_ask_again_for_what_it_had_landed(pipeline: Pipeline) -> None:
    pipeline.run(publish=True)
    pipeline.let_go()
    run_and_kill(pipeline, 4, str(WHOLE.since), str(WHOLE.until))
    landed = "SELECT scope, entity_id FROM ops.readings WHERE run_id LIKE 'process%'"
    committed = set(pipeline.rows(landed))
    again = pipeline.backfill(WHOLE)
    assert again.windows == asked_for(set(pipeline.entities()) - committed, WHOLE)
    once_more = pipeline.backfill(WHOLE)
    assert set(once_more.windows) == set(pipeline.entities()), "a finished backfill is not continued"


def test_a_run_left_behind_half_a_day_ago_is_not_taken_up_but_read_afresh(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.warehouse.connection.execute("UPDATE ops.runs SET status = 'running'")
    ran = pipeline.run(morning(1))
    assert len(ran.asked) == len(pipeline.entities())
    assert pipeline.rows("SELECT status, continues FROM ops.runs ORDER BY instant") == [
        ("interrupted", None),
        ("succeeded", None),
    ]


def test_an_interrupted_run_is_continued_by_the_same_request_and_by_no_other(pipeline: Pipeline) -> None:
    first = pipeline.backfill(WHOLE)
    pipeline.warehouse.connection.execute("UPDATE ops.runs SET status = 'running'")
    other = pipeline.backfill(DayWindow(WHOLE.since, FIRST_MORNING.date().replace(month=3, day=31)))
    assert len(other.asked) == len(pipeline.entities())
    pipeline.warehouse.connection.execute("UPDATE ops.runs SET status = 'running' WHERE run_id = ?", [first.run_id])
    same = pipeline.backfill(WHOLE)
    assert same.asked == []
    assert pipeline.rows("SELECT continues FROM ops.runs WHERE run_id = ?", [same.run_id]) == [(first.run_id,)]


def test_a_retry_that_names_its_run_asks_for_what_that_one_had_not_read(pipeline: Pipeline) -> None:
    failing = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(refusing(failing))
    first = pipeline.backfill(WHOLE)
    pipeline.sandbox.clear_faults()
    retry = pipeline.backfill(WHOLE, retry_of=first.run_id)
    assert retry.windows == {("campaign", failing): [WHOLE]}
    assert set(retry.outcomes["campaign"].landed_days) == set(WHOLE)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("after", [0, 2, 7])
def test_a_run_killed_at_any_request_ends_in_the_same_tables(
    pipeline: Pipeline, sandbox: SandboxServer, tmp_path: Path, after: int
) -> None:
    test_a_run_killed_on_the_way_is_taken_up_again_where_it_was(pipeline, sandbox, tmp_path, after)
