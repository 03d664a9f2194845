"""What was sent is on record, for as long as is wished."""

from __future__ import annotations

import pytest

from layers_etl.sandbox.faults import Fault

from ..harness.instants import FIRST_MORNING, morning
from ..harness.pipeline import Pipeline
from .persistence import METRICS

WHY_SO_LONG = """
    SELECT
      regexp_extract(path, '[^/]+$') AS what,
      count(*) AS requests,
      sum(attempts) - count(*) AS tried_again,
      count(code) AS failed,
      sum(waited_seconds) AS waited,
      sum(wire_seconds) AS on_the_wire
    FROM ops.requests
    WHERE run_id = ?
    GROUP BY what
    ORDER BY waited + on_the_wire DESC
"""


@pytest.mark.slow
def test_why_a_run_took_so_long_is_a_query(pipeline: Pipeline) -> None:
    slow = Fault(effect="stalled", parameters={"seconds": 0.2}, path=METRICS, times=1)
    limited = Fault(effect="rate_limited", parameters={"retry_after": 1}, path="campaigns$", times=1)
    pipeline.run(FIRST_MORNING, slow, limited)
    asked = {what: numbers for what, *numbers in pipeline.rows(WHY_SO_LONG, ["run_1"])}
    assert asked["campaigns"][:3] == [1, 1, 0] and asked["campaigns"][3] >= 1
    entities = pipeline.rows("SELECT count(DISTINCT (scope, entity_id)) FROM ops.requests WHERE entity_id IS NOT NULL")
    assert asked["ads-metrics"][:3] == [entities[0][0], 0, 0] and asked["ads-metrics"][4] >= 0.2
    assert {"whoami", "projects", "ad-accounts"} < set(asked)


def test_one_row_per_request_says_what_became_of_it(pipeline: Pipeline) -> None:
    failing = pipeline.spenders()[0]
    broken = Fault(effect="status", parameters={"status": 502}, path=METRICS, entity=failing)
    pipeline.run(FIRST_MORNING, broken)
    sent = pipeline.sandbox.requests()
    ((rows, attempts, known),) = pipeline.rows("SELECT count(*), sum(attempts), count(request_id) FROM ops.requests")
    assert attempts == len(sent) and known == rows < attempts
    ((status, code, tried, size, request_id),) = pipeline.rows(
        "SELECT status, code, attempts, bytes_received, request_id FROM ops.requests WHERE entity_id = ?", [failing]
    )
    assert (status, code, tried) == (502, "INTERNAL", 5) and size > 0
    assert request_id == pipeline.request_ids(failing)[-1]


@pytest.mark.slow
def test_the_log_is_kept_for_as_many_days_as_are_set(pipeline: Pipeline) -> None:
    pipeline.options["request_log_days"] = 2
    for day in range(5):
        pipeline.run(morning(day))
        pipeline.rows("UPDATE ops.requests SET started_at = ? WHERE run_id = ?", [morning(day), f"run_{day + 1}"])
    kept = pipeline.rows("SELECT DISTINCT run_id FROM ops.requests ORDER BY run_id")
    assert kept == [("run_3",), ("run_4",), ("run_5",)]
    assert pipeline.rows("SELECT count(*) FROM ops.runs") == [(5,)], "the runs themselves are kept"
