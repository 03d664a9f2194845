"""Listings in, and what a plan needs to know of every entity out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
import polars as pl

from layers_etl.domain.days import DayWindow
from layers_etl.domain.entities import Entity
from layers_etl.domain.ids import find_same_ids, is_among, match_ids
from layers_etl.domain.planning import KnownEntity
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import PROJECT, SCOPES, WEEKLY_REACH_SCOPES, Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import REPORT_IT, LayersEtlError
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import fetch_frame, register
from layers_etl.warehouse.schema import scopes_of
from layers_etl.warehouse.settling import settle_anew
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql

_ENTITY_TYPES = {
    "token_last_validated_at": pl.Datetime("us", "UTC"),
    "connected_at": pl.Datetime("us", "UTC"),
    "created_at": pl.Datetime("us", "UTC"),
    "daily_budget_cents": pl.Int64(),
    "lifetime_budget_cents": pl.Int64(),
}


def upsert_entities(
    warehouse: Warehouse,
    scope: Scope,
    project_ids: Sequence[str],
    entities: Sequence[Entity],
    seen_at: datetime,
    *,
    partly_listed: Collection[str] = (),
) -> list[Entity]:
    """Land listings of ``scope`` for ``project_ids``, seen at ``seen_at``, in one transaction.

    A change of a versioned column closes the current version and opens the next; an entity of these projects that is
    no longer listed stays, with ``listed`` false, unless its project is among ``partly_listed``. Ids are those that
    :func:`adopt_stored_ids` gives; of a column left unread, what was known stands. Days that landed before their
    platform or currency was known get it. A listing that says nothing new is not worth publishing. Returns the entities
    as stored. Raises :class:`LayersEtlError`, and writes nothing, if ``entities`` hold a key twice, or a null in one.
    """
    stored = _keep_what_is_known(warehouse, scope, adopt_stored_ids(warehouse, scope, entities))
    columns = (*scope.key_columns, *scope.parents, *scope.details)
    rows = [
        {
            **{column: _entity_value(entity, scope, column) for column in columns},
            "listed": True,
            "attributes": msgspec.json.encode(dict(entity.attributes)).decode(),
        }
        for entity in stored
    ]
    schema = {column: _ENTITY_TYPES.get(column, pl.String()) for column in columns}
    frame = pl.DataFrame(rows, schema={**schema, "listed": pl.Boolean(), "attributes": pl.String()})
    keys = frame.select(scope.key_columns)
    if keys.is_duplicated().any() or keys.null_count().sum_horizontal().item():
        raise LayersEtlError(f"A listing of {scope.plural} holds a key twice, or none, which is a bug: {REPORT_IT}.")
    with warehouse.transaction() as connection:
        register(connection, "incoming_entities", frame)
        of_listing: dict[str, object] = {
            "seen_at": seen_at,
            "project_ids": list(project_ids),
            "wholly_listed": [project_id for project_id in project_ids if project_id not in partly_listed],
        }
        run_script(connection, scope_sql("compare_entities", scope), **of_listing)
        is_new = bool(connection.execute("SELECT 1 FROM changed_entities LIMIT 1").fetchall())
        if is_new:
            run_script(connection, scope_sql("version_entities", scope), **of_listing)
        run_script(connection, scope_sql("upsert_entities", scope), **of_listing)
        if is_new:
            run_script(connection, load_sql("note_renamed_days"), **of_listing)
            warehouse.count_change()
        connection.unregister("incoming_entities")
        for each in scopes_of(connection):
            _fill_in(warehouse, each)
    return stored


def adopt_stored_ids(warehouse: Readable, scope: Scope, entities: Sequence[Entity]) -> list[Entity]:
    """The entities under the ids that they, and their parents, are stored under.

    The API gives ids with their prefix or without it: one entity must not become two by that.
    """
    if scope is PROJECT:
        stored = load_project_ids(warehouse, ())
        own = match_ids([entity.entity_id for entity in entities], stored)
        return [_renamed(entity, {"project_id": own, "entity_id": own}) for entity in entities]
    by_project: dict[str, list[Entity]] = defaultdict(list)
    for entity in entities:
        by_project[entity.project_id].append(entity)
    present = scopes_of(warehouse.connection)
    parents = [above for column in scope.parents if (above := SCOPES[column.removesuffix("_id")]) in present]
    ids = {each: _load_stored_ids(warehouse, each, list(by_project)) for each in (scope, *parents)}
    adopted: list[Entity] = []
    for project_id, listed in by_project.items():
        stored_as = {"entity_id": match_ids([entity.entity_id for entity in listed], ids[scope][project_id])}
        for above in parents:
            named = {parent for entity in listed if (parent := getattr(entity, above.id_column))}
            stored_as[above.id_column] = find_same_ids(named, ids[above][project_id])
        adopted += [_renamed(entity, stored_as) for entity in listed]
    return adopted


def _load_stored_ids(warehouse: Readable, scope: Scope, project_ids: Sequence[str]) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = defaultdict(set)
    query, parameters = scope_sql("stored_ids", scope), {"project_ids": list(project_ids)}
    for project_id, entity_id in warehouse.connection.execute(query, parameters).fetchall():
        ids[project_id].add(entity_id)
    return ids


def _renamed(entity: Entity, stored_as: Mapping[str, Mapping[str, str]]) -> Entity:
    """The entity with other ids, by field; the same one where none is another."""
    changes = {
        name: other
        for name, others in stored_as.items()
        if (listed := getattr(entity, name)) and (other := others[listed]) != listed
    }
    return replace(entity, **changes) if changes else entity


def _keep_what_is_known(warehouse: Readable, scope: Scope, entities: Sequence[Entity]) -> list[Entity]:
    """The entities with what is stored of the columns that their listing left unread."""
    columns = {*scope.parents, *scope.details}
    unread = {_key(entity): found for entity in entities if (found := entity.unread_columns & columns)}
    if not unread:
        return list(entities)
    project_ids, entity_ids = zip(*unread, strict=True)
    known = fetch_frame(
        warehouse.connection,
        scope_sql("stored_entities", scope),
        {"project_ids": list(project_ids), "entity_ids": list(entity_ids)},
    )
    stored = {(row["project_id"], row[scope.id_column]): row for row in known.iter_rows(named=True)}
    return [
        replace(entity, **{column: row[column] for column in unread[_key(entity)]})
        if (row := stored.get(_key(entity))) and _key(entity) in unread
        else entity
        for entity in entities
    ]


def _key(entity: Entity) -> tuple[str, str]:
    return entity.project_id, entity.entity_id


def _fill_in(warehouse: Warehouse, scope: Scope) -> None:
    connection = warehouse.connection
    filled = 0
    if connection.execute(scope_sql("unfilled_days", scope)).fetchall():
        run_script(connection, scope_sql("fill_in_days", scope))
        filled += connection.execute("SELECT count(*) FROM filled_days").fetchall()[0][0]
    if scope in WEEKLY_REACH_SCOPES:
        filled += connection.execute(scope_sql("fill_in_weeks", scope)).fetchall()[0][0]
    if filled:
        settle_anew(connection, scope)
        warehouse.count_change()


def _entity_value(entity: Entity, scope: Scope, column: str) -> object:
    return entity.entity_id if column == scope.id_column else getattr(entity, column)


def load_known_entities(
    warehouse: Readable, scope: Scope, project_ids: Sequence[str], *, continued: str | None = None
) -> list[KnownEntity]:
    """Every entity of ``scope`` in ``project_ids`` with its ledger, an account's entities side by side.

    ``continued`` names the run whose readings are to count as already made.
    """
    rows = warehouse.connection.execute(
        scope_sql("known_entities", scope), {"project_ids": list(project_ids)}
    ).fetchall()
    coverage = _load_intervals(warehouse, "coverage_of_scope", scope=scope.name)
    already_read = (
        _load_intervals(warehouse, "readings_of_continued", scope=scope.name, continued=continued) if continued else {}
    )
    return [
        KnownEntity(
            EntityKey(scope, project_id, entity_id, platform),
            *facts,
            coverage=coverage.get((project_id, entity_id), ()),
            already_read=already_read.get((project_id, entity_id), ()),
        )
        for project_id, entity_id, platform, *facts in rows
    ]


def load_account_names(warehouse: Readable) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """Name and platform by ``(project_id, ad_account_id)``."""
    rows = warehouse.connection.execute(
        "SELECT project_id, ad_account_id, name, platform FROM ads.ad_accounts"
    ).fetchall()
    return {(project_id, ad_account_id): (name, platform) for project_id, ad_account_id, name, platform in rows}


def load_entity_names(warehouse: Readable, entity_ids: Collection[str]) -> dict[tuple[str, str, str], str | None]:
    """What the entities with these ids are called, by scope, project and id."""
    rows = warehouse.connection.execute(
        "SELECT scope, project_id, entity_id, name FROM ops.entities WHERE entity_id IN (SELECT unnest($ids))",
        {"ids": sorted(entity_ids)},
    ).fetchall()
    return {(scope, project_id, entity_id): name for scope, project_id, entity_id, name in rows}


def load_project_ids(warehouse: Readable, wanted: Sequence[str]) -> list[str]:
    """The projects that were ever listed, archived ones too (and are among ``wanted``, where that is not empty)."""
    rows = warehouse.connection.execute("SELECT project_id FROM ads.projects ORDER BY project_id").fetchall()
    return [project_id for (project_id,) in rows if not wanted or is_among(project_id, wanted)]


def _load_intervals(
    warehouse: Readable, query: str, **parameters: object
) -> dict[tuple[str, str], tuple[Coverage, ...]]:
    """The intervals that ``query`` finds, by ``(project_id, entity_id)``: of each that entities share, one object."""
    intervals: dict[tuple[str, str], list[Coverage]] = defaultdict(list)
    for project_id, entity_ids, since, until, *reading in warehouse.connection.execute(
        load_sql(query), parameters
    ).fetchall():
        interval = Coverage(DayWindow(since, until), *reading)
        for entity_id in entity_ids:
            intervals[project_id, entity_id].append(interval)
    return {key: tuple(found) for key, found in intervals.items()}


def mark_gone(warehouse: Warehouse, keys: Sequence[EntityKey], gone_at: datetime) -> None:
    """Remember that the metrics of entities answered NOT_FOUND."""
    _set_gone(warehouse, keys, gone_at)


def unmark_gone(warehouse: Warehouse, keys: Sequence[EntityKey]) -> None:
    """Forget it for entities whose metrics could be read after all."""
    _set_gone(warehouse, keys, None)


def _set_gone(warehouse: Warehouse, keys: Sequence[EntityKey], gone_at: datetime | None) -> None:
    for scope in {key.scope for key in keys}:
        named = [key for key in keys if key.scope is scope]
        with warehouse.change() as connection:
            connection.execute(
                scope_sql("set_gone", scope),
                {
                    "gone_at": gone_at,
                    "project_ids": [key.project_id for key in named],
                    "entity_ids": [key.entity_id for key in named],
                },
            )
