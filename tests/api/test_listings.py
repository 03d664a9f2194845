"""Whoami and the listings: every item once, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api.paging import EndlessListingError, ParsedPage, fetch_all_pages
from layers_etl.api.parsing import MissingFieldError, parse_entity
from layers_etl.domain.scopes import AD, AD_ACCOUNT, ADSET, CAMPAIGN
from layers_etl.errors import NotFoundError, UntrustedAnswerError
from tests.api.conftest import Reply, error, in_turn, talking

Run = Callable[[Any], Any]


def page(*items: dict[str, Any], cursor: str | None = None) -> Reply:
    """One page of a listing."""
    return Reply({"items": list(items), "nextCursor": cursor}, headers={"X-Request-Id": "req_page"})


def campaign(number: int, **fields: Any) -> dict[str, Any]:
    """The least an item must have."""
    return {"campaignId": f"cmp_{number}", "adAccountId": "acc_1"} | fields


def test_whoami_sets_the_pace_and_tells_the_servers_time(run: Run) -> None:
    body = {"organizationId": "org_1", "rateLimitTier": "partner", "scopes": ["ads:read"], "creditBalance": 3}

    async def ask() -> None:
        headers = {"Date": "Sat, 18 Apr 2026 06:00:00 GMT"}
        async with talking(lambda _: Reply(body, headers=headers), organization="org_9") as talk:
            identity = await talk.client.fetch_identity()
            assert (identity.organization_id, identity.rate_limit_tier) == ("org_1", "partner")
            assert identity.server_now and identity.server_now.isoformat() == "2026-04-18T06:00:00+00:00"
            assert talk.server.asked[0].headers["x-layers-organization"] == "org_9"

    run(ask())


def test_a_listing_is_read_to_its_end_each_item_once(run: Run) -> None:
    replies = in_turn(
        page(campaign(1), campaign(2, name="old"), cursor="a&b"),
        page(campaign(2, name="new"), campaign(3), cursor=None),
    )

    async def ask() -> None:
        async with talking(replies) as talk:
            listed = await talk.client.fetch_entities(CAMPAIGN, "prj_1")
            assert [(entity.entity_id, entity.name) for entity in listed] == [
                ("cmp_1", None),
                ("cmp_2", "new"),
                ("cmp_3", None),
            ]
            first, second = talk.server.asked
            assert first.path == "/v1/projects/prj_1/ads/campaigns" and first.query == {"limit": ["200"]}
            assert second.query == {"limit": ["200"], "cursor": ["a&b"]}

    run(ask())


@pytest.mark.parametrize(
    "replies",
    [
        (page(campaign(1), cursor="a"), page(campaign(2), cursor="b"), page(campaign(3), cursor="a")),
        (page(campaign(1), cursor="a"), page(campaign(1), cursor="b")),
        (page(campaign(1), cursor="a"), Reply({"items": None})),
        (page(campaign(1), {"name": "no id"}),),
        (page({"campaignId": "cmp_1", "name": "no parent"}),),
    ],
)
def test_a_listing_that_goes_round_or_lacks_an_id_is_no_listing(run: Run, replies: tuple[Reply, ...]) -> None:
    async def ask() -> None:
        async with talking(in_turn(*replies)) as talk:
            with pytest.raises(UntrustedAnswerError, match=r"listing campaigns .*prj_1"):
                await talk.client.fetch_entities(CAMPAIGN, "prj_1")

    run(ask())


def test_a_page_that_fails_fails_the_listing(run: Run) -> None:
    async def ask() -> None:
        async with talking(in_turn(page(campaign(1), cursor="a"), error(404, "NOT_FOUND"))) as talk:
            with pytest.raises(NotFoundError, match="project prj_1"):
                await talk.client.fetch_entities(CAMPAIGN, "prj_1")

    run(ask())


def test_projects_are_their_own_project(run: Run) -> None:
    async def ask() -> None:
        async with talking(in_turn(page({"id": "prj_1", "name": "Shop", "plan": "pro"}))) as talk:
            (project,) = await talk.client.fetch_projects()
            assert (project.project_id, project.entity_id, project.name) == ("prj_1", "prj_1", "Shop")
            assert project.attributes == {"plan": "pro"}
            assert talk.server.asked[0].query == {"limit": ["200"], "status": ["active"]}

    run(ask())


@pytest.mark.parametrize("item", [
    {"campaignId": "c", "adAccountId": "a", "campaignName": "n", "platformCampaignId": 17, "dailyBudgetCents": 500},
    {"campaign_id": "c", "ad_account_id": "a", "name": "n", "external_id": "17", "daily_budget": 500},
    {"id": "c", "accountId": "a", "name": "n", "nativeId": "17", "budgetDaily": 500},
])  # fmt: skip
def test_inferred_spellings_are_all_understood(item: dict[str, Any]) -> None:
    entity = parse_entity(
        item | {"status": "brand_new", "platform": "new_ads", "createdTime": "2026-01-01"}, CAMPAIGN, "p"
    )
    assert (entity.entity_id, entity.ad_account_id, entity.name, entity.external_id) == ("c", "a", "n", "17")
    assert (entity.daily_budget_cents, entity.status, entity.platform) == (500, "brand_new", "new_ads")
    assert entity.created_at and entity.created_at.isoformat() == "2026-01-01T00:00:00+00:00"
    assert entity.attributes == {}


def test_what_has_no_column_or_the_wrong_type_stays_as_it_came() -> None:
    item = campaign(1, id="other", dailyBudgetCents="a lot", metricsSnapshot7d={}, createdAt="yesterday", name=None)
    entity = parse_entity(item, CAMPAIGN, "p")
    assert (entity.entity_id, entity.daily_budget_cents, entity.created_at) == ("cmp_1", None, None)
    assert entity.attributes == {
        "id": "other", "dailyBudgetCents": "a lot", "metricsSnapshot7d": {}, "createdAt": "yesterday", "name": None
    }  # fmt: skip


def test_each_scope_requires_its_own_id_and_parent() -> None:
    assert parse_entity({"adAccountId": "a", "currency": "EUR"}, AD_ACCOUNT, "p").currency == "EUR"
    adset = parse_entity({"adsetId": "s", "campaignId": "c"}, ADSET, "p")
    assert (adset.entity_id, adset.campaign_id, adset.ad_account_id) == ("s", "c", None)
    with pytest.raises(MissingFieldError, match="adsetId"):
        parse_entity({"adId": "x", "campaignId": "c"}, AD, "p")


@given(pages=st.lists(st.tuples(st.sets(st.integers(0, 9)), st.integers(0, 5)), min_size=1), data=st.data())
def test_paging_ends_whatever_the_cursors_do(pages: list[tuple[set[int], int]], data: st.DataObject) -> None:
    fetched = 0

    async def fetch_page(cursor: str | None) -> ParsedPage[int]:
        nonlocal fetched
        items, following = data.draw(st.sampled_from(pages))
        fetched += 1
        return ParsedPage({str(item): item for item in items}, str(following) if following else None)

    try:
        items = asyncio.run(fetch_all_pages(fetch_page))
        assert len(items) == len(set(items))
    except EndlessListingError:
        pass
    assert fetched <= 8


def test_a_listing_of_ever_new_cursors_and_nothing_else_ends() -> None:
    async def fetch_page(cursor: str | None) -> ParsedPage[int]:
        return ParsedPage({}, str(int(cursor or 0) + 1))

    with pytest.raises(EndlessListingError):
        asyncio.run(fetch_all_pages(fetch_page))
