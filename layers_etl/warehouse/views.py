"""The views and macros, one file each in ``sql/views``, made for the scopes a file has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import duckdb

from layers_etl.domain.metrics import ADDITIVE, RATIOS, Ratio
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT, SCOPES, Scope
from layers_etl.warehouse.comments import inherit_comments, usual_comments, usual_measures
from layers_etl.warehouse.reconciliation_views import reconciliation_views
from layers_etl.warehouse.rollups import rollup_views
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql
from layers_etl.warehouse.tables import MEASURE_COLUMNS, Table, in_account, quote, ratio_comment


def create_views(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], scopes: Sequence[Scope], *, summed: Scope
) -> None:
    """Make every macro and view over the tables of ``scopes``, and say what ``tables`` and views hold.

    That stands in comments, and in ``ops.dictionary``. Platforms and projects are sums of ``summed``.
    Unless the file has these very ones: they take a fifth of a second to make, and a file is opened by every run.
    """
    definitions = view_definitions(tuple(tables), tuple(scopes), summed)
    made_from = (*definitions, load_sql("fill_dictionary"), *usual_comments().values())
    fingerprint = hashlib.sha256("\n".join(made_from).encode()).hexdigest()
    if connection.execute("SELECT fingerprint FROM ops.views").fetchall() == [(fingerprint,)]:
        return
    for definition in definitions:
        connection.execute(definition)
    inherit_comments(connection)
    run_script(connection, load_sql("fill_dictionary"))
    connection.execute("DROP TABLE measures")
    connection.execute("DELETE FROM ops.views")
    connection.execute("INSERT INTO ops.views (fingerprint) VALUES (?)", [fingerprint])


@cache
def view_definitions(tables: tuple[Table, ...], scopes: tuple[Scope, ...], summed: Scope) -> tuple[str, ...]:
    """The SQL that makes them, with the comments on them and on ``tables``, in its order."""
    return (
        load_sql("declare_measures"),
        usual_measures(),
        *(table.comments() for table in tables),
        *map(_ratio_macro, RATIOS),
        load_sql("views/settlement"),
        *(scope_sql("views/metrics_versions", scope) for scope in scopes),
        _entities(scopes),
        _moved_entities(scopes),
        *_duplicates(),
        load_sql("views/day_states"),
        _restatements(scopes),
        _restatement_summary(),
        _late_changes(scopes),
        load_sql("views/read_intervals"),
        *rollup_views(summed),
        load_sql("views/campaign_pacing"),
        *reconciliation_views(scopes),
    )


def _ratio_macro(ratio: Ratio) -> str:
    return (
        f"CREATE OR REPLACE MACRO marts.{ratio.name}({ratio.numerator}, {ratio.denominator}) AS {ratio.sql()};\n"
        f"COMMENT ON MACRO marts.{ratio.name} IS {quote(ratio_comment(ratio))};"
    )


def _entities(scopes: Sequence[Scope]) -> str:
    return load_sql("views/entities").format(
        entities="\nUNION ALL\n".join(_entities_of(scope, scopes) for scope in scopes)
    )


def _entities_of(scope: Scope, scopes: Sequence[Scope]) -> str:
    """What a listing does not say of an entity's place, the nearest of its parents that is known says."""
    said = {name: [f"entity.{name}"] for name in (*scope.parents, *scope.details)}
    said[scope.id_column] = [f"entity.{scope.id_column}"]
    joins: list[str] = []
    for parent in reversed(SCOPES.values()):
        if parent.id_column in scope.parents and parent in scopes:
            joins.append(
                f"LEFT JOIN ads.{parent.plural} AS {parent.name} ON {parent.name}.project_id = entity.project_id "
                f"AND {parent.name}.{parent.id_column} = {_first(said[parent.id_column])}"
            )
            for name in (*parent.parents, "platform"):
                said[name].append(f"{parent.name}.{name}")
    account = AD_ACCOUNT.name if joins else "entity"
    return load_sql("views/entities_of_scope").format(
        scope=scope.name,
        table=f"ads.{scope.plural}",
        id_column=scope.id_column,
        **{name: _first(said.get(name, ())) for name in ("ad_account_id", "campaign_id", "adset_id", "platform")},
        account_name="NULL::VARCHAR" if scope is PROJECT else f"{account}.name",
        currency=_CURRENCY_OF_PROJECT if scope is PROJECT else f"{account}.currency",
        joins="\n".join(joins),
    )


def _moved_entities(scopes: Sequence[Scope]) -> str:
    below_account = [scope for scope in scopes if in_account(scope)]
    campaigns = scope_sql("views/moved_entities_of_scope", CAMPAIGN)
    parts = [
        *(scope_sql("views/moved_entities_of_scope", scope) for scope in below_account),
        *(
            scope_sql("views/moved_with_campaign", scope, campaigns=campaigns)
            for scope in below_account
            if CAMPAIGN.id_column in scope.parents
        ),
    ]
    return load_sql("views/moved_entities").format(scopes="UNION ALL\n".join(parts))


def _duplicates() -> Iterable[str]:
    """Of ad accounts and campaigns: what rollups and reconciliations are sums of."""
    scopes = (AD_ACCOUNT, CAMPAIGN)
    begun_at = {AD_ACCOUNT: "connected_at", CAMPAIGN: "created_at"}
    entities = (scope_sql("views/duplicate_ids_of_scope", scope, begun_at=begun_at[scope]) for scope in scopes)
    yield load_sql("views/duplicate_ids").format(entities="UNION ALL\n".join(entities))
    days = (scope_sql("views/uncounted_days_of_scope", scope) for scope in scopes)
    yield load_sql("views/uncounted_days").format(days="UNION ALL\n".join(days))


_CURRENCY_OF_PROJECT: Final = (
    "(SELECT min(version.currency) FROM ads.ad_account_history AS version "
    "WHERE version.project_id = entity.project_id HAVING count(DISTINCT version.currency) = 1)"
)
"""A project has a currency if its accounts have only ever had that one."""


def _first(sources: Sequence[str]) -> str:
    return f"coalesce({', '.join(sources)})" if sources else "NULL::VARCHAR"


def _restatements(scopes: Sequence[Scope]) -> str:
    earlier = "OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at)"
    changes = ",\n  ".join(
        f"{name}, {name} - lag({name}) {earlier} AS {name}_change, "
        f"settled_{name}, settled_{name} - {name} AS {name}_to_settled"
        for name in ADDITIVE
    )
    measured = {
        "additive_changes": changes,
        "version_measures": ", ".join(
            f"CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.{name} END AS {name}"
            for name in ADDITIVE
        ),
        "settled_measures": ", ".join(
            f"CASE WHEN standing.settled THEN standing.{name} END AS settled_{name}" for name in ADDITIVE
        ),
    }
    comments = "\n".join(
        f"COMMENT ON COLUMN marts.restatements.{name} IS '{name}, as that reading said.';\n"
        f"COMMENT ON COLUMN marts.restatements.{name}_change IS 'Against the reading before; null at the first.';\n"
        f"COMMENT ON COLUMN marts.restatements.settled_{name} IS 'The settled value; null while provisional.';\n"
        f"COMMENT ON COLUMN marts.restatements.{name}_to_settled IS 'What the reading did not know yet.';"
        for name in ADDITIVE
    )
    measures = ",\n  ".join(
        f"('marts.restatements', '{column}', '{MEASURE_COLUMNS[name].unit}', true)"
        for name in ADDITIVE
        for column in (f"{name}_change", f"settled_{name}", f"{name}_to_settled")
    )
    parts = [scope_sql("views/restatements_of_scope", scope, **measured) for scope in scopes]
    return load_sql("views/restatements").format(
        scopes="UNION ALL BY NAME\n".join(parts), comments=comments, measures=measures
    )


def _restatement_summary() -> str:
    return load_sql("views/restatement_summary").format(
        last_known=", ".join(
            f"arg_max({name}, read_at) AS {name}, any_value(settled_{name}) AS settled_{name}" for name in ADDITIVE
        ),
        metrics_unpivoted="\n  UNION ALL\n  ".join(
            f"SELECT scope, platform, currency, known_after_hours, day, '{name}' AS metric, "
            f"{name}::DOUBLE AS value, settled_{name}::DOUBLE AS settled_value FROM known"
            for name in ADDITIVE
        ),
    )


def _late_changes(scopes: Sequence[Scope]) -> str:
    parts = [scope_sql("views/late_changes_of_scope", scope) for scope in scopes]
    return load_sql("views/late_changes").format(scopes="UNION ALL BY NAME\n".join(parts))
