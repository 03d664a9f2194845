"""Which accounts Layers is known not to refresh."""

from __future__ import annotations

from dataclasses import replace

import pytest

from layers_etl.domain.entities import Entity
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT
from layers_etl.warehouse.checks import load_unrefreshed_accounts
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities

from .builders import PROJECT_ID, account, utc

AT = utc(3, 12, 6)
LATER = utc(3, 13, 6)
EXPIRED = account(token_status="expired", name="Acme | US")


def unrefreshed(warehouse: Warehouse, *wanted: str) -> list[str]:
    """Their sentences."""
    return [str(found) for found in load_unrefreshed_accounts(warehouse, wanted)]


def test_an_account_with_a_token_other_than_valid_is_named_with_what_to_do(warehouse: Warehouse) -> None:
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [EXPIRED, account("acc_2", token_status="valid")], AT)
    assert unrefreshed(warehouse) == [
        "Acme | US (acc_1, meta_ads) is not being refreshed: its token is expired. Reconnect the account in Layers."
    ]


@pytest.mark.parametrize("token_status", [None, "valid", "VALID"])
def test_a_token_that_is_valid_or_unknown_is_no_complaint(warehouse: Warehouse, token_status: str | None) -> None:
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [account(token_status=token_status)], AT)
    assert unrefreshed(warehouse) == []


def test_an_account_that_is_no_longer_listed_is_no_complaint(warehouse: Warehouse) -> None:
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [EXPIRED], AT)
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [], LATER)
    assert unrefreshed(warehouse) == []


def test_the_accounts_of_an_archived_project_are_no_complaint(warehouse: Warehouse) -> None:
    project = Entity(PROJECT, PROJECT_ID, PROJECT_ID, name="Acme")
    upsert_entities(warehouse, PROJECT, [PROJECT_ID], [project], AT)
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [EXPIRED], AT)
    assert len(unrefreshed(warehouse)) == 1
    upsert_entities(warehouse, PROJECT, [PROJECT_ID], [], LATER)
    assert unrefreshed(warehouse) == []


def test_only_projects_that_are_asked_for_are_looked_at(warehouse: Warehouse) -> None:
    other = replace(EXPIRED, project_id="prj_other", entity_id="acc_3")
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID, "prj_other"], [EXPIRED, other], AT)
    assert len(unrefreshed(warehouse)) == 2
    (found,) = unrefreshed(warehouse, "prj_other")
    assert "acc_3" in found
