"""How a run went: what was read and changed, what falls short, and what else people should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from layers_etl.domain.days import DayWindow
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.ingest.checks import Finding
from layers_etl.ingest.outstanding import OpenDays
from layers_etl.ingest.steps import Judged, MetricsRead, Published, Step, WeeklyReachRead
from layers_etl.ingest.unread import describe_unread_days


@dataclass(frozen=True, slots=True)
class Warned:
    """A promise of ``asset`` that does not hold, and fails no run; no ``sentences`` where nobody has to act on it."""

    check: str
    asset: str
    sentences: tuple[str, ...]
    remedy: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run over ``window`` did, as far as it came.

    ``windows_read`` landed, by scope, of the daily metrics, with ``rows_read`` rows in all; ``weeks_read`` are windows
    of weekly reach. ``restated_days`` are the entity-days that had been read before and have other numbers now, None
    where the run did not come to publish. ``published`` is whether readers lacked something then, and ``changed_days``
    are the entity-days that they may see differ; None where that is not known, as before the first. Everything before
    ``settled_until`` is final, or but for days in doubt, None: no day yet.
    """

    window: DayWindow
    windows_read: Mapping[str, int]
    rows_read: int
    weeks_read: int
    restated_days: int | None
    changed_days: int | None
    published: bool | None
    settled_until: date | None
    settled_until_but_for_doubtful: date | None
    warnings: tuple[Warned, ...]


def describe_shortfall(steps: Sequence[Step]) -> str:
    """Why the run has failed: what is wrong, then what to do or what happens by itself, each once; empty if it has not.

    Where nothing could be read of whole days, that is all that is said: the rest follows from it.
    """
    if unread := describe_unread_days(_read(steps)):
        return f"{unread}. The days before and after are unharmed; read these again once the API answers."
    errors = [finding for finding in _findings(steps) if finding.is_error]
    wrong = [finding.found.wrong for finding in errors if finding.found.wrong] or [
        f"{finding.check.name} fails on {finding.check.asset}" for finding in errors
    ]
    remedies = [finding.found.remedy for finding in errors if finding.found.remedy]
    return " ".join([f"{'; '.join(dict.fromkeys(wrong))}.", *dict.fromkeys(remedies)]) if errors else ""


def summarize(steps: Sequence[Step], window: DayWindow) -> RunSummary:
    """What the ``steps`` of a run over ``window`` come to."""
    read = sorted(_read(steps), key=lambda outcome: outcome.scope.name)
    published = next((step.outcome for step in steps if isinstance(step, Published)), None)
    open_days = published.open_days if published else OpenDays()
    return RunSummary(
        window,
        {outcome.scope.name: outcome.windows_landed for outcome in read if outcome.windows_landed},
        sum(outcome.rows_landed for outcome in read),
        sum(step.outcome.windows_landed for step in steps if isinstance(step, WeeklyReachRead)),
        published.restated_days if published else None,
        published.changed_days if published else None,
        published.is_new if published else None,
        open_days.oldest,
        open_days.oldest_but_for_doubtful,
        tuple(
            Warned(finding.check.name, finding.check.asset, finding.found.told, finding.found.remedy)
            for finding in _findings(steps)
            if not finding.found.passed and (finding.found.only_warns or finding.found.told)
        ),
    )


def describe_summary(summary: RunSummary) -> str:
    """A sentence: what was read and what of it had changed, and up to where the warehouse is final."""
    counts = [f"{count:,} {scope} windows" for scope, count in summary.windows_read.items()]
    if summary.weeks_read:
        counts.append(f"{summary.weeks_read:,} windows of weekly reach")
    read = ", ".join(counts) or "nothing new"
    if summary.windows_read:
        read += f"; {summary.rows_read:,} rows, {_describe_restated(summary.restated_days)}"
    settled = f"; {_describe_settled(summary)}" if summary.published is not None else ""
    return f"{summary.window}: read {read}{settled}."


def _read(steps: Iterable[Step]) -> list[ScopeOutcome]:
    return [step.outcome for step in steps if isinstance(step, MetricsRead)]


def _findings(steps: Iterable[Step]) -> Iterator[Finding]:
    return (finding for step in steps if isinstance(step, Judged) for finding in step.findings)


def _describe_restated(days: int | None) -> str:
    return f"{f'{days:,}' if days else 'none'} of them changed"


def _describe_settled(summary: RunSummary) -> str:
    until, but_for_doubtful = summary.settled_until, summary.settled_until_but_for_doubtful
    if not until:
        return "no day is settled yet"
    more = f" (before {but_for_doubtful}, but for days in doubt)" if but_for_doubtful != until else ""
    return f"settled before {until}{more}"
