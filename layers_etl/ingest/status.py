"""How the warehouse stands, by account: what ``layers-etl status`` shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from layers_etl.domain.days import DayWindow, subtract_windows
from layers_etl.domain.planning import KnownEntity
from layers_etl.domain.settlement import DayState, count_days_by_state
from layers_etl.ingest.outstanding import find_outstanding, scopes_at_hand
from layers_etl.settings import Settings
from layers_etl.warehouse.audits import AuditFinding, load_audit_findings
from layers_etl.warehouse.checks import (
    DuplicateAccount,
    UnrefreshedAccount,
    load_duplicate_accounts,
    load_unrefreshed_accounts,
)
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.doubtful_days import DoubtfulDay, load_doubtful_days
from layers_etl.warehouse.entities import load_account_names
from layers_etl.warehouse.findings import StandingFinding, load_findings
from layers_etl.warehouse.runs import Failure, LastRun, load_failures, load_last_run
from layers_etl.warehouse.sources import StandingSource, load_standing_sources

Account = tuple[str, str]
"""``(project_id, ad_account_id)``; the id is empty for what belongs to no account."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One ad account with everything below it. Days are (entity, day) pairs of closed days since the first one.

    ``missing`` days were never read and the next run will ask for them; days of dormant and gone entities that are left
    alone count nowhere. ``oldest_open_day`` is the oldest day the next run reads; None where nothing is open.
    """

    project_id: str
    ad_account_id: str
    name: str | None
    platform: str | None
    entities: int
    settled: int
    provisional: int
    missing: int
    oldest_open_day: date | None


@dataclass(frozen=True, slots=True)
class Status:
    """All accounts at ``instant``; what runs found of the promises; the accounts that are not refreshed, have several
    ids or stand still, the days whose answers leave a doubt, and what settled days show that were read again, each in
    whole; and the last run with what it could not read."""

    instant: datetime
    accounts: tuple[AccountStatus, ...]
    findings: tuple[StandingFinding, ...]
    unrefreshed_accounts: tuple[UnrefreshedAccount, ...]
    duplicate_accounts: tuple[DuplicateAccount, ...]
    standing_sources: tuple[StandingSource, ...]
    doubtful_days: tuple[DoubtfulDay, ...]
    audits: tuple[AuditFinding, ...]
    oldest_open_day: date | None
    last_run: LastRun | None
    failures: tuple[Failure, ...]


def examine_status(warehouse: Readable, settings: Settings, instant: datetime) -> Status:
    """How every account stands at ``instant``, from the ledger."""
    outstanding = find_outstanding(warehouse, settings, instant)
    known = {entity.key: entity for entity in outstanding.entities}
    entities = Counter(_account(entity) for entity in known.values())
    days: dict[Account, Counter[DayState]] = defaultdict(Counter)
    if settings.start_date < instant.date():
        window = DayWindow(settings.start_date, instant.date())
        for key, entity in known.items():
            settle_hours = settings.settle_hours.hours(key.platform)
            days[_account(entity)].update(count_days_by_state(entity.coverage, window, settle_hours))
    missing: Counter[Account] = Counter()
    oldest: dict[Account, date] = {}
    for read in outstanding.reads:
        entity = known[read.key]
        account = _account(entity)
        missing[account] += sum(
            len(part) for part in subtract_windows(read.window, [interval.window for interval in entity.coverage])
        )
        oldest[account] = min(oldest.get(account, read.window.since), read.window.since)
    names = load_account_names(warehouse)
    last_run = load_last_run(warehouse)
    return Status(
        instant,
        tuple(
            AccountStatus(
                *account,
                *names.get(account, (None, None)),
                entities=entities[account],
                settled=days[account][DayState.SETTLED],
                provisional=days[account][DayState.PROVISIONAL] + days[account][DayState.RUNNING],
                missing=missing[account],
                oldest_open_day=oldest.get(account),
            )
            for account in sorted(entities)
        ),
        tuple(load_findings(warehouse)),
        tuple(load_unrefreshed_accounts(warehouse, settings.project_ids)),
        tuple(load_duplicate_accounts(warehouse, settings.project_ids)),
        tuple(load_standing_sources(warehouse, settings.project_ids)),
        tuple(
            doubtful
            for scope in scopes_at_hand(warehouse, settings)
            for doubtful in load_doubtful_days(warehouse, scope, read_since=instant)
        ),
        tuple(load_audit_findings(warehouse, scopes_at_hand(warehouse, settings))),
        min(oldest.values(), default=None),
        last_run,
        tuple(load_failures(warehouse, last_run.run_id)) if last_run else (),
    )


def _account(entity: KnownEntity) -> Account:
    return entity.key.project_id, entity.parent_id or ""
