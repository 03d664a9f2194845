"""Accounts under a second id, and campaigns that move from one account to another."""

from datetime import date, timedelta
from typing import Any

import pytest

from layers_etl.sandbox.entities import Scope
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION, World, WorldConfig

from .reader import NOW, Reader

MOVED = date(2026, 3, 20)
TWO_OF_META = WorldConfig(accounts=4, campaigns=3)
"""The first and the fourth account are of one platform."""


def change(client: Reader, op: str, **fields: Any) -> str:
    response = client.post("/sandbox/world", json={"op": op, **fields})
    assert response.status_code == 200, response.text
    return response.json()["id"]


def days(client: Reader, scope: str, entity_id: str) -> list[dict[str, Any]]:
    return client.metrics(scope, entity_id, since="2026-03-10", until="2026-03-25")["series"]


@pytest.mark.parametrize("old_id_answers", [True, False])
def test_a_reconnected_account_answers_with_its_past_under_a_new_id(
    sandbox: SandboxServer, client: Reader, old_id_answers: bool
):
    old = client.account()
    past, project = days(client, "ad_account", old["adAccountId"]), days(client, "project", client.project_id)
    campaigns = client.items("campaigns", adAccountId=old["adAccountId"])
    new_id = change(client, "reconnect_account", account_id=old["adAccountId"], old_id_answers=old_id_answers)
    listed = {item["adAccountId"]: item for item in client.items("ad-accounts", platforms="meta_ads")}
    assert listed[new_id]["externalId"] == old["externalId"]
    assert days(client, "ad_account", new_id) == past
    assert client.items("campaigns", adAccountId=new_id) == [{**item, "adAccountId": new_id} for item in campaigns]
    assert days(client, "project", client.project_id) == project
    assert (old["adAccountId"] in listed) is old_id_answers
    answer = client.ask("ad_account", old["adAccountId"], since="2026-03-10", until="2026-03-25")
    assert answer.json().get("series") == (past if old_id_answers else None)
    assert answer.status_code == (200 if old_id_answers else 404)


def test_a_campaign_added_to_a_reconnected_account_counts_in_it_under_either_id():
    world = World(TWO_OF_META)
    project = world.projects(ORGANIZATION)[0]
    old, day = world.accounts(project.id)[0].id, date(2026, 3, 10)
    new = world.reconnect_account(old, old_id_answers=True)
    before = world.activity(Scope.AD_ACCOUNT, new, day, NOW)
    added = world.add_campaign(old, first_day=day)
    own, after = world.activity(Scope.CAMPAIGN, added, day, NOW), world.activity(Scope.AD_ACCOUNT, new, day, NOW)
    assert before and own and after
    assert after.spend_cents == before.spend_cents + own.spend_cents
    assert world.activity(Scope.AD_ACCOUNT, old, day, NOW) == after


def test_a_campaign_that_moves_counts_in_its_new_account_from_that_day_on_and_before_it_in_the_old():
    with SandboxServer(TWO_OF_META, now=NOW) as server, Reader(server.url) as client:
        source, target = (item["adAccountId"] for item in client.items("ad-accounts", platforms="meta_ads"))
        campaign_id = client.campaign()["campaignId"]
        before = {entity: days(client, "ad_account", entity) for entity in (source, target)}
        own, project = days(client, "campaign", campaign_id), days(client, "project", client.project_id)
        change(client, "move_campaign", campaign_id=campaign_id, account_id=target, first_day=MOVED.isoformat())
        (listed,) = [item for item in client.items("campaigns") if item["campaignId"] == campaign_id]
        assert listed["adAccountId"] == target
        assert days(client, "campaign", campaign_id) == own
        assert days(client, "project", client.project_id) == project
        for place, row in enumerate(own):
            there = row["spend"] if row["bucket"] >= MOVED.isoformat() else 0
            for entity, moved in ((source, -there), (target, there)):
                now = days(client, "ad_account", entity)[place]
                assert now["spend"] == pytest.approx(before[entity][place]["spend"] + moved)


def test_a_campaign_that_moves_back_counts_where_it_was_on_each_day():
    world = World(TWO_OF_META)
    project = world.projects(ORGANIZATION)[0]
    source, _, _, target = (account.id for account in world.accounts(project.id))
    campaign = next(world.campaigns(project.id, NOW))
    whole = {day: world.activity(Scope.AD_ACCOUNT, source, day, NOW) for day in (MOVED, MOVED + timedelta(days=3))}
    world.move_campaign(campaign.id, target, MOVED)
    world.move_campaign(campaign.id, source, MOVED + timedelta(days=3))
    assert world.activity(Scope.AD_ACCOUNT, source, MOVED, NOW) != whole[MOVED]
    later = MOVED + timedelta(days=3)
    assert world.activity(Scope.AD_ACCOUNT, source, later, NOW) == whole[later]
    assert sum(listed.id == campaign.id for listed in world.campaigns(project.id, NOW)) == 1


def test_an_account_is_reconnected_once_and_a_campaign_stays_on_its_platform():
    world = World(TWO_OF_META)
    first, second, *_ = world.accounts(world.projects(ORGANIZATION)[0].id)
    campaign = next(world.campaigns(first.project_id, NOW))
    with pytest.raises(ValueError, match="platform"):
        world.move_campaign(campaign.id, second.id, MOVED)
    world.reconnect_account(first.id)
    with pytest.raises(ValueError, match="already"):
        world.reconnect_account(first.id)
