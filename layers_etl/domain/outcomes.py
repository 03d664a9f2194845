"""What a run did, as values: what landed, what failed, and which days count as read by that.

All of it is computed from the plan and from what came of it (rules 4 and 5 of the design): nothing is counted along
the way, so that it can be told again from the same facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from itertools import chain

from layers_etl.domain.days import DayWindow, subtract_windows
from layers_etl.domain.ledger import Ledger
from layers_etl.domain.planning import Entities, Plan, PlannedRead, ReadingPlan
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import EntityError, NotFoundError


@dataclass(frozen=True, slots=True)
class ListingOutcome:
    """What listing one scope gave: the projects whose list could not be had, or not all of it."""

    scope: Scope
    failures: tuple[EntityError, ...] = ()


Listings = Mapping[Scope, ListingOutcome]


@dataclass(frozen=True, slots=True)
class LandedWindow:
    """Days of one entity that were read whole and written; ``rows`` are those on which there was anything."""

    key: EntityKey
    window: DayWindow
    rows: int


@dataclass(frozen=True, slots=True)
class Landed:
    """What came of requests that were answered: of one batch, or of all so far.

    ``windows`` were written, and ``coverage`` is the ledger of their entities since. ``errors`` are those that count as
    failures, the last of each entity. ``missing`` entities were remembered as gone and answered 404 once more, which is
    nothing new.
    """

    windows: tuple[LandedWindow, ...] = ()
    coverage: Ledger = field(default_factory=dict[EntityKey, tuple[Coverage, ...]])
    errors: Mapping[EntityKey, EntityError] = field(default_factory=dict[EntityKey, EntityError])
    missing: frozenset[EntityKey] = frozenset()

    def followed_by(self, later: Landed) -> Landed:
        """Both together: of one entity, the later ledger and the later error count."""
        return Landed(
            (*self.windows, *later.windows),
            {**self.coverage, **later.coverage},
            {**self.errors, **later.errors},
            self.missing | later.missing,
        )


@dataclass(frozen=True, slots=True)
class SortedErrors:
    """Errors by what they mean for a run.

    ``failed`` are days that it lacks, and of these ``gone`` entities are to be remembered as such. ``missing`` entities
    were known to be gone, and ``of_audits`` are days that have settled: neither makes it incomplete.
    """

    failed: tuple[tuple[EntityKey, EntityError], ...]
    gone: tuple[EntityKey, ...]
    missing: frozenset[EntityKey]
    of_audits: tuple[EntityError, ...]


def sort_errors(
    errors: Iterable[EntityError],
    plan: ReadingPlan,
    entities: Entities,
    *,
    is_gone: Callable[[EntityKey], bool],
    is_named: Callable[[EntityKey], bool],
) -> SortedErrors:
    """What each of ``errors`` means; ``is_gone`` is an entity that answered 404 when it was last asked for.

    Where that ``is_named`` by the request, its 404 is told however well it is known (decisions.md, A campaign that
    answers 404).
    """
    failed: list[tuple[EntityKey, EntityError]] = []
    gone: list[EntityKey] = []
    missing: set[EntityKey] = set()
    of_audits: list[EntityError] = []
    for error in errors:
        context = error.context
        key = plan.key_of(context.scope, context.project_id, context.entity_id)
        if context.since is not None and plan.is_audit(key, context.since):
            of_audits.append(error)
        elif not _says_gone(error, project_archived=entities[key].project_archived):
            failed.append((key, error))
        elif not is_gone(key):
            failed.append((key, error))
            gone.append(key)
        elif is_named(key):
            failed.append((key, error))
        else:
            missing.add(key)
    return SortedErrors(tuple(failed), tuple(gone), frozenset(missing), tuple(of_audits))


def _says_gone(error: EntityError, *, project_archived: bool) -> bool:
    """A project that is no longer ours to read may answer either."""
    return isinstance(error, NotFoundError) or (project_archived and error.status == HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class FailedRead:
    """Days of a planned request that gave nothing to land, and why."""

    read: PlannedRead
    error: EntityError


@dataclass(frozen=True, slots=True)
class ScopeOutcome:
    """What reading one scope's metrics gave.

    ``plan`` is what was known to be needed before anything was read; ``expected`` entities were to be read or already
    up to date. Windows and rows that landed include those of audits and of the ``reread_dormant`` campaigns, which
    their accounts contradicted. ``unlisted`` are the listings that could not be had: of the scope, and of the accounts,
    which every scope hangs on.

    Of ``failed_days`` nothing could be read: every expected entity failed, or the day has not begun. ``landed_days``
    count as materialized: their readable entities have landed, or had before (decisions.md, Exactly the landed days
    are marked).
    """

    scope: Scope
    window: DayWindow
    plan: Plan
    expected: int
    windows_landed: int
    rows_landed: int
    reread_dormant: int
    failed: tuple[FailedRead, ...]
    unlisted: tuple[EntityError, ...]
    failed_days: frozenset[date]
    landed_days: frozenset[date]

    @property
    def failures(self) -> tuple[EntityError, ...]:
        """Why it is not whole: the listings and the reads that failed."""
        return (*self.unlisted, *(failed.error for failed in self.failed))


def judge_scope(
    scope: Scope, plan: ReadingPlan, landed: Landed, ledger: Ledger, listings: Listings, *, is_limited: bool
) -> ScopeOutcome:
    """What reading ``scope`` gave, by what was planned and all that came of it.

    ``ledger`` is that of every entity that is known of the scopes read, as it stands now; ``listings`` are those that
    were had. A run that ``is_limited`` to some entities makes a day land only where every entity of the scope has it.
    """
    reads = plan.reads(scope)
    of_scope = {key: coverage for key, coverage in ledger.items() if key.scope is scope}
    expected = len({read.key for read in reads} - landed.missing) + len(plan.scopes[scope].current)
    failed = tuple(_failed_reads(reads, landed))
    unlisted_projects = _unlisted_projects(scope, listings, of_scope)
    failed_days = _unread_days(plan.window, failed, expected, unlisted_projects).union(plan.not_begun or ())
    landed_days = frozenset(plan.window) - failed_days
    windows = [window for window in landed.windows if window.key.scope is scope]
    return ScopeOutcome(
        scope,
        plan.window,
        plan.scopes[scope],
        expected=expected,
        windows_landed=len(windows),
        rows_landed=sum(window.rows for window in windows),
        reread_dormant=len({read.key for read in plan.rereads if read.key.scope is scope}),
        failed=failed,
        unlisted=tuple(chain.from_iterable(_failures_by_listing(scope, listings).values())),
        failed_days=failed_days,
        landed_days=landed_days - _days_any_lacks(plan.window, of_scope) if is_limited else landed_days,
    )


def _failed_reads(reads: Iterable[PlannedRead], landed: Landed) -> Iterable[FailedRead]:
    """An error ends its entity's read: what of the planned windows had not landed until then is not read either."""
    written: dict[EntityKey, list[DayWindow]] = {key: [] for key in landed.errors}
    for each in landed.windows:
        if each.key in written:
            written[each.key].append(each.window)
    for read in reads:
        if error := landed.errors.get(read.key):
            for part in subtract_windows(read.window, written[read.key]):
                yield FailedRead(PlannedRead(read.key, part), error)


def _unread_days(
    window: DayWindow, failed: Sequence[FailedRead], expected: int, unlisted_projects: int
) -> frozenset[date]:
    """The days on which all that is expected failed; a project of which nothing is known counts as one entity."""
    failed_on = {(day, each.read.key) for each in failed for day in each.read.window}
    failures = Counter(day for day, _ in failed_on)
    least = max(expected + unlisted_projects, 1)
    return frozenset(day for day in window if failures[day] + unlisted_projects >= least)


def _days_any_lacks(window: DayWindow, ledger: Ledger) -> frozenset[date]:
    """The days of ``window`` that some entity of ``ledger`` was never read for."""
    return frozenset(
        day
        for coverage in ledger.values()
        for part in subtract_windows(window, [interval.window for interval in coverage])
        for day in part
    )


def _failures_by_listing(scope: Scope, listings: Listings) -> dict[Scope, tuple[EntityError, ...]]:
    """Those of the accounts first; a scope that is not listed has none of its own."""
    return {listed: listings[listed].failures for listed in (AD_ACCOUNT, scope) if listed in listings}


def _unlisted_projects(scope: Scope, listings: Listings, ledger: Ledger) -> int:
    """Projects of which nothing is known, since their list of ``scope`` could not be had."""
    unlisted = {failure.context.project_id for failure in _failures_by_listing(scope, listings).get(scope, ())}
    return len(unlisted - {key.project_id for key in ledger})
