"""Listings as sloppy as they come: a field costs its field, an item itself, and an id is the same with its prefix."""

from __future__ import annotations

from typing import Any

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.ids import bare_id
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import START, morning
from ..harness.pipeline import Pipeline
from .rewriting import rewriting, with_items

pytestmark = pytest.mark.slow

CAMPAIGNS = "SELECT campaign_id, ad_account_id, listed FROM ads.campaigns ORDER BY campaign_id"
NAMES = "SELECT campaign_id, name, ad_account_id FROM ads.campaigns ORDER BY campaign_id"
ODD = "SELECT scope, entity_id, field FROM ops.odd_fields ORDER BY ALL"

ODD_CAMPAIGN = {
    "name": "Spring \ud83d",
    "dailyBudgetCents": 2**64 - 1,
    "createdAt": "9999-12-31T23:59:59-08:00",
    "objective": {"new": ["shape"]},
    "novelty": {"\ud83d": "\0", "long": "x" * 100_000},
}


def first_is(change: dict[str, Any]) -> Any:
    """A rewriting that changes the first campaign of the list."""
    return rewriting(with_items("/campaigns", lambda position, item: item if position else item | change))


def test_what_no_column_takes_is_put_aside_and_named_once_and_costs_nothing_else(pipeline: Pipeline) -> None:
    pipeline.connect = first_is(ODD_CAMPAIGN)
    ran = pipeline.run(publish=True)
    assert ran.status is RunStatus.SUCCEEDED
    odd = pipeline.campaigns()[0]
    assert pipeline.rows(ODD) == [("campaign", odd, field) for field in sorted(ODD_CAMPAIGN)]
    ((name, budget, created_at, objective),) = pipeline.rows(
        "SELECT name, daily_budget_cents, created_at, objective FROM ads.campaigns WHERE campaign_id = ?", [odd]
    )
    assert (name, budget, created_at, objective) == ("Spring \N{REPLACEMENT CHARACTER}", None, None, None)
    kept = pipeline.rows(
        "SELECT attributes->>'$.dailyBudgetCents', attributes->>'$.objective.new[0]' FROM ads.campaigns"
        " WHERE campaign_id = ?",
        [odd],
    )
    assert kept == [(str(2**64 - 1), "shape")]
    assert {entity_id for _, entity_id, _ in ran.asked} == set(pipeline.campaigns()) | set(pipeline.accounts())


def test_what_was_known_of_a_field_stands_while_the_field_is_odd(pipeline: Pipeline) -> None:
    pipeline.run()
    before, versions = pipeline.rows(NAMES), pipeline.rows("SELECT count(*) FROM ads.campaign_history")
    pipeline.connect = first_is({"name": ["no", "text"], "adAccountId": {"id": 1}, "status": True})
    assert pipeline.run(morning(1)).status is RunStatus.SUCCEEDED
    assert pipeline.rows(NAMES)[: len(before)] == before
    listed_since = len(pipeline.campaigns()) - len(before)
    assert pipeline.rows("SELECT count(*) FROM ads.campaign_history") == [(versions[0][0] + listed_since,)]


def test_an_item_without_its_parent_is_read_all_the_same(pipeline: Pipeline) -> None:
    def orphaned(position: int, item: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in item.items() if position or name != "adAccountId"}

    pipeline.connect = rewriting(with_items("/campaigns", orphaned))
    ran = pipeline.run(publish=True)
    orphan = pipeline.campaigns()[0]
    assert ran.status is RunStatus.SUCCEEDED
    assert ("campaign", orphan) in {(scope, entity_id) for scope, entity_id, _ in ran.asked}
    assert pipeline.rows("SELECT ad_account_id FROM ads.campaigns WHERE campaign_id = ?", [orphan]) == [(None,)]
    assert (orphan, None) in pipeline.rows("SELECT campaign_id, ad_account_id FROM marts.campaign_daily")
    assert pipeline.rows(ODD) == [("campaign", orphan, "adAccountId")]


@pytest.mark.parametrize("odd", [None, {}, "", "half \ud83d"], ids=repr)
def test_an_item_without_an_id_costs_itself_and_no_entity_counts_as_gone(pipeline: Pipeline, odd: Any) -> None:
    pipeline.run()
    pipeline.connect = first_is({"campaignId": odd, "id": odd})
    ran = pipeline.run(morning(1))
    assert ran.status is RunStatus.INCOMPLETE
    assert all(listed for _, _, listed in pipeline.rows(CAMPAIGNS))
    assert {entity_id for scope, entity_id, _ in ran.asked if scope == CAMPAIGN.name} == set(pipeline.campaigns())
    ((message,),) = pipeline.rows("SELECT message FROM ops.failures")
    assert "1 of its items had to be left out" in message and pipeline.project_id in message
    assert pipeline.rows(ODD) == [("campaign", None, "items.0")]
    pipeline.connect = rewriting(with_items("/campaigns", lambda position, item: item if position else None))
    pipeline.run(morning(2))
    assert [listed for _, _, listed in pipeline.rows(CAMPAIGNS)].count(False) == 1, "a whole list tells who is gone"


def test_an_odd_item_of_the_list_of_projects_costs_no_project_and_is_told(pipeline: Pipeline) -> None:
    pipeline.run()

    def rewrite(path: str, answer: Any) -> Any:
        return answer | {"items": [*answer["items"], {"name": "nobody"}]} if path == "/v1/projects" else answer

    pipeline.connect = rewriting(rewrite)
    ran = pipeline.run(morning(1))
    assert ran.status is RunStatus.INCOMPLETE
    assert pipeline.rows("SELECT DISTINCT listed FROM ads.projects") == [(True,)]
    assert ran.outcomes["campaign"].windows_landed == len(pipeline.campaigns())
    assert pipeline.rows(ODD) == [("project", None, "items.1")]


def without_prefixes(path: str, answer: Any) -> Any:
    """Every id of the listings and of whoami in its bare form."""
    names = ("organizationId", "campaignId", "adAccountId", "projectId", "id")

    def bare(item: dict[str, Any]) -> dict[str, Any]:
        return {name: bare_id(value) if name in names else value for name, value in item.items()}

    if path.endswith("/whoami"):
        return bare(answer)
    return answer | {"items": [bare(item) for item in answer["items"]]} if "items" in answer else answer


def with_account_prefixes(path: str, answer: Any) -> Any:
    """Every ad account's id with a prefix that it did not have."""
    if "items" not in answer:
        return answer
    prefixed = [
        item | {name: f"acc_{value}" for name, value in item.items() if name == "adAccountId"}
        for item in answer["items"]
    ]
    return answer | {"items": prefixed}


@pytest.mark.parametrize("rewrite", [without_prefixes, with_account_prefixes])
def test_ids_that_lose_or_gain_their_prefix_stay_the_same_entities(pipeline: Pipeline, rewrite: Any) -> None:
    window = DayWindow(START, morning(0).date())
    pipeline.run()
    projects, campaigns = pipeline.rows("SELECT project_id, name FROM ads.projects"), pipeline.rows(CAMPAIGNS)
    versions = pipeline.rows("SELECT count(*) FROM ads.campaign_history")
    pipeline.connect = rewriting(rewrite)
    ran = pipeline.backfill(window)
    assert ran.status is RunStatus.SUCCEEDED
    assert pipeline.rows("SELECT project_id, name FROM ads.projects") == projects
    assert pipeline.rows(CAMPAIGNS) == campaigns
    assert pipeline.rows("SELECT count(*) FROM ads.campaign_history") == versions
    assert {entity_id for _, entity_id, _ in ran.asked} == set(pipeline.campaigns()) | set(pipeline.accounts())
