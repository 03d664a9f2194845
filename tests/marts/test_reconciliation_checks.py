"""The asset checks that hold children against parents, as a run from the command line reports them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.errors import ExitCode
from layers_etl.sandbox.entities import Scope as ApiScope
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.jobs import DagsterPipeline, unreadable
from .lived import FIRST_MORNING, WORLD, active_campaigns

pytestmark = pytest.mark.slow

CHECK = "campaigns_add_up_to_their_account"
DAYS = DayWindow(date(2026, 3, 26), date(2026, 4, 1))
SETTLED_DAY = date(2026, 3, 27)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[DagsterPipeline]:
    """One account with three campaigns, nothing read yet."""
    config = WorldConfig(projects=1, accounts=1, campaigns=3, starts_at=WORLD.starts_at)
    with SandboxServer(config, now=FIRST_MORNING) as sandbox, dg.DagsterInstance.ephemeral() as memory:
        yield DagsterPipeline(sandbox, tmp_path, DAYS.since, memory=memory)


def checked(result: dg.ExecuteInProcessResult, name: str) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        check.asset_key.to_user_string(): check
        for check in result.get_asset_check_evaluations()
        if check.check_name == name
    }


def test_what_adds_up_passes_and_a_contradiction_is_an_error_that_names_the_worst_day(
    pipeline: DagsterPipeline,
) -> None:
    result = pipeline.materialize(DAYS)
    assert checked(result, CHECK)["campaign_metrics"].passed
    assert all(check.passed for check in checked(result, "reported_ratios_agree").values())

    altered, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, altered, SETTLED_DAY, clicks=1_000_000)
    result = pipeline.materialize(DAYS)

    check = checked(result, CHECK)["campaign_metrics"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.metadata["contradictions_read_now"].value == 1
    assert str(SETTLED_DAY) in str(check.metadata["worst"].value)


@pytest.mark.slow
def test_a_campaign_that_fails_only_warns_here(pipeline: DagsterPipeline) -> None:
    failing, *_ = active_campaigns(pipeline.sandbox)
    with pipeline.broken(unreadable(entity=failing)):
        result = pipeline.materialize(DAYS)

    check = checked(result, CHECK)["campaign_metrics"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert not checked(result, "every_entity_was_read")["campaign_metrics"].passed


@pytest.mark.slow
def test_the_command_line_ends_with_one_and_says_what_is_wrong(pipeline: DagsterPipeline) -> None:
    altered, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, altered, SETTLED_DAY, copies=0)
    result = pipeline.run()

    assert result.code is ExitCode.INCOMPLETE
    assert "are not the sum of their campaigns" in result.message


@pytest.mark.slow
def test_a_contradiction_that_has_settled_is_told_every_morning_since_nothing_reads_it_again(
    pipeline: DagsterPipeline,
) -> None:
    altered, *_ = active_campaigns(pipeline.sandbox)
    pipeline.sandbox.world.override_day(ApiScope.CAMPAIGN, altered, SETTLED_DAY, clicks=1_000_000)
    assert pipeline.run().code is ExitCode.INCOMPLETE
    for number in (1, 2):
        result = pipeline.morning(FIRST_MORNING + timedelta(days=number))
        (warned,) = [warned for warned in result.summary.warnings if warned.check == CHECK]
        (sentence,) = warned.sentences
        assert result.code is ExitCode.OK
        assert str(SETTLED_DAY) in sentence and "a backfill reads both sides again" in sentence
