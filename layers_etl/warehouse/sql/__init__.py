"""The SQL, one file per thing done; ``{braces}`` are identifiers of a scope, filled in by :func:`load_sql`."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import cache
from importlib.resources import files
from typing import Final

import duckdb

from layers_etl.domain.metrics import MEASURES, RATIOS
from layers_etl.domain.planning import ENDED_STATUSES
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.tables import UNVERSIONED_DETAILS, in_account, quote, versioned_columns

RATIO_COLUMNS: Final = ", ".join(
    f"marts.{ratio.name}({ratio.numerator}, {ratio.denominator}) AS {ratio.name}" for ratio in RATIOS
)
"""All ratios over the sums that stand beside them."""

_OF_ACCOUNT: Final = {
    "account_column": "spent_in_account_id, ",
    "measured_account": "measured.spent_in_account_id AS ad_account_id, account.name AS ad_account_name, ",
    "known_account": "coalesce(spent_in, standing.spent_in_account_id) AS spent_in_account_id, ",
    "filled_account": "spent_in_account_id = coalesce(measured.spent_in_account_id, spent_in),",
    "or_account_is_unknown": " OR spent_in_account_id IS NULL",
    "or_account_is_known_now": " OR (measured.spent_in_account_id IS NULL AND spent_in IS NOT NULL)",
}
"""What the SQL of scopes below an ad account has beside that of the others, by placeholder: the account of a day."""


def run_script(connection: duckdb.DuckDBPyConnection, sql: str, **parameters: object) -> None:
    """Execute the statements of ``sql`` in order, each with those of ``parameters`` that it names."""
    for statement in connection.extract_statements(sql):
        named = {name: parameters[name] for name in statement.named_parameters}
        connection.execute(statement, named or None)


def without_remarks(statement: str) -> str:
    """The statement from its first word on."""
    lines = [line for line in statement.splitlines() if not line.startswith("--")]
    return "\n".join(lines).lstrip()


@cache
def load_sql(name: str) -> str:
    """The text of the file ``name``."""
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")


@cache
def scope_sql(name: str, scope: Scope, **more: str) -> str:
    """The text of the file ``name`` for one scope's tables. Only constants are filled in: the scope's, and ``more``."""
    own_key = [column for column in scope.key_columns if column != "project_id"]
    versioned = [column.name for column in versioned_columns(scope)]
    unversioned = [name for name in scope.details if name in UNVERSIONED_DETAILS]
    has_account = in_account(scope)
    return load_sql(name).format(
        scope=scope.name,
        id_column=scope.id_column,
        key=_listed(scope.key_columns),
        # A project is its own key: its id is not selected a second time.
        incoming_id_as_key="".join(f"incoming_windows.entity_id AS {column}, " for column in own_key),
        entity_id_as_key="".join(f"entity_id AS {column}, " for column in own_key),
        measured_key=_listed(scope.key_columns, "measured"),
        entity_table=f"ads.{scope.plural}",
        mart=f"marts.{scope.daily_mart}",
        parents="".join(f"entity.{column}, " for column in scope.parents),
        account_name="entity.ad_account_name, " if has_account else "",
        day_account="measured.spent_in_account_id" if has_account else "NULL",
        parents_below_account="".join(f"entity.{column}, " for column in scope.parents[1:]),
        **(_OF_ACCOUNT if has_account else dict.fromkeys(_OF_ACCOUNT, "")),
        measures=_listed(MEASURES),
        measures_differ=_any_distinct((*MEASURES, "currency"), "standing", "incoming"),
        ratios=RATIO_COLUMNS,
        versioned=_listed(versioned),
        versioned_as_unlisted=_listed("false AS listed" if column == "listed" else column for column in versioned),
        unversioned="".join(f"{column}, " for column in unversioned),
        versions_differ=_any_distinct(versioned, "stored", "listed"),
        status="lower(stored.status)" if "status" in scope.details else "NULL",
        ended=f"lower(status) IN ({', '.join(map(quote, sorted(ENDED_STATUSES)))})" if has_account else "false",
        **more,
    )


def _listed(columns: Iterable[str], table: str | None = None) -> str:
    return ", ".join(f"{table}.{column}" if table else column for column in columns)


def count_sum(sum_of_counts: str) -> str:
    """A sum of counts as BIGINT: many clients have no type for HUGEINT, which DuckDB sums integers to.

    Null beyond that, which no true numbers reach: numbers that cannot be true never make a whole view fail.
    """
    return f"TRY_CAST({sum_of_counts} AS BIGINT)"


def same(columns: Iterable[str], left: str, right: str, *, nullable: Container[str] = ()) -> str:
    """The condition that two rows have the same values in ``columns``; ``nullable`` ones may be unknown in both."""
    return " AND ".join(
        f"{left}.{column} {'IS NOT DISTINCT FROM' if column in nullable else '='} {right}.{column}"
        for column in columns
    )


def _any_distinct(columns: Iterable[str], left: str, right: str) -> str:
    return "(" + " OR ".join(f"{left}.{column} IS DISTINCT FROM {right}.{column}" for column in columns) + ")"
