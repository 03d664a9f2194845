"""What doctor, status and a run say of what is out of the ordinary, and nothing wrong."""

from __future__ import annotations

import json

import pytest

from ..harness.command import CommandLine

pytestmark = pytest.mark.slow


def test_status_and_doctor_tell_an_account_whose_token_is_not_valid_and_the_run_goes_well(
    troubled: CommandLine,
) -> None:
    account, *_ = troubled.sandbox.world.accounts(troubled.project.id)
    troubled.sandbox.world.update_account(account.id, token_status="expired")
    told = f"({account.id}, {account.platform}) is not being refreshed: its token is expired. Reconnect the account"
    assert "not being refreshed" not in troubled.run("doctor").out

    ran = troubled.run("run")
    assert ran.code == 0
    assert f"warning: every_account_is_refreshed of ad_accounts: {account.name} {told}" in ran.err
    assert 'Look at: layers-etl status, or layers-etl sql "FROM ops.findings WHERE NOT passed".' in ran.out
    assert told in troubled.run("status").out
    (found,) = json.loads(troubled.run("status", "--json").out)["unrefreshed_accounts"]
    assert (found["ad_account_id"], found["token_status"]) == (account.id, "expired")
    doctor = troubled.run("doctor")
    assert doctor.code == 0
    assert "note   ad account: " in doctor.out
    assert told in doctor.out

    troubled.sandbox.world.update_account(account.id, token_status="valid")
    assert troubled.run("run").code == 0
    assert json.loads(troubled.run("status", "--json").out)["unrefreshed_accounts"] == []


def test_doctor_says_that_a_missing_build_file_is_begun_from_the_published_one(troubled: CommandLine) -> None:
    assert troubled.run("run").code == 0
    troubled.build.unlink()
    doctor = troubled.run("doctor")

    assert doctor.code == 0
    assert "build.duckdb is missing: the next run begins from a copy of warehouse.duckdb." in doctor.out


def test_a_run_of_an_organisation_without_projects_ends_with_a_sentence(troubled: CommandLine) -> None:
    troubled.sandbox.world.update_project(troubled.project.id, status="archived")
    result = troubled.run("run")

    assert result.code == 0
    assert result.out.strip() == "2026-03-01 until 2026-03-12: read nothing new; no day is settled yet."
    assert "None" not in troubled.run("status").out
