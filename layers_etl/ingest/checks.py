"""The promises that the tables make, and what is found of them after every run.

Dagster's asset checks, the exit code, and what the command line says at the end of a run are all made of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from typing import Final

from layers_etl.domain.days import describe_days
from layers_etl.domain.entities import named
from layers_etl.domain.outcomes import ListingOutcome, ScopeOutcome
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, WEEKLY_REACH_SCOPES, Scope, listed_scopes
from layers_etl.domain.storable import storable_json, storable_text
from layers_etl.errors import REPORT_IT, EntityError
from layers_etl.ingest.outstanding import Outstanding, find_overdue
from layers_etl.ingest.run import Run
from layers_etl.ingest.unread import REASONS_SHOWN, describe_failed_reads
from layers_etl.ingest.weekly_reach import WeeklyReachOutcome
from layers_etl.warehouse.audits import load_audit_findings
from layers_etl.warehouse.checks import (
    KeyedTable,
    count_faulty_keys,
    count_faulty_keys_in_part,
    count_negative_primitives,
    keyed_tables,
    load_duplicate_accounts,
    load_last_reading_moves,
    load_standing_mismatches,
    load_unrefreshed_accounts,
)
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.doubtful_days import DoubtfulDay, describe_doubts, load_doubtful_days
from layers_etl.warehouse.entities import load_entity_names
from layers_etl.warehouse.findings import CheckFinding, is_broken, record_findings
from layers_etl.warehouse.marts import count_stale_windows
from layers_etl.warehouse.reconciliation import Disagreement, load_disagreements
from layers_etl.warehouse.reconciliation_views import Reconciliation, reconciliations_of
from layers_etl.warehouse.runs import count_runs
from layers_etl.warehouse.sources import load_standing_sources

COMPLETENESS: Final = "every_entity_was_read"
LISTINGS: Final = "every_project_was_listed"

ASKED_FOR_AGAIN: Final = "All else landed and is published; the next run asks for just what is missing."

OFFENDERS_SHOWN: Final = 20
"""The worst ones; a check is read by people."""

FAILURES_SHOWN: Final = 100
NAMED_IN_A_SENTENCE: Final = 3


@dataclass(frozen=True)
class Evidence:
    """What a promise is held against: the warehouse of ``run``, what is ``outstanding`` in it, and what the run did."""

    run: Run
    outstanding: Outstanding
    listings: Mapping[Scope, ListingOutcome]
    metrics: Mapping[Scope, ScopeOutcome]
    weekly_reach: Mapping[Scope, WeeklyReachOutcome]

    @cached_property
    def overdue_reads(self) -> Sequence[PlannedRead]:
        """Of all scopes, once."""
        return find_overdue(self.outstanding, self.run.settings.settle_hours)


@dataclass(frozen=True, slots=True)
class Check:
    """A promise of ``asset``, and how it is held; ``find`` gives None where the run did nothing that could tell."""

    name: str
    asset: str
    promise: str
    find: Callable[[Evidence], Found | None]


@dataclass(frozen=True, slots=True)
class Found:
    """What holding a promise gave.

    A broken one is an error, which fails the run, or ``only_warns``. ``facts`` are numbers and lists by name, for the
    UI; ``told`` are sentences that the command line says at the end of a run; ``wrong`` says what is wrong with an
    error, and ``remedy`` what to do, or what happens by itself.
    """

    passed: bool
    only_warns: bool = False
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    told: tuple[str, ...] = ()
    wrong: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one check."""

    check: Check
    found: Found

    @property
    def is_error(self) -> bool:
        """Whether the run has failed by it."""
        return not self.found.passed and not self.found.only_warns


def judge(checks: Iterable[Check], evidence: Evidence) -> Iterator[Finding]:
    """Hold the promises, in their order; those that nothing can tell of are left out."""
    for check in checks:
        if found := check.find(evidence):
            yield Finding(check, found)


def record(run: Run, findings: Iterable[Finding]) -> None:
    """Keep what was found, in ``ops.findings``."""
    record_findings(
        run.warehouse,
        [_as_stored(finding) for finding in findings],
        [(check.asset, check.name) for check in all_checks(run.settings.scopes)],
        run_id=run.log.run_id,
        instant=run.instant,
    )


def _as_stored(finding: Finding) -> CheckFinding:
    check, found = finding.check, finding.found
    said = [storable_text(sentence) for sentence in (found.wrong, *found.told) if sentence]
    return CheckFinding(
        check.asset,
        check.name,
        found.passed,
        finding.is_error,
        None if found.passed else "\n".join(said) or None,
        None if found.passed else found.remedy or None,
        storable_json(dict(found.facts)),
    )


def all_checks(scopes: Sequence[Scope]) -> tuple[Check, ...]:
    """What must hold of every table of the scopes that are read, whatever was read."""
    return (*_of_accounts(scopes), *_of_listings(scopes), *_of_scopes(scopes), *_of_sums(scopes))


def _of_accounts(scopes: Sequence[Scope]) -> Iterator[Check]:
    yield Check(
        "every_account_is_refreshed",
        AD_ACCOUNT.plural,
        "Layers has a valid token for every listed account's platform. Without one its numbers, and those of all below "
        "it, can be read but stand still.",
        _find_unrefreshed_accounts,
    )
    yield Check(
        "no_account_is_listed_twice",
        AD_ACCOUNT.plural,
        "No account of a platform is listed under two ids, or was in the last eight weeks. Within a project each of "
        "its days counts once in rollups and reconciliations all the same: ops.duplicate_ids.",
        _find_duplicate_accounts,
    )
    yield Check(
        "every_source_moves",
        (AD_ACCOUNT if AD_ACCOUNT in scopes else scopes[0]).metrics_table,
        "The copy that Layers serves of every account's numbers moves. Where it stands still, its days are read and "
        "land, but do not settle: ops.sources.",
        _find_standing_sources,
    )


def _of_listings(scopes: Sequence[Scope]) -> Iterator[Check]:
    for scope in listed_scopes(scopes):
        yield Check(LISTINGS, scope.plural, "No project's list failed.", partial(_find_failed_lists, scope=scope))
    for scope in (PROJECT, *listed_scopes(scopes)):
        dimension, *_ = keyed_tables(scope)
        yield _keys_are_unique(scope, dimension)


def _of_scopes(scopes: Sequence[Scope]) -> Iterator[Check]:
    for scope in scopes:
        metrics = partial(Check, asset=scope.metrics_table)
        yield metrics(
            COMPLETENESS,
            promise="Every entity that can be read was read for every day of the range.",
            find=partial(_find_failed_reads, scope=scope),
        )
        if scope in WEEKLY_REACH_SCOPES:
            yield Check(
                COMPLETENESS,
                scope.weekly_reach_table,
                "Every closed week that is open could be read. A warning: where the API has no weekly reach, nothing "
                "else is missing, and it is asked for again a week later.",
                partial(_find_failed_weeks, scope=scope),
            )
        _, *others = keyed_tables(scope)
        for table in others:
            yield _keys_are_unique(scope, table)
        yield _none_found(
            "no_primitive_is_negative",
            scope.metrics_table,
            "Spend and counts are never below zero.",
            "negative_rows",
            partial(_count_of_scope, scope=scope, count=count_negative_primitives),
        )
        yield _none_found(
            "mart_is_in_step",
            scope.daily_mart,
            f"No day of {scope.metrics_table} changed without being derived here.",
            "stale_windows",
            partial(_count_of_scope, scope=scope, count=count_stale_windows),
        )
        yield metrics(
            "every_day_could_be_believed",
            promise="No day is open since its answer is no number, lacks one that is known, or has lost known "
            "activity: ops.doubtful_days.",
            find=partial(_find_doubtful_days, scope=scope),
        )
        yield metrics(
            "every_day_was_read_late_enough",
            promise="No day is past its settling time without having been read after it.",
            find=partial(_find_overdue_days, scope=scope),
        )
        yield metrics(
            "no_day_moved_at_its_last_reading",
            promise="Settled days stood still when they were last read: the settling time is long enough. A day that "
            "moved between its last two readings may move again; a longer LAYERS_SETTLE_HOURS would tell.",
            find=partial(_find_last_reading_moves, scope=scope),
        )
        yield metrics(
            "settled_days_stand",
            promise="Of the settled days that runs read again at random in the last eight weeks, none had moved: "
            "marts.late_changes.",
            find=partial(_find_late_changes, scope=scope),
        )
        yield metrics(
            "reported_ratios_agree",
            promise="The ratios the API reports follow from the numbers it reports with them. The marts recompute "
            "theirs, so a difference is the API's, and nothing here is wrong by it.",
            find=partial(_find_ratio_mismatches, scope=scope),
        )


def _of_sums(scopes: Sequence[Scope]) -> Iterator[Check]:
    for each in reconciliations_of(scopes):
        yield Check(
            f"{each.children}_add_up_to_their_{each.parent.name.removeprefix('ad_')}",
            each.child.metrics_table,
            f"On every closed day the {each.children} sum to what the API says of the {each.parent.name} itself: "
            f"marts.{each.view}.",
            partial(_find_disagreements, reconciliation=each),
        )


def _count_of_scope(evidence: Evidence, scope: Scope, count: Callable[[Warehouse, Scope], int]) -> int:
    return count(evidence.run.warehouse, scope)


def _keys_are_unique(scope: Scope, table: KeyedTable) -> Check:
    """Projects have no asset: every run lists them, before the accounts below them."""
    of_projects = table.name == PROJECT.plural
    name = "keys_of_projects_are_unique" if of_projects else "keys_are_unique"
    asset = AD_ACCOUNT.plural if of_projects else table.name
    return _none_found(
        name,
        asset,
        f"No two rows of {table.schema}.{table.name} have the same {', '.join(table.key)}, and none has a null there. "
        "Held of all that changed, and of a million rows at least: of larger tables all days have their turn.",
        "faulty_keys",
        partial(_count_faulty_keys, scope=scope, table=table, asset=asset, check_name=name),
    )


def _count_faulty_keys(evidence: Evidence, scope: Scope, table: KeyedTable, asset: str, check_name: str) -> int:
    """In the whole table where some were found last: days whose turn is over would else count as mended."""
    run = evidence.run
    if is_broken(run.warehouse, asset, check_name):
        return count_faulty_keys(run.warehouse, table)
    return count_faulty_keys_in_part(
        run.warehouse, scope, table, turn=count_runs(run.warehouse), read_since=run.fresh_since
    )


def _none_found(name: str, asset: str, promise: str, noun: str, count: Callable[[Evidence], int]) -> Check:
    """Passes where ``count`` finds none; the number is shown as ``noun``."""

    def find(evidence: Evidence) -> Found:
        number = count(evidence)
        if not number:
            return Found(passed=True, facts={noun: 0})
        return Found(
            passed=False,
            facts={noun: number},
            wrong=f"{asset} has {number:,} {noun.replace('_', ' ')}, and should have none",
            remedy=f"This is a bug: {REPORT_IT}.",
        )

    return Check(name, asset, promise, find)


def _sentences(found: Sequence[object]) -> tuple[str, ...]:
    """What is told of all that was found: the first of it, a sentence each."""
    return tuple(str(one) for one in found[:OFFENDERS_SHOWN])


def _find_unrefreshed_accounts(evidence: Evidence) -> Found:
    run = evidence.run
    unrefreshed = load_unrefreshed_accounts(run.warehouse, run.settings.project_ids)
    return Found(
        passed=not unrefreshed,
        only_warns=True,
        facts={"unrefreshed_accounts": len(unrefreshed)},
        told=_sentences(unrefreshed),
        remedy="Reconnect these accounts in Layers. Their days settle once the numbers move again.",
    )


def _find_duplicate_accounts(evidence: Evidence) -> Found:
    run = evidence.run
    duplicates = load_duplicate_accounts(run.warehouse, run.settings.project_ids)
    return Found(
        passed=not duplicates,
        only_warns=True,
        facts={"accounts_with_several_ids": len(duplicates)},
        told=_sentences(duplicates),
        remedy="Where an account was connected anew, nothing: this is told for eight weeks after its old id was last "
        "listed. Where it is connected twice, disconnect one in Layers.",
    )


def _find_standing_sources(evidence: Evidence) -> Found:
    run = evidence.run
    standing = load_standing_sources(run.warehouse, run.settings.project_ids)
    return Found(
        passed=not standing,
        only_warns=True,
        facts={"standing_sources": len(standing), "days_that_wait": sum(source.held_days for source in standing)},
        told=_sentences(standing),
        remedy="See Layers' status page and the accounts' connections there. Every run reads these days again, and "
        "they settle once the numbers move.",
    )


def _find_failed_lists(evidence: Evidence, scope: Scope) -> Found | None:
    listing = evidence.listings.get(scope)
    return _none_failed(listing.failures) if listing else None


def _find_failed_weeks(evidence: Evidence, scope: Scope) -> Found | None:
    weeks = evidence.weekly_reach.get(scope)
    return _none_failed(weeks.failures, only_warns=True) if weeks else None


def _none_failed(errors: Sequence[EntityError], *, only_warns: bool = False) -> Found:
    failures = [str(error) for error in errors]
    return Found(
        passed=not failures,
        only_warns=only_warns,
        facts={"failures": failures[:FAILURES_SHOWN]},
        wrong="; ".join(failures[:REASONS_SHOWN]),
        remedy=ASKED_FOR_AGAIN if failures else "",
    )


def _find_failed_reads(evidence: Evidence, scope: Scope) -> Found | None:
    outcome = evidence.metrics.get(scope)
    if outcome is None:
        return None
    failures = [str(error) for error in outcome.failures]
    weeks = evidence.weekly_reach.get(scope)
    return Found(
        passed=not failures,
        facts={
            "failed_entities": len({failed.read.key for failed in outcome.failed}),
            "failures": failures[:FAILURES_SHOWN],
            # Told, but no reason to fail: no day lacks anything for it.
            "weeks_without_reach": [str(error) for error in (weeks.failures if weeks else ())[:FAILURES_SHOWN]],
        },
        # Of listings that failed their own check tells.
        wrong=describe_failed_reads(outcome),
        remedy=ASKED_FOR_AGAIN if failures else "",
    )


def _find_doubtful_days(evidence: Evidence, scope: Scope) -> Found:
    """An error in the run that first sees a doubt; as long as it stays, a warning."""
    run = evidence.run
    doubtful = load_doubtful_days(run.warehouse, scope, read_since=run.fresh_since)
    new = [day for day in doubtful if day.is_new]
    return Found(
        passed=not doubtful,
        only_warns=not new,
        facts={"doubtful_days": len(doubtful), "new_in_this_run": len(new)},
        told=_sentences(describe_doubts(doubtful)),
        wrong=_describe_new_doubts(scope, new) if new else "",
        remedy="Every run asks for these days again. Where vanished activity is really gone, a backfill of the days "
        "accepts it; else send ops.doubtful_days.request_id to Layers' support.",
    )


def _find_overdue_days(evidence: Evidence, scope: Scope) -> Found:
    """But for campaigns that were dormant as the run began: what woke them is news, and the next one reads the rest."""
    outcome = evidence.metrics.get(scope)
    woken = {entity.key for entity in outcome.plan.dormant} if outcome else set[EntityKey]()
    overdue = [read for read in evidence.overdue_reads if read.key.scope is scope and read.key not in woken]
    if not overdue:
        return Found(passed=True, only_warns=True, facts={"overdue_entity_days": 0})
    days, entities = sum(len(read.window) for read in overdue), {read.key for read in overdue}
    oldest = min(read.window.since for read in overdue)
    return Found(
        passed=False,
        only_warns=True,
        facts={
            "overdue_entity_days": days,
            "overdue_entities": len(entities),
            "oldest_overdue_day": str(oldest),
            "examples": [f"{read.key.entity_id} {read.window}" for read in overdue[:OFFENDERS_SHOWN]],
        },
        told=(f"{days:,} days of {len(entities):,} {scope.nouns} were not read after their settling time.",),
        remedy="Launch the job refresh for the newest day: it reads all that is not settled up to it.",
    )


def _by_platform(found: Iterable[tuple[str | None, Mapping[str, object]]]) -> dict[str, object]:
    return {
        f"{platform or 'all platforms'}: {name}": value for platform, facts in found for name, value in facts.items()
    }


def _find_last_reading_moves(evidence: Evidence, scope: Scope) -> Found:
    """Under one run a day most moves are seen by the last reading; what moved after that proves the time too short."""
    moves = load_last_reading_moves(evidence.run.warehouse, scope)
    return Found(
        passed=all(move.moved_days == 0 for move in moves),
        only_warns=True,
        facts=_by_platform(
            (
                move.platform,
                {
                    "settled entity-days": move.settled_days,
                    "moved at the last reading": move.moved_days,
                    "share that moved": move.moved_days / move.settled_days,
                    "share of conversions that came with it": move.conversions_share,
                    "moved after having settled": move.moved_after_settling_days,
                },
            )
            for move in moves
        ),
    )


def _find_late_changes(evidence: Evidence, scope: Scope) -> Found:
    findings = load_audit_findings(evidence.run.warehouse, [scope])
    return Found(
        passed=all(finding.moved_days == 0 for finding in findings),
        only_warns=True,
        facts=_by_platform(
            (
                finding.platform,
                {
                    "settled entity-days read again": finding.days,
                    "had moved": finding.moved_days,
                    "settling time that would have held, hours": finding.held_by_hours,
                    "share that moves, at most": None if finding.moved_days else finding.share_at_most,
                },
            )
            for finding in findings
        ),
        told=tuple(str(finding) for finding in findings if finding.moved_days),
    )


def _find_ratio_mismatches(evidence: Evidence, scope: Scope) -> Found:
    mismatches = load_standing_mismatches(evidence.run.warehouse, scope)
    return Found(
        passed=not mismatches,
        only_warns=True,
        facts={"mismatches": len(mismatches), "worst": list(_sentences(mismatches))},
    )


def _find_disagreements(evidence: Evidence, reconciliation: Reconciliation) -> Found:
    """An error only where this run read a contradiction.

    Numbers that were read at different times before they settled, or not all of which could be read, differ without
    either being wrong: these warn, and so do contradictions that earlier runs have reported. Those that settled are
    told for as long as they stand: no run by itself reads them again. What could not be read is an error of its own
    (``every_entity_was_read``).
    """
    run = evidence.run
    found = load_disagreements(run.warehouse, reconciliation, run.log.run_id)
    contradictions = [disagreement for disagreement in found if disagreement.is_contradiction]
    worst = [*contradictions, *(disagreement for disagreement in found if not disagreement.is_contradiction)]
    settled = [disagreement for disagreement in found if disagreement.stays]
    of_settled = _describe_contradictions(run.warehouse, reconciliation, settled) if settled else ""
    return Found(
        passed=not found,
        only_warns=not contradictions,
        facts={
            "contradictions_read_now": len(contradictions),
            "other_residuals": len(found) - len(contradictions),
            "worst": list(_sentences(worst)),
        },
        told=(f"{of_settled}; they have settled so: a backfill reads both sides again",) if settled else (),
        wrong=_describe_contradictions(run.warehouse, reconciliation, contradictions) if contradictions else "",
        remedy=f"Look at marts.{reconciliation.view}. Every run reads again what has not settled; of what has, a "
        "backfill of these days reads both sides again.",
    )


def _describe_new_doubts(scope: Scope, new: Sequence[DoubtfulDay]) -> str:
    return f"{len(new):,} days of {scope.nouns} are newly in doubt: " + "; ".join(
        describe_doubts(new)[:NAMED_IN_A_SENTENCE]
    )


def _describe_contradictions(
    warehouse: Warehouse, reconciliation: Reconciliation, contradictions: Sequence[Disagreement]
) -> str:
    """How many days contradict, and the first parents by name, with theirs."""
    days: dict[str, list[date]] = defaultdict(list)
    for found in contradictions:
        days[found.entity_id].append(found.day)
    scope = reconciliation.parent
    names = {
        entity_id: name
        for (of_scope, _, entity_id), name in load_entity_names(warehouse, days).items()
        if of_scope == scope.name
    }
    shown = [
        f"{named(names.get(entity_id), entity_id)} on {describe_days(found)}"
        for entity_id, found in list(days.items())[:NAMED_IN_A_SENTENCE]
    ]
    others = "; and others" if len(days) > NAMED_IN_A_SENTENCE else ""
    return (
        f"{len(contradictions):,} days of {scope.nouns} are not the sum of their "
        f"{reconciliation.children}: {'; '.join(shown)}{others}"
    )
