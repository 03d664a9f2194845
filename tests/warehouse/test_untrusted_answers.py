"""Answers that were put aside are kept to be looked at, within bounds."""

from __future__ import annotations

from datetime import datetime, timedelta

from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.runs import MOST_BODY_BYTES, UntrustedAnswer, forget_requests, record_untrusted_answers

from .builders import Row, rows, utc

AT = utc(3, 5, 6)


def answer(number: int, body: str | None, received_at: datetime = AT) -> UntrustedAnswer:
    """The answer for one campaign."""
    place = ("campaign", "prj_1", f"cmp_{number}", None, None)
    return UntrustedAnswer(received_at, *place, f"req_{number}", "nonsense", body)


def put_aside(warehouse: Warehouse) -> list[Row]:
    return rows(
        warehouse, "SELECT run_id, entity_id, reason, body IS NOT NULL FROM ops.untrusted_answers ORDER BY entity_id"
    )


def test_bodies_of_one_run_are_kept_up_to_a_bound_and_the_reasons_of_all(warehouse: Warehouse) -> None:
    half = "é" * (MOST_BODY_BYTES // 4)
    record_untrusted_answers(warehouse, "run_1", [answer(1, half)])
    record_untrusted_answers(warehouse, "run_1", [answer(2, half), answer(3, "x")])
    record_untrusted_answers(warehouse, "run_2", [answer(4, half)])
    assert put_aside(warehouse) == [
        ("run_1", "cmp_1", "nonsense", True),
        ("run_1", "cmp_2", "nonsense", True),
        ("run_1", "cmp_3", "nonsense", False),
        ("run_2", "cmp_4", "nonsense", True),
    ]


def test_they_are_forgotten_with_the_requests_of_their_days(warehouse: Warehouse) -> None:
    answers = [answer(1, "x", AT - timedelta(seconds=1)), answer(2, "x")]
    record_untrusted_answers(warehouse, "run_1", answers)
    forget_requests(warehouse, before=AT)
    assert put_aside(warehouse) == [("run_1", "cmp_2", "nonsense", True)]
