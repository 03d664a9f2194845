"""The views, one file each in ``sql/views``, made for the scopes a file has."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import duckdb

from layers_etl.domain.metrics import ADDITIVE
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, Scope
from layers_etl.warehouse.comments import inherit_comments
from layers_etl.warehouse.reconciliation_views import reconciliation_views
from layers_etl.warehouse.rollups import rollup_views
from layers_etl.warehouse.sql import load_sql, scope_sql


def create_views(connection: duckdb.DuckDBPyConnection, scopes: Sequence[Scope]) -> None:
    """Make every view over the tables of ``scopes``, unless the file has these very ones.

    They and their comments take a fifth of a second to make, and a file is opened by every run.
    """
    views = [
        *(scope_sql("views/metrics_versions", scope) for scope in scopes),
        _day_states(scopes),
        _restatements(scopes),
        _restatement_summary(),
        _read_intervals(scopes),
        *rollup_views(),
        *reconciliation_views(scopes),
    ]
    fingerprint = hashlib.sha256("\n".join(views).encode()).hexdigest()
    if connection.execute("SELECT fingerprint FROM ops.views").fetchall() == [(fingerprint,)]:
        return
    for view in views:
        connection.execute(view)
    inherit_comments(connection)
    connection.execute("DELETE FROM ops.views")
    connection.execute("INSERT INTO ops.views VALUES (?)", [fingerprint])


def _day_states(scopes: Sequence[Scope]) -> str:
    entities = "\n  UNION ALL\n  ".join(f"{_entities_of(scope)} WHERE gone_at IS NULL" for scope in scopes)
    return load_sql("views/day_states").format(entities=entities)


def _read_intervals(scopes: Sequence[Scope]) -> str:
    entities = "\n  UNION ALL\n  ".join(map(_entities_of, scopes))
    return load_sql("views/read_intervals").format(entities=entities)


def _entities_of(scope: Scope) -> str:
    account = "ad_account_id" if scope is AD_ACCOUNT or "ad_account_id" in scope.parents else "NULL"
    platform = "NULL" if scope is PROJECT else "platform"
    return (
        f"SELECT '{scope.name}' AS scope, project_id, {account} AS ad_account_id, {scope.id_column} AS entity_id, "
        f"{platform} AS platform, gone_at IS NOT NULL AS gone FROM ads.{scope.plural}"
    )


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
    parts = [scope_sql("views/restatements_of_scope", scope, **measured) for scope in scopes]
    return load_sql("views/restatements").format(scopes="UNION ALL BY NAME\n".join(parts), comments=comments)


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
