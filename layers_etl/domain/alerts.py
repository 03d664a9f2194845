"""Which of what stands is news: every event is told once, when it begins, grows or ends, not every morning."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

LATE_AFTER: Final = timedelta(hours=26)
"""Since the last publication: a morning that published nothing, and two hours, whatever the hour it is run at."""

LONGEST_SENTENCE: Final = 700
MOST_TOLD: Final = 20
"""In one message: more are counted. People read the first, and `layers-etl status` has all."""

RUN: Final = "the run"
PUBLICATION: Final = "the publication"
"""Subjects beside the checks, which are told by their name and asset."""


class Kind(enum.StrEnum):
    """What is told of a subject."""

    RUN_FAILED = "run failed"
    CHECK_FAILED = "error check failed"
    NEW_WARNING = "new warning"
    PUBLISHED_LATE = "published late"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one subject.

    ``cause`` tells one failure from another of the same subject, ``extent`` is of how many things it is told: an
    account more is news.
    """

    kind: Kind
    sentence: str
    cause: str = ""
    extent: int = 1

    def is_news_after(self, told: Trouble | None) -> bool:
        """Whether people who were told of ``told`` do not know of this. What has become milder is none."""
        if told is None or self.cause != told.cause:
            return True
        is_worse = self.kind is Kind.CHECK_FAILED and told.kind is Kind.NEW_WARNING
        return is_worse or (self.kind is told.kind and self.extent > told.extent)


@dataclass(frozen=True, slots=True)
class Alert:
    """One event, to be told once."""

    kind: Kind
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: at which instant, by this machine's clock.

    ``is_well`` is exit code 0. ``failure`` is what broke the run off, of the kind ``cause``; None where it ended by
    itself, even if checks do not hold. ``is_daily`` is a run over all that is not settled, as every morning's is.
    """

    at: datetime
    is_well: bool
    is_daily: bool
    failure: str | None = None
    cause: str = ""

    @property
    def trouble(self) -> Trouble | None:
        """That it failed as a whole."""
        return Trouble(Kind.RUN_FAILED, self.failure, self.cause) if self.failure is not None else None


@dataclass(frozen=True, slots=True)
class Memory:
    """What people were told: by subject what stood then. ``ended_at`` is the end of the last run that was told of,
    ``well_at`` that of the last one that ended well."""

    standing: Mapping[str, Trouble] = field(default_factory=dict[str, Trouble])
    ended_at: datetime | None = None
    well_at: datetime | None = None


def find_news(told: Mapping[str, Trouble], observed: Mapping[str, Trouble | None]) -> tuple[Alert, ...]:
    """What people are to be told, in the order of what was ``observed``.

    None is a subject that was looked at and is well; of subjects that are not in it nothing is known, and nothing told.
    """
    alerts: list[Alert] = []
    for subject, trouble in observed.items():
        before = told.get(subject)
        if trouble and trouble.is_news_after(before):
            alerts.append(Alert(trouble.kind, subject, trouble.sentence))
        elif before and not trouble:
            alerts.append(Alert(Kind.RECOVERED, subject, f"told before as {before.kind}, and well again."))
    return tuple(alerts)


def standing_after(told: Mapping[str, Trouble], observed: Mapping[str, Trouble | None]) -> dict[str, Trouble]:
    """What stands once people know of what was ``observed``."""
    return {subject: trouble for subject, trouble in {**told, **observed}.items() if trouble}


def judge_lateness(now: datetime, *known_good: datetime | None) -> Trouble | None:
    """Whether the newest of the instants at which the published file was known to be up to date is too long ago.

    None before the first publication: nobody waits for it yet.
    """
    newest = max(filter(None, known_good), default=None)
    if newest is None or now - newest <= LATE_AFTER:
        return None
    return Trouble(
        Kind.PUBLISHED_LATE,
        f"nothing was published since {newest:%Y-%m-%d %H:%M}Z, {(now - newest).total_seconds() / 3600:.0f} hours ago. "
        "See whether the schedule runs: `layers-etl status` tells how the last run ended.",
    )


def describe_alerts(alerts: Sequence[Alert], place: str) -> str:
    """One message of them all: a line with what it is about, and of which warehouse, then a line each."""
    counts = Counter(alert.kind for alert in alerts)
    headline = ", ".join(f"{kind} ({number})" if number > 1 else kind for kind, number in counts.items())
    lines = [f"layers_etl: {headline}, {place}", *map(_describe, alerts[:MOST_TOLD])]
    if len(alerts) > MOST_TOLD:
        lines.append(f"and {len(alerts) - MOST_TOLD} more: see `layers-etl status`.")
    return "\n".join(lines)


def _describe(alert: Alert) -> str:
    return f"- {alert.kind}: {alert.subject}: {_shortened(' '.join(alert.sentence.split()))}"


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_SENTENCE else f"{sentence[: LONGEST_SENTENCE - 1]}…"
