"""What status says of the warehouse, by account."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from layers_etl.cli.console import print_status
from layers_etl.cli.output import write_document
from layers_etl.domain.entities import Entity
from layers_etl.domain.scopes import AD_ACCOUNT
from layers_etl.ingest.checks import all_checks
from layers_etl.ingest.refresh import Work, refresh
from layers_etl.ingest.request import RunRequest
from layers_etl.ingest.run import Run
from layers_etl.ingest.status import examine_status
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.warehouse.entities import upsert_entities

from ..harness.pipeline import Pipeline

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_account_under_two_ids_is_named_with_both(pipeline: Pipeline) -> None:
    pipeline.run(FIRST)
    ((project_id, account_id, platform, external_id),) = pipeline.warehouse.connection.execute(
        "SELECT project_id, ad_account_id, platform, external_id FROM ads.ad_accounts LIMIT 1"
    ).fetchall()
    anew = Entity(AD_ACCOUNT, project_id, "acc_anew", platform=platform, external_id=external_id)
    upsert_entities(pipeline.warehouse, AD_ACCOUNT, [project_id], [anew], FIRST)

    checks = Work(checks=all_checks(pipeline.settings.scopes), brings_up_to_date=False)
    with closing(Run(pipeline.settings, pipeline.warehouse, RunRequest(), run_id="checks")) as run:
        list(refresh(run, checks))

    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST)
    (pair,) = status.duplicate_accounts
    assert [each.ad_account_id for each in pair.ids] == ["acc_anew", account_id]
    with io.StringIO() as shown:
        print_status(status, Console(file=shown, width=1000))
        assert f"each of its days counts once in {project_id}, as acc_anew's" in shown.getvalue()


@pytest.mark.slow
def test_the_document_is_json_with_the_same_numbers(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    pipeline.run(FIRST)
    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST)
    write_document(status)
    document = json.loads(capfd.readouterr().out)
    assert document["oldest_open_day"] == "2026-03-29"
    assert [account["settled"] for account in document["accounts"]] == [account.settled for account in status.accounts]
    assert document["last_run"]["windows_read"] == status.last_run.windows_read if status.last_run else 0


def test_a_warehouse_without_runs_has_a_status_too(pipeline: Pipeline) -> None:
    status = examine_status(pipeline.warehouse, pipeline.settings, FIRST)
    assert (status.accounts, status.oldest_open_day, status.last_run) == ((), None, None)
