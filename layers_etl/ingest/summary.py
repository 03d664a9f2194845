"""How a run went, in sentences: what falls short, what else people should know, and what was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from layers_etl.domain.days import DayWindow
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.ingest.checks import Finding
from layers_etl.ingest.outstanding import OpenDays
from layers_etl.ingest.steps import Judged, MetricsRead, Published, Step
from layers_etl.ingest.unread import describe_unread_days


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


def warnings(steps: Sequence[Step]) -> tuple[str, ...]:
    """What else people should know: a sentence each."""
    return tuple(
        sentence for finding in _findings(steps) if not finding.found.passed for sentence in finding.found.told
    )


def summarize(steps: Sequence[Step], window: DayWindow) -> str:
    """What was read of ``window``, and up to where the warehouse is final."""
    counts = [
        f"{outcome.windows_landed} {outcome.scope.name} windows"
        for outcome in sorted(_read(steps), key=lambda outcome: outcome.scope.name)
        if outcome.windows_landed
    ]
    settled = "".join(f"; {_describe_settled(step.outcome.open_days)}" for step in steps if isinstance(step, Published))
    return f"{window}: read {', '.join(counts) or 'nothing new'}{settled}."


def _read(steps: Iterable[Step]) -> list[ScopeOutcome]:
    return [step.outcome for step in steps if isinstance(step, MetricsRead)]


def _findings(steps: Iterable[Step]) -> Iterator[Finding]:
    return (finding for step in steps if isinstance(step, Judged) for finding in step.findings)


def _describe_settled(open_days: OpenDays) -> str:
    until, but_for_doubtful = open_days.oldest, open_days.oldest_but_for_doubtful
    if not until:
        return "no day is settled yet"
    more = f" (before {but_for_doubtful}, but for days in doubt)" if but_for_doubtful != until else ""
    return f"settled before {until}{more}"
