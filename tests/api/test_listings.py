"""Whoami and the listings: every item once, or an error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api.paging import EndlessListingError, ParsedPage, fetch_all_pages
from layers_etl.api.parsing import MissingIdError, parse_entity, parse_identity
from layers_etl.api.wire import parse_json
from layers_etl.domain.entities import Identity
from layers_etl.domain.scopes import AD, AD_ACCOUNT, ADSET, CAMPAIGN, SCOPES
from layers_etl.errors import NotFoundError, UntrustedAnswerError
from tests.api.conftest import KEY, Reply, error, in_turn, talking
from tests.domain.strategies import properties
from tests.json_values import array_text, object_text, odd_json

Run = Callable[[Any], Any]


def page(*items: dict[str, Any], cursor: str | None = None) -> Reply:
    """One page of a listing."""
    return Reply({"items": list(items), "nextCursor": cursor}, headers={"X-Request-Id": "req_page"})


def campaign(number: int, **fields: Any) -> dict[str, Any]:
    """The least an item must have."""
    return {"campaignId": f"cmp_{number}", "adAccountId": "acc_1"} | fields


WHOAMI = {
    "organizationId": '"org_1"',
    "organizationName": '"Northwind"',
    "parentOrganizationId": "null",
    "apiKeyId": '"key_1"',
    "scopes": "[]",
    "rateLimitTier": '"pilot"',
    "killSwitch": "false",
    "apiAccessRevoked": "false",
    "creditBalance": "3",
}
WIRE_NAMES = {
    "platform": "platform",
    "name": "name",
    "status": "status",
    "external_id": "externalId",
    "currency": "currency",
    "ad_account_id": "adAccountId",
    "campaign_id": "campaignId",
    "adset_id": "adsetId",
    "daily_budget_cents": "dailyBudgetCents",
    "created_at": "createdAt",
}
SANE_ITEMS = {
    name: {
        **{SCOPES[parent.removesuffix("_id")].api_id: f'"{parent}"' for parent in scope.parents},
        scope.api_id: '"one"',
        "platform": '"meta_ads"',
        "name": '"Spring"',
        "status": '"active"',
        "externalId": '"act_17"',
        "currency": '"EUR"',
        "dailyBudgetCents": "500",
        "createdAt": '"2026-01-01T00:00:00Z"',
    }
    for name, scope in SCOPES.items()
}


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
        (Reply(["no page"]),),
        (page(campaign(1), cursor="\ud83d"),),
    ],
)
def test_a_listing_that_goes_round_or_has_no_list_of_items_is_no_listing(run: Run, replies: tuple[Reply, ...]) -> None:
    async def ask() -> None:
        async with talking(in_turn(*replies)) as talk:
            with pytest.raises(UntrustedAnswerError, match=r"listing campaigns, project prj_1"):
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


@pytest.mark.parametrize("sent", ["EUR", "eur", " EUR ", "\tEur"])
def test_a_currency_is_the_code_however_it_is_spelled(sent: str) -> None:
    entity = parse_entity({"adAccountId": "a", "currency": sent}, AD_ACCOUNT, "p")
    assert (entity.currency, entity.odd_fields) == ("EUR", ())


def test_a_currency_that_is_no_code_stays_as_it_came() -> None:
    assert parse_entity({"adAccountId": "a", "currency": "euros "}, AD_ACCOUNT, "p").currency == "euros "


@pytest.mark.parametrize("spelling", ["{}", "\\u{:04x}", "\\u{:04X}"])
def test_a_name_that_repeats_the_key_is_read_without_it_however_its_characters_are_escaped(
    run: Run, spelling: str
) -> None:
    spelled = "".join(spelling.format(sign if spelling == "{}" else ord(sign)) for sign in KEY)
    raw = json.dumps({"items": [campaign(1, name="Spring ?\\ Sale")], "nextCursor": None}).replace("?", spelled)

    async def ask() -> None:
        async with talking(in_turn(Reply(raw=raw.encode()))) as talk:
            (entity,) = await talk.client.fetch_entities(CAMPAIGN, "prj_1")
            assert entity.name == "Spring [api key]\\ Sale"

    run(ask())


def test_each_scope_requires_its_own_id_and_misses_its_nearest_parent() -> None:
    assert parse_entity({"adAccountId": "a", "currency": "EUR"}, AD_ACCOUNT, "p").currency == "EUR"
    adset = parse_entity({"adsetId": "s", "campaignId": "c"}, ADSET, "p")
    assert (adset.entity_id, adset.campaign_id, adset.ad_account_id, adset.odd_fields) == ("s", "c", None, ())
    orphan = parse_entity({"adId": "x", "campaignId": "c"}, AD, "p")
    assert (orphan.adset_id, orphan.campaign_id, orphan.unread_columns) == (None, "c", {"adset_id"})
    with pytest.raises(MissingIdError, match="adId"):
        parse_entity({"adsetId": "x", "campaignId": "c"}, AD, "p")


@pytest.mark.parametrize("odd_id", [None, "", True, {}, ["cmp_2"], 1.5, "..", "half \ud83d", "nul \0", "x" * 300])
def test_an_item_without_an_id_that_can_be_used_costs_itself_alone(run: Run, odd_id: Any) -> None:
    async def ask() -> None:
        async with talking(in_turn(page(campaign(1), campaign(2) | {"campaignId": odd_id}, campaign(3)))) as talk:
            listing = await talk.client.fetch_entities(CAMPAIGN, "prj_1")
            assert [entity.entity_id for entity in listing] == ["cmp_1", "cmp_3"]
            (left_out,) = listing.left_out
            assert left_out.field == "items.1" and "campaignId" in left_out.problem

    run(ask())


@pytest.mark.parametrize(
    ("field", "sent", "column", "value"),
    [
        ("name", r'"Spring \ud83d"', "name", "Spring \N{REPLACEMENT CHARACTER}"),
        ("name", r'"\u0000"', "name", "\N{REPLACEMENT CHARACTER}"),
        ("name", '"tab \t inside"', "name", "tab \t inside"),
        ("name", '{"en": "Spring"}', "name", None),
        ("name", "true", "name", None),
        ("name", "17", "name", "17"),
        ("status", "[]", "status", None),
        ("currency", "0.5", "currency", None),
        ("dailyBudgetCents", "18446744073709551615", "daily_budget_cents", None),
        ("dailyBudgetCents", "9223372036854775807", "daily_budget_cents", 2**63 - 1),
        ("dailyBudgetCents", "9" * 5000, "daily_budget_cents", None),
        ("dailyBudgetCents", "NaN", "daily_budget_cents", None),
        ("dailyBudgetCents", "12.5", "daily_budget_cents", None),
        ("createdAt", '"9999-12-31T23:59:59-08:00"', "created_at", None),
        ("createdAt", '"0001-01-01T00:00:00+14:00"', "created_at", None),
        ("createdAt", '"2026-02-30"', "created_at", None),
        ("createdAt", "{}", "created_at", None),
        ("adAccountId", "{}", "ad_account_id", None),
    ],
)
def test_a_value_that_its_column_does_not_take_costs_its_field_alone(
    run: Run, field: str, sent: str, column: str, value: object
) -> None:
    item = object_text({"campaignId": '"cmp_1"', "adAccountId": '"acc_1"', "objective": '"SALES"', field: sent})
    body = object_text({"items": array_text([item, object_text({"id": '"cmp_2"', "adAccountId": '"acc_1"'})])})

    async def ask() -> None:
        async with talking(lambda _: Reply(raw=body.encode())) as talk:
            first, second = await talk.client.fetch_entities(CAMPAIGN, "prj_1")
            assert getattr(first, column) == value
            assert (first.entity_id, first.objective) == ("cmp_1", "SALES")
            assert second.odd_fields == ()
            if value is None:
                assert first.unread_columns == {column}
                assert field in first.attributes, "what no column takes is kept as JSON"

    run(ask())


def test_bytes_that_are_no_utf_8_spoil_their_text_alone(run: Run) -> None:
    body = b'{"items": [{"campaignId": "cmp_1", "adAccountId": "acc_1", "name": "Caf\xe9"}]}'

    async def ask() -> None:
        async with talking(lambda _: Reply(raw=body)) as talk:
            (entity,) = await talk.client.fetch_entities(CAMPAIGN, "prj_1")
            assert entity.name == "Caf\N{REPLACEMENT CHARACTER}"

    run(ask())


@pytest.mark.parametrize("scopes", [["*"], [], ["ads:*"], ["metrics:read"], None, "ads:read", {"ads": True}], ids=repr)
@pytest.mark.parametrize("tier", ["standard", "galactic", None, 7])
def test_whoami_refuses_nothing(run: Run, scopes: Any, tier: Any) -> None:
    older = {"organizationId": "org_1", "workspaceId": "ws_1", "killSwitch": True, "apiAccessRevoked": True}
    newer = {"organizationId": "org_1", "parentOrganizationId": None}

    async def ask(body: dict[str, Any]) -> Identity:
        async with talking(lambda _: Reply(body | {"scopes": scopes, "rateLimitTier": tier})) as talk:
            return await talk.client.fetch_identity()

    assert run(ask(older)).switched_off == ("killSwitch", "apiAccessRevoked")
    assert run(ask(newer)).organization_id == "org_1"


@pytest.mark.parametrize(
    ("body", "organization_id"),
    [
        ({"organizationId": 17}, "17"),
        ({"organizationId": {}, "workspaceId": "a"}, "a"),
        ({"workspaceId": "org_a", "apiKeyId": 5, "organizationName": ["x"]}, "org_a"),
    ],
)
def test_whoami_needs_an_organisation_or_its_workspace_and_nothing_else(
    run: Run, body: dict[str, Any], organization_id: str
) -> None:
    async def ask() -> None:
        async with talking(lambda _: Reply(body)) as talk:
            assert (await talk.client.fetch_identity()).organization_id == organization_id

    run(ask())


@pytest.mark.parametrize("body", [{"scopes": ["*"]}, [], "org_1", None], ids=repr)
def test_whoami_that_says_of_nobody_whose_key_it_is_cannot_be_trusted(run: Run, body: Any) -> None:
    async def ask() -> None:
        async with talking(lambda _: Reply(body)) as talk:
            with pytest.raises(UntrustedAnswerError, match="asking who the key is"):
                await talk.client.fetch_identity()

    run(ask())


@properties
@given(field=st.sampled_from(sorted(WHOAMI.keys() - {"organizationId"})), odd=odd_json())
def test_any_json_in_any_field_of_whoami_but_its_ids_changes_nothing_else(field: str, odd: str) -> None:
    body = object_text(WHOAMI | {field: odd})
    identity = parse_identity(body.encode(), server_now=None)
    assert identity.organization_id == "org_1"
    for text in (identity.organization_name, identity.api_key_id, identity.rate_limit_tier):
        assert text is None or len(text.encode("utf-8").decode().splitlines()) == 1


@properties
@given(scope=st.sampled_from(sorted(SCOPES)), data=st.data())
def test_any_json_in_any_fields_of_an_item_costs_those_fields_alone(scope: str, data: st.DataObject) -> None:
    sane = SANE_ITEMS[scope]
    odd = data.draw(st.dictionaries(st.sampled_from([*sane, "newField", "\ud83d", "\0"]), odd_json(), max_size=4))
    odd.pop(SCOPES[scope].api_id, None)
    entity = parse_entity(parse_json(object_text(sane | odd).encode(), allow_nan=True), SCOPES[scope], "prj_1")
    expected = parse_entity(json.loads(object_text(sane)), SCOPES[scope], "prj_1")
    untouched = {field for field in sane if field not in odd}
    for column, field in WIRE_NAMES.items():
        if field in untouched:
            assert getattr(entity, column) == getattr(expected, column), column
    assert entity.entity_id == expected.entity_id
    json.dumps(entity.attributes, allow_nan=False).encode()


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
