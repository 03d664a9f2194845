"""Projects, ad accounts, campaigns, ad sets and ads, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from .reader import NOW, Json, Reader


def walk(reader: Reader, path: str, **query: Any) -> list[Json]:
    found: list[Json] = []
    cursor: str | None = None
    while True:
        page = reader.get(path, params={**query, **({"cursor": cursor} if cursor else {})}).json()
        found += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize(("what", "key"), [("campaigns", "campaignId"), ("adsets", "adsetId"), ("ads", "adId")])
def test_paging_visits_every_item_once(reader: Reader, what: str, key: str):
    path = f"/v1/projects/{reader.project_id}/ads/{what}"
    whole = [item[key] for item in walk(reader, path, limit=200)]
    assert [item[key] for item in walk(reader, path, limit=2)] == whole
    assert len(set(whole)) == len(whole)


@pytest.mark.slow
def test_twenty_thousand_campaigns_are_listed_page_by_page():
    with SandboxServer(WorldConfig(accounts=1, campaigns=20_000), now=NOW) as server, Reader(server.url) as reader:
        found = walk(reader, f"/v1/projects/{reader.project_id}/ads/campaigns", limit=200)
    assert len(found) > 17_000
    assert len({item["campaignId"] for item in found}) == len(found)


def test_a_forged_cursor_silently_gives_the_first_page_again(reader: Reader):
    path = f"/v1/projects/{reader.project_id}/ads/campaigns"
    first = reader.get(path, params={"limit": 2}).json()
    foreign = reader.get(f"/v1/projects/{reader.project_id}/ads/adsets", params={"limit": 2}).json()["nextCursor"]
    for forged in ("forged", "", "é", foreign, first["nextCursor"][:-1] + "A"):
        assert reader.get(path, params={"limit": 2, "cursor": forged}).json() == first


@pytest.mark.parametrize("limit", ["0", "201", "-1", "ten", "1.5", ""])
def test_a_limit_outside_one_to_two_hundred_is_a_validation_error(reader: Reader, limit: str):
    for path, status in ((f"/v1/projects/{reader.project_id}/ads/campaigns", 400), ("/v1/projects", 422)):
        response = reader.get(path, params={"limit": limit})
        assert (response.status_code, response.json()["error"]["code"]) == (status, "VALIDATION")


@pytest.mark.parametrize("cursor", ["", "forged", "é", "===="])
def test_a_malformed_cursor_of_projects_is_a_validation_error(reader: Reader, cursor: str):
    response = reader.get("/v1/projects", params={"cursor": cursor})
    assert (response.status_code, response.json()["error"]["code"]) == (422, "VALIDATION")


def test_a_cursor_of_another_list_gives_the_first_page_of_projects(reader: Reader):
    path = f"/v1/projects/{reader.project_id}/ads/campaigns"
    foreign = reader.get(path, params={"limit": 2}).json()["nextCursor"]
    assert reader.get("/v1/projects", params={"cursor": foreign}).json() == reader.get("/v1/projects").json()


def test_projects_can_be_filtered_by_status(sandbox: SandboxServer, client: Reader):
    sandbox.world.update_project(client.project_id, status="archived")
    archived = client.get("/v1/projects", params={"status": "archived"}).json()["items"]
    assert [item["id"] for item in archived] == [client.project_id]
    assert client.get("/v1/projects", params={"status": "active"}).json()["items"] == []


def test_projects_are_listed_the_newest_first_and_can_be_searched():
    with (
        SandboxServer(WorldConfig(projects=3, accounts=1, campaigns=1), now=NOW) as server,
        Reader(server.url) as reader,
    ):
        projects = walk(reader, "/v1/projects", limit=2)
        created = [item["createdAt"] for item in projects]
        assert len(created) == 3 and created == sorted(created, reverse=True)
        lumen = next(item for item in projects if item["name"] == "Lumen Coffee")
        for query in ({"search": "lumen"}, {"customerExternalId": lumen["customerExternalId"]}):
            assert reader.get("/v1/projects", params=query).json()["items"] == [lumen]
        assert reader.get("/v1/projects", params={"customerExternalId": "nobody"}).json()["items"] == []
        assert lumen.keys() >= {"timezone", "primaryLanguage", "ownerEmail", "updatedAt"}


def test_a_project_can_be_asked_for_by_its_id(reader: Reader):
    (listed,) = reader.get("/v1/projects").json()["items"]
    assert reader.get(f"/v1/projects/{listed['id']}").json() == listed
    assert reader.get("/v1/projects/prj_nothing").status_code == 404


def test_ids_are_taken_with_their_prefix_or_without_it(reader: Reader):
    project, campaign = reader.project_id.removeprefix("prj_"), reader.campaign()["campaignId"]
    adset = reader.items("adsets", campaignId=campaign)[0]["adsetId"]
    ad = reader.items("ads", adsetId=adset)[0]["adId"]
    assert reader.get(f"/v1/projects/{project}").json()["id"] == reader.project_id
    for scope, entity_id in (("project", reader.project_id), ("campaign", campaign), ("adset", adset), ("ad", ad)):
        bare = entity_id.partition("_")[2]
        answer = reader.get(f"/v1/projects/{project}/ads-metrics", params={"scope": scope, "id": bare}).json()
        assert answer.pop("id") == bare
        assert answer.items() <= reader.metrics(scope, entity_id).items()
    assert reader.items("adsets", campaignId=campaign.removeprefix("cmp_")) == reader.items(
        "adsets", campaignId=campaign
    )
    assert reader.items("ads", adsetId=adset.removeprefix("adg_")) == reader.items("ads", adsetId=adset)


def test_an_account_is_numbered_the_way_its_platform_does(reader: Reader):
    meta, tiktok, apple = (account["externalId"] for account in reader.items("ad-accounts"))
    assert meta.startswith("act_") and tiktok.isdigit() and apple.startswith("org-")


def test_the_budgets_of_ad_sets_add_up_to_no_more_than_their_campaigns(reader: Reader):
    campaign = reader.campaign()
    budgets = [adset["dailyBudgetCents"] for adset in reader.items("adsets", campaignId=campaign["campaignId"])]
    assert 0 <= campaign["dailyBudgetCents"] - sum(budgets) < len(budgets)


def test_accounts_differ_in_currency_and_can_be_filtered(sandbox: SandboxServer, client: Reader):
    accounts = client.items("ad-accounts")
    assert [account["currency"] for account in accounts] == ["USD", "EUR", "GBP"]
    assert {account["tokenStatus"] for account in accounts} == {"valid"}
    sandbox.world.update_account(accounts[0]["adAccountId"], token_status="expired")
    assert [account["platform"] for account in client.items("ad-accounts", healthy="true")] == [
        "tiktok_ads",
        "apple_ads",
    ]
    assert [account["platform"] for account in client.items("ad-accounts", healthy="false")] == ["meta_ads"]
    assert [account["currency"] for account in client.items("ad-accounts", platforms="apple_ads")] == ["GBP"]


def test_campaigns_can_be_filtered_by_each_of_their_filters(reader: Reader):
    everything = reader.items("campaigns")
    account_id = everything[0]["adAccountId"]
    filters: list[tuple[dict[str, Any], Callable[[Json], bool]]] = [
        ({"platforms": ["meta_ads", "apple_ads"]}, lambda item: item["platform"] != "tiktok_ads"),
        ({"adAccountId": account_id}, lambda item: item["adAccountId"] == account_id),
        ({"status": ["archived", "paused"]}, lambda item: item["status"] in ("archived", "paused")),
        ({"since": "2026-01-01"}, lambda item: item["createdAt"] >= "2026-01-01"),
    ]
    for query, keeps in filters:
        assert reader.items("campaigns", **query) == [item for item in everything if keeps(item)] != everything


def test_a_campaign_has_a_budget_in_cents_and_an_empty_snapshot(reader: Reader):
    campaign = reader.campaign()
    assert isinstance(campaign["dailyBudgetCents"], int)
    assert campaign["metricsSnapshot7d"] == {}
    assert campaign["startTime"].endswith("T00:00:00Z")


def test_ad_sets_and_ads_name_their_parents_and_apple_has_no_ads(reader: Reader):
    campaign = reader.campaign()
    adset = reader.items("adsets", campaignId=campaign["campaignId"])[0]
    assert (adset["campaignId"], adset["adAccountId"]) == (campaign["campaignId"], campaign["adAccountId"])
    ads = reader.items("ads", adsetId=adset["adsetId"])
    assert {(ad["adsetId"], ad["campaignId"]) for ad in ads} == {(adset["adsetId"], campaign["campaignId"])}
    assert all(ad["adsContentId"] for ad in ads)
    assert reader.items("adsets", platforms="apple_ads") != []
    assert reader.items("ads", platforms="apple_ads") == []
