"""Any JSON, from the wire to a real file: nothing that is stored can fail on its content, nothing else is harmed."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api.failures import ErrorResponse
from layers_etl.api.parsing import parse_entity_page
from layers_etl.api.wire import NotJsonError, WrongTypeError, parse_error_envelope
from layers_etl.domain.scopes import SCOPES, Scope
from layers_etl.errors import EntityError, RequestContext, UntrustedAnswerError
from layers_etl.ingest.run_log import RunLog
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, upsert_entities

from ..domain.strategies import properties
from ..harness.fresh import fresh_warehouse
from ..json_values import ODD_VALUES, array_text, object_text, odd_json

pytestmark = pytest.mark.slow

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
COLUMNS = {
    "platform": "meta_ads",
    "name": "Spring",
    "status": "active",
    "externalId": "act_17",
    "currency": "EUR",
    "objective": "SALES",
    "createdAt": "2026-01-01T00:00:00Z",
    "tokenLastValidatedAt": "2026-01-01T00:00:00Z",
    "dailyBudgetCents": 500,
    "unheardOf": None,
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A file with every scope, in which each example is undone."""
    folder: Path = tmp_path_factory.mktemp("any")
    with fresh_warehouse(folder / "build.duckdb", SCOPES.values()) as warehouse:
        yield warehouse


class UndoneError(Exception):
    """Ends an example's transaction."""


@contextmanager
def undone(warehouse: Warehouse) -> Generator[None]:
    """Nothing that is written in the block stays."""
    with suppress(UndoneError), warehouse.transaction():
        yield
        raise UndoneError


def sane_item(scope: Scope, entity_id: str) -> dict[str, str]:
    """An item as the API promises it, each field as the text of its JSON."""
    parents = {SCOPES[parent.removesuffix("_id")].api_id: f'"{parent}"' for parent in scope.parents}
    return {name: json.dumps(value) for name, value in COLUMNS.items()} | parents | {scope.api_id: f'"{entity_id}"'}


def page_of(*items: dict[str, str]) -> bytes:
    """A listing's one page."""
    return object_text({"items": array_text(list(map(object_text, items)))}).encode()


def land(warehouse: Warehouse, scope: Scope, body: bytes) -> dict[str, dict[str, Any]]:
    """Parse a page and land it; the rows of the scope's table by id. Nothing of it stays."""
    page = parse_entity_page(body, scope, None if scope.name == "project" else "prj_1")
    entities = list(page.page.items.values())
    project_ids = sorted({entity.project_id for entity in entities})
    with undone(warehouse):
        stored = upsert_entities(warehouse, scope, project_ids, entities, NOON)
        RunLog(warehouse, "run", lambda: NOON).note_odd_fields(scope, stored, [(None, page.left_out)])
        noted = rows_of(warehouse, "FROM ops.odd_fields")
        assert len(noted) == sum(len(entity.odd_fields) for entity in entities) + len(page.left_out)
        if scope.name != "project":
            assert len(load_known_entities(warehouse, scope, project_ids)) == len(entities)
        return {row[scope.id_column]: row for row in rows_of(warehouse, f"FROM ads.{scope.plural}")}


def rows_of(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.connection.execute(sql).pl().to_dicts()


@pytest.mark.parametrize("scope", SCOPES)
def test_each_kind_of_json_in_every_field_of_an_item_lands_with_its_neighbours(
    warehouse: Warehouse, scope: str
) -> None:
    sane = sane_item(SCOPES[scope], "sane")
    spoiled = [
        dict.fromkeys(sane, odd) | {SCOPES[scope].api_id: f'"odd_{number}"'} for number, odd in enumerate(ODD_VALUES)
    ]
    rows = land(warehouse, SCOPES[scope], page_of(sane, *spoiled))
    assert rows.keys() == {"sane", *(f"odd_{number}" for number in range(len(ODD_VALUES)))}
    assert rows["sane"] == land(warehouse, SCOPES[scope], page_of(sane))["sane"]


@properties
@given(scope=st.sampled_from(sorted(SCOPES)), data=st.data())
def test_any_json_in_any_fields_of_an_item_lands_with_its_neighbours(
    warehouse: Warehouse, scope: str, data: st.DataObject
) -> None:
    sane = sane_item(SCOPES[scope], "one")
    fields = st.sampled_from([name for name in sane if name != SCOPES[scope].api_id])
    odd = data.draw(st.dictionaries(fields | st.text(min_size=1, max_size=3), odd_json(), max_size=5))
    others = [object_text(sane), *data.draw(st.lists(odd_json(), max_size=2))]
    spoiled = object_text(sane_item(SCOPES[scope], "two") | odd | {SCOPES[scope].api_id: '"two"'})
    rows = land(warehouse, SCOPES[scope], object_text({"items": array_text([*others, spoiled])}).encode())
    assert {"one", "two"} <= rows.keys()
    assert rows["one"] == land(warehouse, SCOPES[scope], page_of(sane))["one"]


@properties
@given(odd=odd_json(), wraps=st.booleans())
def test_any_json_for_a_page_is_a_listing_or_cannot_be_trusted(odd: str, *, wraps: bool) -> None:
    body = object_text({"items": odd, "nextCursor": odd}) if wraps else odd
    said = ""
    try:
        said = parse_entity_page(body.encode(), SCOPES["campaign"], "prj_1").page.next_cursor or ""
    except (NotJsonError, WrongTypeError) as fault:
        said = str(fault)
    assert said.encode("utf-8").decode() == said


@properties
@given(odd=odd_json(), status=st.sampled_from([400, 404, 409, 503]), body=st.binary(max_size=50))
def test_any_error_and_any_body_that_is_put_aside_can_be_written_down(
    warehouse: Warehouse, odd: str, status: int, body: bytes
) -> None:
    context = RequestContext("reading", "prj_1", "campaign", "cmp_1")
    envelope = object_text({"error": object_text({"code": '"NEW"', "message": odd, "details": odd, "requestId": odd})})
    errors = [ErrorResponse(status, parse_error_envelope(text.encode())).error(context) for text in (envelope, odd)]
    untrusted = UntrustedAnswerError("odd", context, "UNTRUSTED", None, body + b"\0" + odd.encode())
    failures = [error for error in errors if isinstance(error, EntityError)]
    with undone(warehouse):
        RunLog(warehouse, "run", lambda: NOON).note_failures([*failures, untrusted])
        assert len(rows_of(warehouse, "FROM ops.failures")) == len(failures) + 1
        ((kept,),) = warehouse.connection.execute("SELECT body FROM ops.untrusted_answers").fetchall()
        assert kept.encode("utf-8") and "\0" not in kept
