"""What checks found stands until a run finds something else, and says since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers_etl.domain.storable import storable_json
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.findings import CheckFinding, StandingFinding, load_findings, record_findings

from ..examples import examples

MONDAY = datetime(2026, 4, 6, 7, tzinfo=UTC)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
UNREAD = CheckFinding("campaign_metrics", "every_entity_was_read", False, True, "Two were not.", "Wait.", {"failed": 2})
READ = CheckFinding("campaign_metrics", "every_entity_was_read", True, False, None, None, {"failed": 0})
STALE = CheckFinding("ad_accounts", "every_account_is_refreshed", False, False, "One is not.", None, {})
HELD = [(each.asset, each.check_name) for each in (UNREAD, STALE)]

FACTS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()


def recorded(
    warehouse: Warehouse, at: datetime, *findings: CheckFinding, held: Sequence[tuple[str, str]] = HELD
) -> list[StandingFinding]:
    record_findings(warehouse, findings, held, run_id=f"run of {at}", instant=at)
    return load_findings(warehouse)


def state(warehouse: Warehouse) -> object:
    return warehouse.connection.execute("SELECT state_id FROM ops.revision").fetchall()


def test_a_check_fails_since_the_first_run_of_those_that_found_it_so(warehouse: Warehouse) -> None:
    recorded(warehouse, MONDAY, UNREAD)
    (standing,) = recorded(warehouse, TUESDAY, UNREAD)

    assert (standing.since, standing.found_at) == (MONDAY, TUESDAY)
    assert (standing.message, standing.remedy, standing.facts) == ("Two were not.", "Wait.", {"failed": 2})


def test_what_recovered_and_fails_again_fails_since_then(warehouse: Warehouse) -> None:
    recorded(warehouse, MONDAY, UNREAD)
    (recovered,) = recorded(warehouse, TUESDAY, READ)
    (again,) = recorded(warehouse, WEDNESDAY, UNREAD)

    assert (recovered.passed, recovered.since) == (True, TUESDAY)
    assert again.since == WEDNESDAY


def test_what_a_run_could_not_hold_stands_as_it_was(warehouse: Warehouse) -> None:
    recorded(warehouse, MONDAY, UNREAD, STALE)
    failing, warning = recorded(warehouse, TUESDAY, UNREAD)

    assert failing.found_at == TUESDAY, "errors come first"
    assert (warning.check_name, warning.found_at) == (STALE.check_name, MONDAY)


def test_a_check_that_is_held_no_more_is_forgotten(warehouse: Warehouse) -> None:
    recorded(warehouse, MONDAY, UNREAD, STALE)

    assert [each.asset for each in recorded(warehouse, TUESDAY, STALE, held=HELD[1:])] == ["ad_accounts"]


def test_what_is_found_as_it_stood_is_nothing_to_publish(warehouse: Warehouse) -> None:
    recorded(warehouse, MONDAY, UNREAD)
    before = state(warehouse)
    recorded(warehouse, TUESDAY, UNREAD)
    unchanged = state(warehouse)
    recorded(warehouse, WEDNESDAY, READ)

    assert unchanged == before
    assert state(warehouse) != before


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), FACTS | st.lists(FACTS)))
def test_facts_come_back_as_they_were_whatever_they_hold(warehouse: Warehouse, facts: dict[str, object]) -> None:
    stored = storable_json(facts)
    (standing,) = recorded(warehouse, MONDAY, CheckFinding("a", "b", False, True, "!", None, stored), held=[("a", "b")])

    assert standing.facts == stored
