"""What was sent is on record, for as long as is wished."""

from __future__ import annotations

import pytest

from layers_etl.sandbox.faults import Fault

from ..harness.truth import METRICS, MORNING, Station, morning

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
def test_why_a_run_took_so_long_is_a_query(station: Station) -> None:
    slow = Fault(effect="stalled", parameters={"seconds": 0.2}, path=METRICS, times=1)
    limited = Fault(effect="rate_limited", parameters={"retry_after": 1}, path="campaigns$", times=1)
    station.run(MORNING, slow, limited)
    asked = {what: numbers for what, *numbers in station.rows(WHY_SO_LONG, ["run_1"])}
    assert asked["campaigns"][:3] == [1, 1, 0] and asked["campaigns"][3] >= 1
    entities = station.rows("SELECT count(DISTINCT (scope, entity_id)) FROM ops.requests WHERE entity_id IS NOT NULL")
    assert asked["ads-metrics"][:3] == [entities[0][0], 0, 0] and asked["ads-metrics"][4] >= 0.2
    assert {"whoami", "projects", "ad-accounts"} < set(asked)


def test_one_row_per_request_says_what_became_of_it(station: Station) -> None:
    failing = station.spenders()[0]
    broken = Fault(effect="status", parameters={"status": 502}, path=METRICS, entity=failing)
    station.run(MORNING, broken)
    sent = station.sandbox.requests()
    ((rows, attempts, known),) = station.rows("SELECT count(*), sum(attempts), count(request_id) FROM ops.requests")
    assert attempts == len(sent) and known == rows < attempts
    ((status, code, tried, size, request_id),) = station.rows(
        "SELECT status, code, attempts, bytes_received, request_id FROM ops.requests WHERE entity_id = ?", [failing]
    )
    assert (status, code, tried) == (502, "INTERNAL", 5) and size > 0
    assert request_id == station.request_ids(failing)[-1]


@pytest.mark.slow
def test_the_log_is_kept_for_as_many_days_as_are_set(station: Station) -> None:
    station.options["request_log_days"] = 2
    for day in range(5):
        station.our_clock = None
        station.run(morning(day))
        station.rows("UPDATE ops.requests SET started_at = ? WHERE run_id = ?", [morning(day), f"run_{day + 1}"])
    kept = station.rows("SELECT DISTINCT run_id FROM ops.requests ORDER BY run_id")
    assert kept == [("run_3",), ("run_4",), ("run_5",)]
    assert station.rows("SELECT count(*) FROM ops.runs") == [(5,)], "the runs themselves are kept"
