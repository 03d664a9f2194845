"""All five scopes, end to end."""

from __future__ import annotations

import pytest

from layers_etl.domain.scopes import AD, SCOPES
from layers_etl.sandbox.entities import Platform
from layers_etl.warehouse.runs import RunStatus

from ..harness.pipeline import Pipeline
from .persistence import START


@pytest.fixture
def all_scopes(pipeline: Pipeline) -> Pipeline:
    pipeline.options["scopes"] = tuple(SCOPES.values())
    return pipeline


@pytest.mark.slow
def test_every_scope_is_listed_read_and_true(all_scopes: Pipeline) -> None:
    assert all_scopes.run().status is RunStatus.SUCCEEDED
    for scope in SCOPES.values():
        truth = all_scopes.truth(scope, START)
        assert truth
        assert all_scopes.table(scope) == truth, scope.name
    assert all_scopes.rows("SELECT count(*) FROM ops.failures") == [(0,)]


@pytest.mark.slow
def test_apple_has_ad_sets_and_no_ads(all_scopes: Pipeline) -> None:
    all_scopes.run()
    listed = "SELECT count(*) FILTER (platform = 'apple_ads'), count(*) FROM ads.{}"
    ((apple_adsets, adsets),) = all_scopes.rows(listed.format("adsets"))
    ((apple_ads, ads),) = all_scopes.rows(listed.format("ads"))
    assert 0 < apple_adsets < adsets
    assert (apple_ads, ads) == (0, len(all_scopes.listed(AD)))
    assert Platform.APPLE not in all_scopes.listed(AD).values()


@pytest.mark.slow
def test_numbers_of_children_add_up_to_their_parents(all_scopes: Pipeline) -> None:
    all_scopes.run()
    sums = "SELECT day, sum(impressions), sum(clicks), sum(conversions) FROM ads.{} GROUP BY day ORDER BY day"
    project, accounts, campaigns, adsets = (
        all_scopes.rows(sums.format(f"{name}_metrics")) for name in ("project", "ad_account", "campaign", "adset")
    )
    assert project == accounts == campaigns == adsets
