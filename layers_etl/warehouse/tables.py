"""Every table of the warehouse, declared once: its columns, types, units, additivity and comments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from layers_etl.domain.metrics import ADDITIVE, MEASURES, RATIOS, Ratio
from layers_etl.domain.projection import PROJECTED_METRICS
from layers_etl.domain.scopes import AD_ACCOUNT, WEEKLY_REACH_SCOPES, Scope

INSTANT: Final = "TIMESTAMPTZ"
MONEY: Final = "DECIMAL(18,4)"
OF_MONEY: Final = "currency of the row"
"""The unit of every amount: none is ever converted."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``required`` columns are NOT NULL.

    A number has a ``unit`` and is ``additive``, or not: whether it may be summed over days and entities.
    """

    name: str
    type: str
    comment: str
    required: bool = False
    unit: str | None = None
    additive: bool | None = None

    def ddl(self) -> str:
        """Its line in CREATE TABLE."""
        return f"{self.name} {self.type}{' NOT NULL' if self.required else ''}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table. No primary keys: they cost 2.6 times the load time at scale; uniqueness is asserted before writing.

    Its ``comment`` begins with its grain, as that of a view does: "One row per …", to the first colon, semicolon or
    stop.
    """

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]

    @property
    def qualified(self) -> str:
        """``schema.name``."""
        return f"{self.schema}.{self.name}"

    def ddl(self) -> str:
        """CREATE TABLE."""
        columns = ",\n  ".join(column.ddl() for column in self.columns)
        return f"CREATE TABLE {self.qualified} (\n  {columns}\n);"

    def comments(self) -> str:
        """A COMMENT on the table and on every column."""
        of_columns = (
            f"COMMENT ON COLUMN {self.qualified}.{column.name} IS {quote(column.comment)};" for column in self.columns
        )
        return "\n".join((f"COMMENT ON TABLE {self.qualified} IS {quote(self.comment)};", *of_columns))


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


SCHEMAS: Final = {
    "ads": "What the API said: entities and daily primitives as last read, and every version before.",
    "marts": "What analysts query: names, ratios and coarser grains, derived from schema ads.",
    "ops": "How the numbers came here: runs, requests, coverage of days, failures; and what every column holds.",
}
"""Schemas and what they are for. DuckDB 1.5 has no COMMENT ON SCHEMA; the data dictionary prints these."""

MOST_ODD_FIELDS: Final = 1_000
"""Of one run, in ``ops.odd_fields``: where every item is odd, a thousand show how."""

_PROJECT = Column("project_id", "VARCHAR", "Layers project (prj_…). Part of the key.", required=True)

_ENTITY_COLUMNS: Final = {
    column.name: column
    for column in (
        Column("platform", "VARCHAR", "meta_ads, tiktok_ads, apple_ads, or a newer platform as the API names it."),
        Column("external_id", "VARCHAR", "The platform's own id."),
        Column("name", "VARCHAR", "Name as last listed."),
        Column("status", "VARCHAR", "Status as last listed, in the API's spelling (active, paused, archived, …)."),
        Column("currency", "VARCHAR", "ISO 4217 currency of all money of the account."),
        Column("timezone", "VARCHAR", "The account's own time zone. Day buckets are UTC all the same."),
        Column("token_status", "VARCHAR", "Other than valid: the platform's numbers are not being refreshed."),
        Column("token_last_validated_at", INSTANT, "When Layers last validated the platform token."),
        Column("connected_at", INSTANT, "When the account was connected to Layers."),
        Column("objective", "VARCHAR", "Objective in the API's spelling."),
        Column(
            "daily_budget_cents",
            "BIGINT",
            "Daily budget in integer cents of the account's currency.",
            unit="cents of the account's currency",
            additive=False,
        ),
        Column(
            "lifetime_budget_cents",
            "BIGINT",
            "Lifetime budget in integer cents of the account's currency.",
            unit="cents of the account's currency",
            additive=False,
        ),
        Column("created_at", INSTANT, "When it was created, by the API."),
    )
}

UNVERSIONED_DETAILS: Final = frozenset({"token_last_validated_at"})
"""Kept as last listed, but a change of these alone makes no new version: they change without anything happening."""


def key_columns(scope: Scope) -> tuple[Column, ...]:
    """The key of the scope's dimension."""
    names = [name for name in scope.key_columns if name != "project_id"]
    return (
        _PROJECT,
        *(Column(name, "VARCHAR", f"Id of the {scope.noun}. Part of the key.", required=True) for name in names),
    )


def _parent_columns(scope: Scope, null: str) -> tuple[Column, ...]:
    return tuple(
        Column(name, "VARCHAR", f"The {name.removesuffix('_id').replace('_', ' ')} it belongs to; null: {null}.")
        for name in scope.parents
    )


def versioned_columns(scope: Scope) -> tuple[Column, ...]:
    """The columns whose change makes a new version of an entity."""
    details = (_ENTITY_COLUMNS[name] for name in scope.details if name not in UNVERSIONED_DETAILS)
    listed = Column(
        "listed", "BOOLEAN", "Whether the newest listing held it; false: gone from the list.", required=True
    )
    return (*_parent_columns(scope, "its listing does not say, see ops.entities"), *details, listed)


def entity_table(scope: Scope) -> Table:
    """``ads.campaigns`` and its like: one row per entity, as last listed."""
    unversioned = tuple(_ENTITY_COLUMNS[name] for name in scope.details if name in UNVERSIONED_DETAILS)
    return Table(
        "ads",
        scope.plural,
        f"One row per {scope.noun}: the latest listing. Source: the API's list of {scope.nouns}.",
        (
            *key_columns(scope),
            *versioned_columns(scope),
            *unversioned,
            Column("attributes", "JSON", "Every field of the listing that has no column of its own."),
            Column("first_listed_at", INSTANT, "When a listing first held it.", required=True),
            Column("last_listed_at", INSTANT, "When a listing last held it.", required=True),
            Column("gone_at", INSTANT, "When its metrics first answered NOT_FOUND; null: they can be read."),
        ),
    )


def entity_history_table(scope: Scope) -> Table:
    """``ads.campaign_history`` and its like: one row per version of an entity."""
    return Table(
        "ads",
        scope.history_table,
        f"One row per version of {_a_noun(scope)}: what the listings said of it from valid_from until valid_to.",
        (
            *key_columns(scope),
            *versioned_columns(scope),
            Column("valid_from", INSTANT, "When a listing first said so. Inclusive.", required=True),
            Column("valid_to", INSTANT, "When a listing first said otherwise. Exclusive; null: the current version."),
        ),
    )


_DAY = Column("day", "DATE", "UTC day bucket. Part of the key.", required=True)


SPENT_IN: Final = "spent_in_account_id"
"""In the tables of days, where ``ad_account_id`` would be ambiguous beside the entity's own."""


def _day_account(scope: Scope, name: str = SPENT_IN) -> tuple[Column, ...]:
    """The account of a day, which is not always that of the entity now; of what is below an account."""
    comment = (
        f"The ad account that the day was spent in: where the {scope.noun} was last seen by the end of that UTC day "
        "or, before it was ever seen, where it was first; null: not known."
    )
    return (Column(name, "VARCHAR", comment),) if in_account(scope) else ()


def in_account(scope: Scope) -> bool:
    """Whether entities of ``scope`` belong to an ad account, and may move from one to another."""
    return AD_ACCOUNT.id_column in scope.parents


def _measure(name: str, unit: str, column_type: str, comment: str) -> Column:
    return Column(name, column_type, comment, unit=unit, additive=name in ADDITIVE)


MEASURE_COLUMNS: Final = {
    column.name: column
    for column in (
        _measure("spend", OF_MONEY, MONEY, "Money spent, in currency. Additive within one currency."),
        _measure("impressions", "count", "BIGINT", "Times shown. Additive."),
        _measure("clicks", "count", "BIGINT", "Clicks. Additive."),
        _measure("conversions", "count", "BIGINT", "Conversions as Layers attributes and dedupes them. Additive."),
        _measure(
            "conversion_value",
            OF_MONEY,
            MONEY,
            "Value of the conversions, in currency: roas * max(spend, 0.01), to the rounding of the reported ROAS. "
            "Null: no value is reported, which is not zero. Additive over its known values within one currency.",
        ),
        _measure(
            "reach", "people", "BIGINT", "People reached that day, as reported. Not additive over days or entities."
        ),
        _measure(
            "frequency",
            "impressions per person",
            "DOUBLE",
            "Impressions per person reached, as reported; Meta only. Not additive.",
        ),
    )
}
assert tuple(MEASURE_COLUMNS) == MEASURES

_PLATFORM = _ENTITY_COLUMNS["platform"]
_CURRENCY = Column("currency", "VARCHAR", "ISO 4217 currency of the money columns; null: several or unknown.")
_SETTLED = Column(
    "settled",
    "BOOLEAN",
    "Whether the day was read at or after its close plus the platform's settling time: its numbers are final.",
    required=True,
)
_OBSERVED = Column("observed_at", INSTANT, "When the day was last read whole, by the API's clock.", required=True)
_FIRST_OBSERVED = Column(
    "first_observed_at",
    INSTANT,
    "When these very numbers were first seen; every reading since said the same.",
    required=True,
)


_VALUE_LIFETIME = (
    Column("settled", "BOOLEAN", "Whether the value was taken for settled when superseded.", required=True),
    Column("observed_at", INSTANT, "When this value was first seen.", required=True),
    Column("last_observed_at", INSTANT, "When this value was last seen.", required=True),
    Column("superseded_at", INSTANT, "When a reading said otherwise, or no longer held it.", required=True),
)


def metrics_table(scope: Scope) -> Table:
    """``ads.campaign_metrics`` and its like: one row per entity and day, as last read."""
    return Table(
        "ads",
        scope.metrics_table,
        f"One row per {scope.noun} and UTC day: the numbers as last read. Source: ads-metrics, scope={scope.name}. "
        "A day without activity may have no row; ops.coverage tells what was read.",
        (
            *key_columns(scope),
            _DAY,
            *_day_account(scope),
            _PLATFORM,
            _CURRENCY,
            *MEASURE_COLUMNS.values(),
            _SETTLED,
            _FIRST_OBSERVED,
            _OBSERVED,
        ),
    )


def metrics_history_table(scope: Scope) -> Table:
    """``ads.campaign_metrics_history`` and its like: one row per superseded value of an entity's day."""
    return Table(
        "ads",
        scope.metrics_history_table,
        f"One row per superseded value of {_a_noun(scope)}'s day. A value stood from observed_at until superseded_at.",
        (
            *key_columns(scope),
            _DAY,
            *_day_account(scope),
            _PLATFORM,
            _CURRENCY,
            *MEASURE_COLUMNS.values(),
            *_VALUE_LIFETIME,
        ),
    )


_WEEK = Column("week", "DATE", "Monday of the ISO week, UTC. Part of the key.", required=True)
_WEEKLY_REACH = (
    _measure("reach", "people", "BIGINT", "People reached in the week, as reported for the week. Not additive."),
    _measure(
        "frequency",
        "impressions per person",
        "DOUBLE",
        "Impressions per person reached in the week, as reported; Meta only. Not additive.",
    ),
)


def weekly_reach_table(scope: Scope) -> Table:
    """``ads.campaign_reach_weekly`` and its like: one row per entity and ISO week with activity."""
    return Table(
        "ads",
        scope.weekly_reach_table,
        f"One row per {scope.noun} and closed ISO week with impressions: the API's own weekly reach, which no sum of "
        f"days gives. Source: ads-metrics, scope={scope.name}, granularity=week; read when "
        "it has closed and, settled, with the next week.",
        (*key_columns(scope), _WEEK, _PLATFORM, *_WEEKLY_REACH, _SETTLED, _FIRST_OBSERVED, _OBSERVED),
    )


def weekly_reach_history_table(scope: Scope) -> Table:
    """``ads.campaign_reach_weekly_history`` and its like: one row per superseded value of an entity's week."""
    return Table(
        "ads",
        scope.weekly_reach_history_table,
        f"One row per superseded value of {_a_noun(scope)}'s week. A value stood from observed_at until superseded_at.",
        (*key_columns(scope), _WEEK, _PLATFORM, *_WEEKLY_REACH, *_VALUE_LIFETIME),
    )


def daily_mart(scope: Scope) -> Table:
    """``marts.campaign_daily`` and its like: one row per entity and day with names and ratios."""
    name = Column(f"{scope.name}_name", "VARCHAR", "Current name.")
    account_name = Column("ad_account_name", "VARCHAR", "Current name of the ad account.")
    parents = (column for column in _parent_columns(scope, "not known") if column.name != AD_ACCOUNT.id_column)
    return Table(
        "marts",
        scope.daily_mart,
        f"One row per {scope.noun} and UTC day: ads.{scope.metrics_table} with current names and ratios.",
        (
            *key_columns(scope),
            _DAY,
            name,
            *_day_account(scope, AD_ACCOUNT.id_column),
            *parents,
            *((account_name,) if in_account(scope) else ()),
            _PLATFORM,
            _CURRENCY,
            *MEASURE_COLUMNS.values(),
            *(Column(ratio.name, "DOUBLE", ratio_comment(ratio), unit=ratio.unit, additive=False) for ratio in RATIOS),
            _SETTLED,
            _OBSERVED,
            *_projected_columns(),
        ),
    )


def _projected_columns() -> Iterable[Column]:
    for metric in PROJECTED_METRICS:
        yield Column(
            f"projected_{metric}",
            "DOUBLE",
            f"Where {metric} will settle (chain ladder over the platform's last 8 weeks); "
            "null: settled, running, or too little history.",
            unit=MEASURE_COLUMNS[metric].unit,
            additive=MEASURE_COLUMNS[metric].additive,
        )
        for end, side in (("Lower", "low"), ("Upper", "high")):
            yield Column(
                f"projected_{metric}_{side}",
                "DOUBLE",
                f"{end} end of the 80 % interval of projected_{metric}.",
                unit=MEASURE_COLUMNS[metric].unit,
                additive=False,
            )


def ratio_comment(ratio: Ratio) -> str:
    """The formula in words, as every comment on a ratio states it."""
    scale = f" * {ratio.factor}" if ratio.factor != 1 else ""
    return f"{ratio.numerator} / max({ratio.denominator}, {ratio.floor}){scale}. A ratio: never sum or average it."


def scope_tables(scope: Scope) -> Iterable[Table]:
    """All tables of one scope."""
    yield entity_table(scope)
    yield entity_history_table(scope)
    yield metrics_table(scope)
    yield metrics_history_table(scope)
    yield daily_mart(scope)
    if scope in WEEKLY_REACH_SCOPES:
        yield weekly_reach_table(scope)
        yield weekly_reach_history_table(scope)


def _a_noun(scope: Scope) -> str:
    return f"an {scope.noun}" if scope.noun.startswith("a") else f"a {scope.noun}"


_RUN = Column("run_id", "VARCHAR", "Dagster run.", required=True)
_SCOPE = Column("scope", "VARCHAR", "ad_account, campaign, adset, ad or project.", required=True)
_ENTITY = Column("entity_id", "VARCHAR", "Id within the scope.", required=True)
_SINCE = Column("since", "DATE", "First UTC day. Inclusive.", required=True)
_UNTIL = Column("until", "DATE", "Day after the last. Exclusive.", required=True)


def _revision(comment: str) -> Column:
    """A number of ``ops.revision``."""
    return Column("revision", "BIGINT", comment, required=True, unit="count", additive=False)


OPS_TABLES: Final = (
    Table(
        "ops",
        "schema_version",
        "One row: the version of this file's tables.",
        (
            Column(
                "version",
                "INTEGER",
                "Counts up with every change of the tables.",
                required=True,
                unit="version",
                additive=False,
            ),
        ),
    ),
    Table(
        "ops",
        "views",
        "One row: which definitions the file's views, macros and comments were made from.",
        (Column("fingerprint", "VARCHAR", "Hash of the definitions; other ones are made anew.", required=True),),
    ),
    Table(
        "ops",
        "dictionary",
        "One row per column of every table and view of this file, and per macro (column_name null): what it holds, as "
        "its COMMENT says, in which unit, and whether that adds up.",
        (
            Column("schema_name", "VARCHAR", "ads, marts or ops.", required=True),
            Column("relation_name", "VARCHAR", "Name of the table, view or macro within its schema.", required=True),
            Column("kind", "VARCHAR", "table, view or macro.", required=True),
            Column("relation_text", "VARCHAR", "What the relation holds, or the macro gives.", required=True),
            Column("grain", "VARCHAR", "What a row of the relation is, as: one row per … Null: a macro."),
            Column("parameters", "VARCHAR", "Of a macro: the names of its parameters. Null: a table or view."),
            Column(
                "position",
                "INTEGER",
                "Place of the column in the relation, from 1; null: a macro.",
                unit="rank",
                additive=False,
            ),
            Column("column_name", "VARCHAR", "Name of the column; null: a macro."),
            Column("column_type", "VARCHAR", "Its DuckDB type."),
            Column("required", "BOOLEAN", "Whether it is never null, as the table declares; of views it is not known."),
            Column("unit", "VARCHAR", "What it counts or measures in; null: a text, an id, a yes or no."),
            Column(
                "additive",
                "BOOLEAN",
                "Whether it may be summed over days and entities, money within one currency. Where a day has several "
                "rows (versions, readings), over one of them. Null: not a number.",
            ),
            Column("column_text", "VARCHAR", "What the column holds; null: a macro."),
        ),
    ),
    Table(
        "ops",
        "revision",
        "One row: by what the data is known as it is now. Publishing is skipped while the published file has the same.",
        (
            _revision("Number of committed changes."),
            Column("state_id", "VARCHAR", "Made anew by every change: no two states have the same, of copies neither."),
        ),
    ),
    Table(
        "ops",
        "organization",
        "One row: the organisation all numbers of this file are of.",
        (
            Column("organization_id", "VARCHAR", "Id of the organisation, as whoami first named it.", required=True),
            Column("key_kind", "VARCHAR", "Kind of the keys that wrote it, live or test; null: not known yet."),
        ),
    ),
    Table(
        "ops",
        "horizon",
        "One row: from which day to which the warehouse is meant to know every entity.",
        (
            Column("first_day", "DATE", "LAYERS_START_DATE of the newest run.", required=True),
            Column("last_day", "DATE", "The last day that had closed at the latest instant of a run.", required=True),
        ),
    ),
    Table(
        "ops",
        "settling",
        "One row per platform: the settling time that the settled columns follow. '*' is every other platform.",
        (
            Column("platform", "VARCHAR", "Platform, or '*'.", required=True),
            Column(
                "settle_hours",
                "INTEGER",
                "Hours after a day's close until it is final.",
                required=True,
                unit="hours",
                additive=False,
            ),
        ),
    ),
    Table(
        "ops",
        "runs",
        "One row per run of the pipeline.",
        (
            _RUN,
            Column("kind", "VARCHAR", "run (what is open) or backfill (all that was named).", required=True),
            Column("instant", INSTANT, "The instant the run stands for.", required=True),
            Column(
                "fresh_since", INSTANT, "A run does not ask again for what was read at or after this.", required=True
            ),
            Column("continues", "VARCHAR", "Run whose landed answers this one did not ask for again."),
            Column(
                "request",
                "VARCHAR",
                "What was asked for; an interrupted run of the same is taken up again.",
                required=True,
            ),
            Column("started_at", INSTANT, "When it began to write, by this machine's clock.", required=True),
            Column("finished_at", INSTANT, "When it ended; null: it is running or was killed."),
            Column(
                "status", "VARCHAR", "running, succeeded, incomplete, refused, failed or interrupted.", required=True
            ),
            Column(
                "windows_read",
                "BIGINT",
                "(Entity, window) answers that landed.",
                required=True,
                unit="count",
                additive=True,
            ),
            Column(
                "entities_failed",
                "BIGINT",
                "Entities or listings that could not be read.",
                required=True,
                unit="count",
                additive=True,
            ),
            Column("message", "VARCHAR", "What went wrong, where the run as a whole failed."),
        ),
    ),
    Table(
        "ops",
        "failures",
        "One row per entity, listing or window that a run could not read, for LAYERS_REQUEST_LOG_DAYS.",
        (
            _RUN,
            Column("failed_at", INSTANT, "When it was given up.", required=True),
            Column("scope", "VARCHAR", "Scope of the entity; null: a listing."),
            Column("project_id", "VARCHAR", "Layers project."),
            Column("entity_id", "VARCHAR", "Entity; null: a listing."),
            Column("since", "DATE", "First day asked for. Inclusive."),
            Column("until", "DATE", "Day after the last. Exclusive."),
            Column(
                "code",
                "VARCHAR",
                "The API's error code, or TIMEOUT, CONNECTION, CERTIFICATE, PROXY, HTTP_…, MALFORMED.",
                required=True,
            ),
            Column("status", "INTEGER", "HTTP status, where there was one.", unit="HTTP status", additive=False),
            Column("request_id", "VARCHAR", "The API's id of the request; its support asks for it."),
            Column("message", "VARCHAR", "What happened, in one sentence.", required=True),
        ),
    ),
    Table(
        "ops",
        "odd_fields",
        "One row per field of a listed item that was put aside or repaired, for LAYERS_REQUEST_LOG_DAYS, at most "
        f"{MOST_ODD_FIELDS:,} a run. The entity is read all the same; what was known of a field put aside stands.",
        (
            _RUN,
            Column("noted_at", INSTANT, "When, by this machine's clock.", required=True),
            _SCOPE,
            Column("project_id", "VARCHAR", "Layers project; null: an item of the list of projects."),
            Column(
                "entity_id", "VARCHAR", "Id within the scope; null: an item without a usable id, which is left out."
            ),
            Column("field", "VARCHAR", "Name of the field in the API's answer.", required=True),
            Column("problem", "VARCHAR", "What was wrong with it, and what became of it.", required=True),
            Column("value", "VARCHAR", "What came, in short.", required=True),
        ),
    ),
    Table(
        "ops",
        "untrusted_answers",
        "One row per answer that arrived and could not be believed, for LAYERS_REQUEST_LOG_DAYS; no row of it landed.",
        (
            _RUN,
            Column("received_at", INSTANT, "When it was put aside.", required=True),
            Column("scope", "VARCHAR", "Scope asked for; null: a listing."),
            Column("project_id", "VARCHAR", "Layers project."),
            Column("entity_id", "VARCHAR", "Entity; null: a listing."),
            Column("since", "DATE", "First day asked for. Inclusive."),
            Column("until", "DATE", "Day after the last. Exclusive."),
            Column("request_id", "VARCHAR", "The API's id of the request."),
            Column("reason", "VARCHAR", "Why it is not to be trusted.", required=True),
            Column(
                "body",
                "VARCHAR",
                "The answer's text, at most 64 KiB of it; null: its run had put 4 MiB of others aside before.",
            ),
        ),
    ),
    Table(
        "ops",
        "requests",
        "One row per logical request to the API (all its attempts), for LAYERS_REQUEST_LOG_DAYS. Why a run took long: "
        "per run_id and path, sum(waited_seconds) beside sum(wire_seconds), sum(attempts) and count(code).",
        (
            _RUN,
            Column("started_at", INSTANT, "When the first attempt was made.", required=True),
            Column("path", "VARCHAR", "Path asked for.", required=True),
            Column("scope", "VARCHAR", "Scope asked for; null: a listing."),
            Column("project_id", "VARCHAR", "Layers project."),
            Column("entity_id", "VARCHAR", "Entity."),
            Column("since", "DATE", "First day asked for. Inclusive."),
            Column("until", "DATE", "Day after the last. Exclusive."),
            Column(
                "status",
                "INTEGER",
                "HTTP status of the last attempt; null: no answer.",
                unit="HTTP status",
                additive=False,
            ),
            Column("code", "VARCHAR", "Error code; null: it went well."),
            Column("attempts", "INTEGER", "Attempts made.", required=True, unit="count", additive=True),
            Column("bytes_received", "BIGINT", "Bytes of all bodies.", required=True, unit="bytes", additive=True),
            Column(
                "waited_seconds",
                "DOUBLE",
                "Waited for the rate limit and told waits.",
                required=True,
                unit="seconds",
                additive=True,
            ),
            Column(
                "wire_seconds",
                "DOUBLE",
                "Between sending and the whole answer, all attempts.",
                required=True,
                unit="seconds",
                additive=True,
            ),
            Column("request_id", "VARCHAR", "The API's id of the request."),
        ),
    ),
    Table(
        "ops",
        "refused_metrics",
        "One row per scope, platform and metric that the API refuses to give: the metric is null there. Asked for "
        "again a week after it was refused. What the platform had in the last four weeks is asked for by every run.",
        (
            _SCOPE,
            Column("platform", "VARCHAR", "Ad platform; null: scopes that span several."),
            Column("metric", "VARCHAR", "Name of the metric.", required=True),
            Column("refused_at", INSTANT, "When the API said so, by its clock.", required=True),
        ),
    ),
    Table(
        "ops",
        "weekly_reach_refusals",
        "One row per entity whose weekly reach is not to be had: refused, not found, or in weeks that are not ISO "
        "weeks. Its weeks are asked for again a week later.",
        (
            _SCOPE,
            _PROJECT,
            _ENTITY,
            Column("refused_at", INSTANT, "When it was found out, by the API's clock.", required=True),
            Column("code", "VARCHAR", "The API's error code, or UNTRUSTED.", required=True),
            Column(
                "message", "VARCHAR", "What the API said, or that it was not asked, in one sentence.", required=True
            ),
        ),
    ),
    Table(
        "ops",
        "readings",
        "One row per answer that landed whole: the evidence of when every day was read. None is ever taken out; a row "
        "takes 17 bytes.",
        (
            _SCOPE,
            _PROJECT,
            _ENTITY,
            _SINCE,
            _UNTIL,
            Column("read_at", INSTANT, "When it was read, by the API's clock.", required=True),
            _RUN,
            Column("request_id", "VARCHAR", "The API's id of the request, for LAYERS_REQUEST_LOG_DAYS; then null."),
        ),
    ),
    Table(
        "ops",
        "coverage",
        "One row per entity and interval of days that were last read alike. Exactly one of read_at, lag_hours is set.",
        (
            _SCOPE,
            _PROJECT,
            _ENTITY,
            _SINCE,
            _UNTIL,
            Column("read_at", INSTANT, "All days of the interval were last read at this instant."),
            Column(
                "lag_hours",
                "INTEGER",
                "Each day was last read at least this many whole hours after its close.",
                unit="hours",
                additive=False,
            ),
            Column(
                "held",
                "BOOLEAN",
                "True: its readings settle nothing, however late they were, as the copy they came from may have stood "
                "still (ops.sources) or their answer leaves a doubt (ops.doubtful_days); null: false.",
            ),
        ),
    ),
    Table(
        "ops",
        "sources",
        "One row per ad account: how the copy of its numbers stands that Layers serves. Days settle only on a copy "
        "that moves, or is at rest.",
        (
            _PROJECT,
            Column("ad_account_id", "VARCHAR", "Ad account; empty: what belongs to none that is known.", required=True),
            Column(
                "state",
                "VARCHAR",
                "moving (days settle in their time); waiting (no activity of the running day yet: some settle at a "
                "later reading); standing still (nothing settles); at rest (nothing new for 10 days: it is paused).",
                required=True,
            ),
            Column(
                "copy_from", INSTANT, "The copy is proven to hold what happened up to here; null: nothing proves that."
            ),
            Column(
                "newest_copy_from",
                INSTANT,
                "The latest that copy_from ever was. Later than copy_from: an older copy was served since.",
            ),
            Column(
                "behind_reading_at",
                INSTANT,
                "A copy older than the one read then was served since: changes prove nothing until newer activity is "
                "seen. Null: none was, or that was seen.",
            ),
            Column("newest_active_day", "DATE", "The last day with any activity in any reading, the running one too."),
            Column(
                "seen_running",
                "INTEGER",
                "Runs in a row that saw activity on the running day; one that did not look at it, or saw something "
                "else that is new, neither counts nor ends the row.",
                required=True,
                unit="count",
                additive=False,
            ),
            Column(
                "held_days",
                "BIGINT",
                "(Entity, day) pairs whose settling waits for the copy.",
                required=True,
                unit="entity-days",
                additive=True,
            ),
            Column("first_read_at", INSTANT, "When anything of it was first read, by the API's clock.", required=True),
            Column("read_at", INSTANT, "When anything of it was last read, by the API's clock.", required=True),
        ),
    ),
    Table(
        "ops",
        "running_days",
        "One row per look at the running day of an entity, and one per look at the day that was running at the look "
        "before: the last two of each entity. Runs look at it for proof that the copy moves; its numbers do not land.",
        (
            _PROJECT,
            Column("ad_account_id", "VARCHAR", "Ad account; empty: what belongs to none that is known.", required=True),
            Column("scope", "VARCHAR", "Scope of the entity, as API spells it; null: seen by a version before 11."),
            Column("entity_id", "VARCHAR", "Entity that was looked at; null as scope."),
            _DAY,
            Column("seen_at", INSTANT, "When it was seen, by the API's clock.", required=True),
            *(
                Column(f"seen_{name}", kind, f"The day's {name} then; null: unknown.", unit=unit, additive=False)
                for name, kind, unit in (
                    ("spend", "DOUBLE", "currency of the account"),
                    ("impressions", "BIGINT", "count"),
                    ("clicks", "BIGINT", "count"),
                    ("conversions", "BIGINT", "count"),
                )
            ),
        ),
    ),
    Table(
        "ops",
        "doubtful_days",
        "One row per day of an entity of which the last answer could not be taken as it was. The day stays open.",
        (
            _SCOPE,
            _PROJECT,
            _ENTITY,
            _DAY,
            Column(
                "field", "VARCHAR", "The number that was left out, where the day could do without it; null: the day."
            ),
            Column(
                "kind",
                "VARCHAR",
                "unbelievable (not a number of that kind: the day was not read); incomplete (a number is unknown "
                "beside others that are known, or the conversion value that was known of the day); vanished (known "
                "activity is gone from the answer: what stood stands, until a second witness or a backfill confirms "
                "it).",
                required=True,
            ),
            Column("reason", "VARCHAR", "What was wrong, as field: what.", required=True),
            Column(
                "first_seen_at", INSTANT, "Since when the answers are like this, by the API's clock.", required=True
            ),
            Column("last_seen_at", INSTANT, "When the last such answer came, by the API's clock.", required=True),
            Column("request_id", "VARCHAR", "The API's id of that request; its support asks for it."),
        ),
    ),
    Table(
        "ops",
        "audits",
        "One row per window of settled days that a run read again, drawn at random over the whole past: the evidence "
        "of marts.late_changes. LAYERS_AUDIT_PERCENT says how many.",
        (
            _RUN,
            _SCOPE,
            _PROJECT,
            _ENTITY,
            Column("platform", "VARCHAR", "Ad platform; null: an entity that spans several."),
            _SINCE,
            _UNTIL,
            Column("read_at", INSTANT, "When it was read again, by the API's clock.", required=True),
            Column("days", "BIGINT", "Settled days of it.", required=True, unit="entity-days", additive=True),
            Column(
                "moved_days",
                "BIGINT",
                "How many of these had another value than the settled one.",
                required=True,
                unit="entity-days",
                additive=True,
            ),
        ),
    ),
    Table(
        "ops",
        "findings",
        "One row per check: what the last run that could hold it found, and since when it stands so.",
        (
            Column("asset", "VARCHAR", "Table or listing whose promise it is, as Dagster names it.", required=True),
            Column("check_name", "VARCHAR", "Name of the check.", required=True),
            Column("passed", "BOOLEAN", "Whether the promise holds.", required=True),
            Column("is_error", "BOOLEAN", "Whether the run has failed by it; else it only warns.", required=True),
            Column("message", "VARCHAR", "What people should know of it, a sentence a line; null: nothing."),
            Column("remedy", "VARCHAR", "What to do, or what happens by itself; null: nothing."),
            Column("facts", "VARCHAR", "Numbers and examples by name, as a JSON object.", required=True),
            Column("since", INSTANT, "Instant of the first run of those that found it so.", required=True),
            Column("found_at", INSTANT, "The instant that the last run which held it stands for.", required=True),
            _RUN,
        ),
    ),
    Table(
        "ops",
        "changed_days",
        "One row per change of an entity's window of days: what the daily marts, and other warehouses, have to follow. "
        "It goes back to the oldest of ops.published_states, and further where a mart is not in step.",
        (_SCOPE, _PROJECT, _ENTITY, _SINCE, _UNTIL, _revision("That made the change.")),
    ),
    Table(
        "ops",
        "derived_marts",
        "One row per daily mart: up to which revision of ops.changed_days it is in step.",
        (_SCOPE, _revision("The last that it has.")),
    ),
    Table(
        "ops",
        "published_states",
        "One row per state of the data that was published, the newest 35: by these, what changed since is known.",
        (
            Column("state_id", "VARCHAR", "As in ops.revision when it was published.", required=True),
            _revision("The last that it has."),
        ),
    ),
    Table(
        "ops",
        "ratio_mismatches",
        "One row per ratio that the API reported with the numbers that stand and that these do not give, beyond what "
        "rounding explains.",
        (
            _SCOPE,
            _PROJECT,
            _ENTITY,
            _DAY,
            Column("metric", "VARCHAR", "cpa, cpc, cpm, ctr or roas.", required=True),
            Column(
                "reported",
                "DOUBLE",
                "As the API reported it.",
                required=True,
                unit="unit of the metric",
                additive=False,
            ),
            Column(
                "recomputed",
                "DOUBLE",
                "From the primitives of the same answer.",
                required=True,
                unit="unit of the metric",
                additive=False,
            ),
            Column("read_at", INSTANT, "When it was read, by the API's clock.", required=True),
        ),
    ),
    Table(
        "ops",
        "publication",
        "One row: which run made this file, when, and up to where it is final.",
        (
            _RUN,
            Column("published_at", INSTANT, "When the file was published, by this machine's clock.", required=True),
            Column("instant", INSTANT, "The instant the run stands for.", required=True),
            Column(
                "settled_until",
                "DATE",
                "All days before this one are settled for every entity that LAYERS_PROJECT_IDS and LAYERS_SCOPES ask "
                "for and that is not gone, those of archived projects too; null: none yet.",
            ),
            Column(
                "settled_until_but_for_doubtful",
                "DATE",
                "The same, leaving out the days in ops.doubtful_days; null: none yet.",
            ),
            Column("state_id", "VARCHAR", "The ops.revision.state_id that it has."),
        ),
    ),
)
