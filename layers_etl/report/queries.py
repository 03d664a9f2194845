"""What the page shows, as values: one query of ``sql/`` each, asked of what is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Final, TypeVar

from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.findings import StandingFinding, load_findings

R = TypeVar("R")

SHOWN_DAYS: Final = 28
"""Four weeks: each weekday as often as any other."""

MOST_CAMPAIGNS: Final = 45
"""Of all currencies together, so that the page stays small; the rest is counted."""

FEWEST_CAMPAIGNS: Final = 3
"""Of a currency, however many there are."""

MOST_ACCOUNTS: Final = 24
MOST_CHANGES: Final = 12
LEAST_CONVERSIONS: Final = 5
"""On each side of a comparison of CPAs: of fewer it says more of chance than of the campaign."""

HOURS_AGO: Final = 18
"""After the run of the morning before has ended, whenever that was, and before this morning's."""

MOST_DAYS_AFTER: Final = 7
LEAST_COMPLETION_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class PublicationFacts:
    """Which state of the warehouse is shown. ``settled_until`` is the first day that may still change; None: all may.

    ``last_day`` is the last one that had closed; None before the first run that read.
    """

    published_at: datetime
    instant: datetime
    settled_until: date | None
    last_day: date | None
    run_status: str | None
    projects: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Week:
    """The last seven closed days of one currency beside the seven before. Money is in that currency; None: not known.

    What is ``expected`` is where the week may end once it is final; None where that is not projected.
    """

    currency: str | None
    spend: Decimal | None
    spend_before: Decimal | None
    conversions: int | None
    conversions_before: int | None
    cpa: float | None
    cpa_before: float | None
    roas: float | None
    roas_before: float | None
    open_days: int
    days: int
    days_before: int
    expected_spend: float | None
    expected_conversions: float | None
    expected_cpa: float | None
    expected_roas: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """One platform, currency and closed day."""

    platform: str | None
    currency: str | None
    day: date
    settled: bool
    spend: Decimal | None
    expected_spend: float | None
    spend_low: float | None
    spend_high: float | None
    conversions: int | None
    expected_conversions: float | None
    conversions_low: float | None
    conversions_high: float | None
    cpa: float | None
    expected_cpa: float | None
    roas: float | None
    expected_roas: float | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign of the ``campaigns`` of its currency, by spend. ``days``, ``spends`` and ``cpas`` run in parallel.

    ``cpa_change`` compares its last settled days with those before; None where there are too few conversions.
    ``pace`` is the share of ``budget_to_date`` that the month so far has spent; None where there is no such budget.
    """

    currency: str | None
    rank: int
    campaigns: int
    name: str | None
    account: str | None
    platform: str | None
    status: str | None
    spend: Decimal | None
    conversions: int | None
    cpa: float | None
    roas: float | None
    cpa_change: float | None
    days: Sequence[date]
    spends: Sequence[Decimal | None]
    cpas: Sequence[float | None]
    budget_to_date: Decimal | None
    pace: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """A campaign's day that had been reported and says something else now; one of the ``changed``."""

    name: str
    platform: str | None
    currency: str | None
    day: date
    spend_before: Decimal | None
    spend: Decimal | None
    conversions_before: int | None
    conversions: int | None
    changed: int


@dataclass(frozen=True, slots=True)
class PlatformChange:
    """By how much what had been reported of a platform, in one currency, has changed."""

    platform: str | None
    currency: str | None
    entity_days: int
    days: int
    spend_change: Decimal
    conversions_change: int


@dataclass(frozen=True, slots=True)
class Completion:
    """Which share of the settled conversions of a platform's days was known so many days after they closed."""

    platform: str | None
    days_after: int
    share: float


@dataclass(frozen=True, slots=True)
class Account:
    """One of the ``accounts``: how its copy stands, and how final each of its ``days`` is, in ``states``."""

    name: str
    platform: str | None
    currency: str | None
    token_status: str | None
    copy: str | None
    days: Sequence[date] | None
    states: Sequence[str] | None
    newest_settled: date | None
    open_days: int
    held_days: int
    unread_days: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Of the settled days of one scope and platform that were read again, how many had ``moved``.

    ``moves_at_most`` is the 95 % upper bound of the share that does, where none had.
    """

    scope: str
    platform: str | None
    entity_days: int
    moved: int
    moves_at_most: float | None


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the page shows."""

    publication: PublicationFacts
    findings: Sequence[StandingFinding]
    weeks: Sequence[Week]
    days: Sequence[Day]
    campaigns: Sequence[Campaign]
    changes: Sequence[Change]
    changes_by_platform: Sequence[PlatformChange]
    completion: Sequence[Completion]
    accounts: Sequence[Account]
    samples: Sequence[Sample]


def load_shown(published: Readable, *, project_id: str | None = None, days: int = SHOWN_DAYS) -> Shown | None:
    """All of it, over the last ``days`` closed ones; None where nothing has been published yet.

    Of one project, findings, completion and samples are those of all: they tell of platforms, not of projects.
    """
    publications = _ask(published, "publication", PublicationFacts)
    if not publications:
        return None
    published.connection.execute(_text("gather_days"), {"days": days, "project": project_id})
    published.connection.execute(_text("gather_changes"), {"hours": HOURS_AGO, "project": project_id})
    weeks = _ask(published, "weeks", Week)
    return Shown(
        publication=publications[0],
        findings=[found for found in load_findings(published) if not found.passed and found.message],
        weeks=weeks,
        days=_ask(published, "days", Day),
        campaigns=_ask(
            published,
            "campaigns",
            Campaign,
            project=project_id,
            days=days,
            top=max(FEWEST_CAMPAIGNS, MOST_CAMPAIGNS // max(len(weeks), 1)),
            least_conversions=LEAST_CONVERSIONS,
        ),
        changes=_ask(published, "changes", Change, top=MOST_CHANGES),
        changes_by_platform=_ask(published, "changes_by_platform", PlatformChange),
        completion=_ask(
            published, "completion", Completion, most_days=MOST_DAYS_AFTER, least_days=LEAST_COMPLETION_DAYS
        ),
        accounts=_ask(
            published,
            "accounts",
            Account,
            scope=_account_scope(published),
            project=project_id,
            days=days,
            top=MOST_ACCOUNTS,
        ),
        samples=_ask(published, "sampled", Sample),
    )


def _account_scope(published: Readable) -> str:
    """Whose days tell those of accounts. A constant for the query: by that no day of other scopes is looked at."""
    query = "SELECT count(*) FROM ops.coverage WHERE scope = ?"
    has_own = published.connection.execute(query, [AD_ACCOUNT.name]).fetchall()[0][0]
    return AD_ACCOUNT.name if has_own else CAMPAIGN.name


def _ask(published: Readable, query: str, row: Callable[..., R], **parameters: object) -> list[R]:
    """The rows of a query, whose columns are the fields of ``row`` in their order."""
    rows = published.connection.execute(_text(query), parameters or None).fetchall()
    return [row(*columns) for columns in rows]


def _text(query: str) -> str:
    return (files("layers_etl.report") / "sql" / f"{query}.sql").read_text(encoding="utf-8")
