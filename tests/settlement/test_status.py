"""What status says of the warehouse, by account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from layers_etl.console import status_document
from layers_etl.ingest.status import examine_status
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer

from ..ingest.mornings import Pipeline

FIRST = datetime(2026, 4, 1, 6, tzinfo=UTC)
START = FIRST.date() - timedelta(days=10)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with SandboxServer(now=FIRST) as server:
        living = Pipeline(server, tmp_path, {"start_date": START})
        yield living
        living.let_go()


def test_after_a_clean_run_only_the_last_days_are_provisional_and_nothing_is_missing(pipeline: Pipeline) -> None:
    pipeline.run(FIRST)
    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST)
    assert len(status.accounts) == 3
    for account in status.accounts:
        assert (account.settled, account.provisional) == (account.entities * 7, account.entities * 3)
        assert account.missing == 0
        assert account.oldest_open_day == FIRST.date() - timedelta(days=3)
    assert status.last_run is not None
    assert status.last_run.status == "succeeded"


def test_days_without_a_run_are_missing_until_the_next_one(pipeline: Pipeline) -> None:
    pipeline.run(FIRST)
    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST + timedelta(days=5))
    for account in status.accounts:
        assert account.missing == account.entities * 5
        assert account.oldest_open_day == FIRST.date() - timedelta(days=3)


def test_what_the_last_run_could_not_read_is_named_with_its_request(pipeline: Pipeline) -> None:
    campaign = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(Fault(effect="platform_error", parameters={"status": 400}, entity=campaign))
    pipeline.run(FIRST)
    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST)
    (failure,) = status.failures
    assert failure.entity_id == campaign
    assert failure.request_id
    assert failure.request_id in failure.message
    assert sum(account.missing for account in status.accounts) == 10


def test_the_document_is_json_with_the_same_numbers(pipeline: Pipeline) -> None:
    pipeline.run(FIRST)
    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST)
    document = json.loads(status_document(status))
    assert document["oldest_open_day"] == "2026-03-29"
    assert [account["settled"] for account in document["accounts"]] == [account.settled for account in status.accounts]
    assert document["last_run"]["windows_read"] == status.last_run.windows_read if status.last_run else 0


def test_a_warehouse_without_runs_has_a_status_too(pipeline: Pipeline) -> None:
    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST)
    assert (status.accounts, status.oldest_open_day, status.last_run) == ((), None, None)
