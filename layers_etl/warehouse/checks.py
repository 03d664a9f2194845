"""Queries behind the asset checks; each counts what breaks a promise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.ids import is_among
from layers_etl.domain.metrics import MEASURES, sum_of_known
from layers_etl.domain.scopes import WEEKLY_REACH_SCOPES, Scope
from layers_etl.domain.storable import printable_line
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql
from layers_etl.warehouse.stretches import ROWS_AT_ONCE, days_in_turn, stretches

LOOKED_BACK: Final = timedelta(weeks=8)
"""How far back it is looked whether a day's last reading still moved it."""

ROWS_HELD: Final = 1_000_000
"""Of a table, held by every run beside what changed: one of so many millions is held in whole within as many days."""


@dataclass(frozen=True, slots=True)
class KeyedTable:
    """A table of which no two rows have the same key; by its column ``day`` it may be held in parts."""

    schema: str
    name: str
    key: tuple[str, ...]
    day: str | None = None

    @property
    def qualified(self) -> str:
        """``schema.name``."""
        return f"{self.schema}.{self.name}"


def keyed_tables(scope: Scope) -> tuple[KeyedTable, ...]:
    """The dimension, the metrics, the daily mart and, where the scope has one, the weekly reach."""
    dimension = KeyedTable("ads", scope.plural, scope.key_columns)
    metrics = KeyedTable("ads", scope.metrics_table, (*scope.key_columns, "day"), "day")
    mart = KeyedTable("marts", scope.daily_mart, (*scope.key_columns, "day"), "day")
    weeks = KeyedTable("ads", scope.weekly_reach_table, (*scope.key_columns, "week"), "week")
    return dimension, metrics, mart, *((weeks,) if scope in WEEKLY_REACH_SCOPES else ())


def count_faulty_keys(warehouse: Readable, table: KeyedTable) -> int:
    """Keys that more than one row has, or that have a null in them, in the whole table."""
    return _count_faulty_keys(warehouse, table, "true")


def count_faulty_keys_in_part(
    warehouse: Warehouse,
    scope: Scope,
    table: KeyedTable,
    *,
    turn: int,
    read_since: datetime,
    at_once: int = ROWS_HELD,
) -> int:
    """The same where every day of the table is held in turn: of those whose turn it is, and of what has changed.

    A table of up to ``at_once`` rows is held in whole; of a larger one, the days of about so many rows, the next ones
    in the next ``turn``. Changed is what ``ops.changed_days`` has since the last publication, and the weeks that were
    read since ``read_since``.
    """
    if table.day is None or _count(warehouse, f"SELECT count(*) FROM {table.qualified}") < at_once:
        return count_faulty_keys(warehouse, table)
    days = days_in_turn(warehouse.connection, table.qualified, turn, at_once=at_once, day=table.day)
    in_turn = f"({table.day} >= $since AND {table.day} < $until)"
    faulty = _count_faulty_keys(warehouse, table, in_turn, since=days.since, until=days.until)
    return faulty + sum(
        _count_faulty_keys(
            warehouse, table, f"NOT {in_turn} AND {changed}", since=days.since, until=days.until, **parameters
        )
        for changed, parameters in _changed(warehouse, scope, table, read_since)
    )


def _changed(
    warehouse: Warehouse, scope: Scope, table: KeyedTable, read_since: datetime
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Conditions on the rows of ``table`` that hold for those which changed, with their parameters."""
    if table.day != "day":
        yield "observed_at >= $read_since", {"read_since": read_since}
        return
    run_script(warehouse.connection, scope_sql("touched_windows", scope))
    of_entity = f"(held.project_id, held.{scope.id_column}, held.day) IN (FROM touched_days)"
    for first, end in stretches(warehouse.connection, "touched", "touched_days", [table.qualified]):
        yield f"held.day >= $first AND held.day < $end AND {of_entity}", {"first": first, "end": end}


def _count_faulty_keys(warehouse: Readable, table: KeyedTable, held: str, **parameters: object) -> int:
    suspicious, faulty = (
        load_sql(name).format(
            table=table.qualified,
            held=held,
            key=", ".join(table.key),
            key_is_null=" OR ".join(f"{column} IS NULL" for column in table.key),
        )
        for name in ("suspicious_keys", "faulty_keys")
    )
    return _count(warehouse, faulty, **parameters) if _count(warehouse, suspicious, **parameters) else 0


def count_negative_primitives(warehouse: Readable, scope: Scope) -> int:
    """Rows of the scope's metrics with any measure below zero."""
    negative = (f"SELECT rowid FROM ads.{scope.metrics_table} WHERE {measure} < 0" for measure in MEASURES)
    return _count(warehouse, load_sql("negative_primitives").format(negative_rows=" UNION ".join(negative)))


@dataclass(frozen=True, slots=True)
class LastReadingMoves:
    """One platform's settled entity-days of the last weeks, and how many moved at their last reading.

    ``conversions`` are those of all of them, ``conversions_change`` what that reading changed of them, each None where
    none is known; ``moved_after_settling_days`` moved between two readings that were both late enough: proof that the
    settling time is too short.
    """

    platform: str | None
    settled_days: int
    moved_days: int
    conversions: int | None
    conversions_change: int | None
    moved_after_settling_days: int

    @property
    def conversions_share(self) -> float | None:
        """What the last reading changed of the conversions, as a part of them; None where that is not known."""
        if not self.conversions or self.conversions_change is None:
            return None
        return self.conversions_change / self.conversions

    def with_days(self, more: LastReadingMoves) -> LastReadingMoves:
        """Of the days of both."""
        return LastReadingMoves(
            self.platform,
            self.settled_days + more.settled_days,
            self.moved_days + more.moved_days,
            sum_of_known(self.conversions, more.conversions),
            sum_of_known(self.conversions_change, more.conversions_change),
            self.moved_after_settling_days + more.moved_after_settling_days,
        )


def load_last_reading_moves(
    warehouse: Readable, scope: Scope, *, at_once: int = ROWS_AT_ONCE
) -> list[LastReadingMoves]:
    """By platform, from days of the last eight weeks that were read more than once.

    Of a stretch of days after another, each of about ``at_once`` rows: history of all of them is several times as much
    as the days.
    """
    last_day = warehouse.connection.execute("SELECT max(last_day) FROM ops.horizon").fetchall()[0][0]
    if last_day is None:
        return []
    window = DayWindow(last_day - LOOKED_BACK, last_day + ONE_DAY)
    of_window = f"FROM ads.{scope.metrics_history_table} WHERE day >= $since AND day < $until"
    parts = _count(warehouse, f"SELECT count(*) {of_window}", since=window.since, until=window.until) // at_once + 1
    found: dict[str | None, LastReadingMoves] = {}
    for part in (window.in_turn(turn, parts) for turn in range(min(parts, len(window)))):
        rows = warehouse.connection.execute(
            scope_sql("last_reading_moves", scope), {"since": part.since, "until": part.until}
        ).fetchall()
        for moves in (LastReadingMoves(*row) for row in rows):
            found[moves.platform] = found[moves.platform].with_days(moves) if moves.platform in found else moves
    return sorted(found.values(), key=lambda moves: (moves.platform is None, moves.platform))


@dataclass(frozen=True, slots=True)
class StandingMismatch:
    """A ratio the API reported together with primitives, standing now, that do not give it."""

    project_id: str
    entity_id: str
    day: date
    metric: str
    reported: float
    recomputed: float

    def __str__(self) -> str:
        """``cmp_1 2026-03-01: roas reported 3.4, recomputed 3.1``."""
        return f"{self.entity_id} {self.day}: {self.metric} reported {self.reported:g}, recomputed {self.recomputed:g}"


def load_standing_mismatches(warehouse: Readable, scope: Scope) -> list[StandingMismatch]:
    """The furthest off first."""
    rows = warehouse.connection.execute(scope_sql("standing_ratio_mismatches", scope)).fetchall()
    return [StandingMismatch(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class UnrefreshedAccount:
    """A listed ad account whose platform's numbers Layers is not refreshing, since its token is other than valid."""

    project_id: str
    ad_account_id: str
    name: str | None
    platform: str | None
    token_status: str

    def __str__(self) -> str:
        """A sentence: what it is, and what to do."""
        return (
            f"{printable_line(self.name or self.ad_account_id)} ({self.ad_account_id}, "
            f"{self.platform or 'platform unknown'}) is not "
            f"being refreshed: its token is {self.token_status}. Reconnect the account in Layers."
        )


def load_unrefreshed_accounts(warehouse: Readable, wanted: Sequence[str]) -> list[UnrefreshedAccount]:
    """By project and account; of the ``wanted`` projects, where that is not empty. An unknown token is no complaint."""
    rows = warehouse.connection.execute(load_sql("unrefreshed_accounts")).fetchall()
    accounts = [UnrefreshedAccount(*row) for row in rows]
    return [account for account in accounts if not wanted or is_among(account.project_id, wanted)]


@dataclass(frozen=True, slots=True)
class AccountId:
    """One of the ids of an account; of several in its project, days count as ``counts_as``'s. None: it has but one."""

    project_id: str
    ad_account_id: str
    name: str | None
    counts_as: str | None

    def __str__(self) -> str:
        """``acc_1 (Brand, project prj_1)``."""
        name = f"{printable_line(self.name)}, " if self.name else ""
        return f"{self.ad_account_id} ({name}project {self.project_id})"


@dataclass(frozen=True, slots=True)
class DuplicateAccount:
    """One account of a platform that Layers lists, or lately listed, under several ids, in one project or in more."""

    platform: str
    external_id: str
    ids: tuple[AccountId, ...]

    def __str__(self) -> str:
        """A sentence: which they are, what counts, and what to do."""
        counted = {each.counts_as: each.project_id for each in self.ids if each.counts_as}
        effects = [f"each of its days counts once in {project}, as {one}'s" for one, project in counted.items()]
        if len({each.project_id for each in self.ids}) > 1:
            effects.append("it counts in each of these projects")
        return (
            f"The {self.platform} account {self.external_id} is known as {' and '.join(map(str, self.ids))}: "
            f"{'; '.join(effects)}. Where it was connected anew, there is nothing to do; else disconnect one in Layers."
        )


def load_duplicate_accounts(warehouse: Readable, wanted: Sequence[str]) -> list[DuplicateAccount]:
    """By platform and the platform's id; those with an id in a ``wanted`` project, where that is not empty."""
    ids: dict[tuple[str, str], list[AccountId]] = defaultdict(list)
    for platform, external_id, *details in warehouse.connection.execute(load_sql("duplicate_accounts")).fetchall():
        ids[platform, external_id].append(AccountId(*details))
    return [
        DuplicateAccount(*account, tuple(found))
        for account, found in ids.items()
        if not wanted or any(is_among(each.project_id, wanted) for each in found)
    ]


def _count(warehouse: Readable, sql: str, **parameters: object) -> int:
    return warehouse.connection.execute(sql, parameters or None).fetchall()[0][0]
