"""Listings in, and what a plan needs to know of every entity out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import polars as pl

from layers_etl.domain.days import DayWindow
from layers_etl.domain.entities import Entity
from layers_etl.domain.planning import Known
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql

_ENTITY_TYPES = {
    "token_last_validated_at": pl.Datetime("us", "UTC"),
    "connected_at": pl.Datetime("us", "UTC"),
    "created_at": pl.Datetime("us", "UTC"),
    "daily_budget_cents": pl.Int64(),
    "lifetime_budget_cents": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class KnownEntity:
    """An entity as planning knows it, with the currency its money is in."""

    known: Known
    currency: str | None


def upsert_entities(
    warehouse: Warehouse,
    scope: Scope,
    project_ids: Sequence[str],
    entities: Sequence[Entity],
    seen_at: datetime,
    *,
    below: Sequence[Scope] = (),
) -> None:
    """Land whole listings of ``scope`` for ``project_ids``, seen at ``seen_at``, in one transaction.

    A change of a versioned column closes the current version and opens the next; an entity of these projects that is
    no longer listed stays, with ``listed`` false. ``below`` are the scopes whose marts show an account's name.
    A listing that says nothing new is not worth publishing.
    """
    columns = (*scope.key_columns, *scope.parents, *scope.details)
    rows = [
        {
            **{column: _entity_value(entity, scope, column) for column in columns},
            "listed": True,
            "attributes": msgspec.json.encode(dict(entity.attributes)).decode(),
        }
        for entity in entities
    ]
    schema = {column: _ENTITY_TYPES.get(column, pl.String()) for column in columns}
    frame = pl.DataFrame(rows, schema={**schema, "listed": pl.Boolean(), "attributes": pl.String()})
    with warehouse.transaction() as connection:
        connection.register("incoming_entities", frame)
        run_script(connection, scope_sql("upsert_entities", scope), seen_at=seen_at, project_ids=list(project_ids))
        if scope is AD_ACCOUNT:
            for child in (scope for scope in below if "ad_account_id" in scope.parents):
                connection.execute(scope_sql("mark_below_renamed_accounts", child))
        connection.unregister("incoming_entities")
        if connection.execute("SELECT count(*) FROM changed_entities").fetchall()[0][0]:
            warehouse.count_change()


def _entity_value(entity: Entity, scope: Scope, column: str) -> object:
    return entity.entity_id if column == scope.id_column else getattr(entity, column)


def load_known_entities(
    warehouse: Warehouse, scope: Scope, project_ids: Sequence[str], *, continued: str | None = None
) -> list[KnownEntity]:
    """Every entity of ``scope`` in ``project_ids`` with its ledger, an account's entities side by side.

    ``continued`` names the run whose readings are to count as already made.
    """
    rows = warehouse.connection.execute(
        scope_sql("known_entities", scope), {"project_ids": list(project_ids)}
    ).fetchall()
    coverage = _load_intervals(warehouse, "coverage_of_scope", scope=scope.name)
    already_read = _load_intervals(warehouse, "readings_of_continued", scope=scope.name, continued=continued)
    return [
        KnownEntity(
            Known(
                key=EntityKey(scope, project_id, entity_id, platform),
                parent_id=ad_account_id,
                status=status,
                gone=gone,
                last_active_day=last_active_day,
                coverage=coverage.get((project_id, entity_id), ()),
                already_read=already_read.get((project_id, entity_id), ()),
            ),
            currency,
        )
        for project_id, entity_id, platform, ad_account_id, currency, status, gone, last_active_day in rows
    ]


def load_account_names(warehouse: Warehouse) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """Name and platform by ``(project_id, ad_account_id)``."""
    rows = warehouse.connection.execute(
        "SELECT project_id, ad_account_id, name, platform FROM ads.ad_accounts"
    ).fetchall()
    return {(project_id, ad_account_id): (name, platform) for project_id, ad_account_id, name, platform in rows}


def load_project_ids(warehouse: Warehouse, wanted: Sequence[str]) -> list[str]:
    """The projects that are listed (and among ``wanted``, where that is not empty)."""
    rows = warehouse.connection.execute(
        "SELECT project_id FROM ads.projects WHERE listed ORDER BY project_id"
    ).fetchall()
    return [project_id for (project_id,) in rows if not wanted or project_id in wanted]


def _load_intervals(
    warehouse: Warehouse, query: str, **parameters: object
) -> dict[tuple[str, str], tuple[Coverage, ...]]:
    intervals: dict[tuple[str, str], list[Coverage]] = defaultdict(list)
    for project_id, entity_id, since, until, read_at, lag_hours in warehouse.connection.execute(
        load_sql(query), parameters
    ).fetchall():
        intervals[project_id, entity_id].append(Coverage(DayWindow(since, until), read_at, lag_hours))
    return {key: tuple(found) for key, found in intervals.items()}


def mark_gone(warehouse: Warehouse, key: EntityKey, gone_at: datetime) -> None:
    """Remember that the metrics of an entity answered NOT_FOUND; runs no longer ask for it, backfills still do."""
    _set_gone(warehouse, key, gone_at)


def unmark_gone(warehouse: Warehouse, keys: Sequence[EntityKey]) -> None:
    """Forget it for entities whose metrics could be read after all."""
    for key in keys:
        _set_gone(warehouse, key, None)


def _set_gone(warehouse: Warehouse, key: EntityKey, gone_at: datetime | None) -> None:
    with warehouse.change() as connection:
        connection.execute(
            scope_sql("set_gone", key.scope),
            {"gone_at": gone_at, "project_id": key.project_id, "entity_id": key.entity_id},
        )
