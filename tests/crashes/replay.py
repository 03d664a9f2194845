"""What the tables of days must hold, replayed from the answers that were accepted, in the plainest way there is.

Nothing here is the pipeline's. A day of an entity has versions: what stands, and what was superseded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

Numbers = tuple[Any, ...]
"""Spend, impressions, clicks, conversions, conversion value, reach, frequency."""

Day = tuple[str, str, date]
"""``(scope, entity, day)``."""

COUNTED: Final = ("spend", "impressions", "clicks", "conversions")
NOTHING: Final = (Decimal("0.0000"), 0, 0, 0)


@dataclass(frozen=True)
class Answer:
    """What the API said to one request: by day, the numbers; and which metrics it was asked for."""

    metrics: frozenset[str]
    buckets: Mapping[date, Mapping[str, Any]]


@dataclass(frozen=True)
class Accepted:
    """That an answer was accepted for some days of an entity, as of an instant; ``by_hand``: in a backfill."""

    scope: str
    entity: str
    since: date
    until: date
    read_at: datetime
    answer: Answer
    by_hand: bool


@dataclass(frozen=True)
class Version:
    """Numbers of a day, and when they were seen for the first and the last time; until when they stood."""

    numbers: Numbers
    first: datetime
    last: datetime
    until: datetime | None = None


@dataclass
class Replay:
    """All versions of all days; ``vanished`` are those whose known activity is gone, and when that was last seen."""

    standing: dict[Day, Version] = field(default_factory=dict[Day, Version])
    superseded: dict[Day, list[Version]] = field(default_factory=lambda: defaultdict(list))
    vanished: dict[Day, datetime] = field(default_factory=dict[Day, datetime])

    def accept(self, accepted: Accepted) -> None:
        """An answer replaces the days that it is about."""
        day = accepted.since
        while day < accepted.until:
            self._accept_day((accepted.scope, accepted.entity, day), accepted)
            day += timedelta(days=1)

    def _accept_day(self, key: Day, accepted: Accepted) -> None:
        bucket = accepted.answer.buckets.get(key[2])
        known = self.standing.get(key)
        at = max(accepted.read_at, known.last) if known else accepted.read_at
        numbers = _numbers(bucket, accepted.answer.metrics, known) if bucket is not None else None
        if known and _is_active(known.numbers) and not accepted.by_hand and (not numbers or numbers[:4] == NOTHING):
            self.vanished[key] = accepted.read_at
            return
        self.vanished.pop(key, None)
        if known and numbers == known.numbers:
            self.standing[key] = replace(known, last=at)
            return
        if known:
            self._supersede(key, at)
        if numbers:
            self.standing[key] = Version(numbers, at, at)

    def _supersede(self, key: Day, at: datetime) -> None:
        known = self.standing.pop(key)
        self.superseded[key].append(replace(known, until=at))

    def judge_vanished(self, since: datetime, accounts: Mapping[str, str]) -> None:
        """After a run that began at ``since``: what is gone goes where the account adds up without it, and is active.

        ``accounts`` are those of the campaigns.
        """
        gone = {key for key, seen in self.vanished.items() if seen >= since}
        witnessed = {key for key in gone if self._adds_up(accounts.get(key[1], key[1]), key[2], gone, accounts)}
        for key in witnessed:
            self._supersede(key, max(self.vanished.pop(key), self.standing[key].last))

    def _adds_up(self, account: str, day: date, gone: set[Day], accounts: Mapping[str, str]) -> bool:
        whole = self.standing.get(("ad_account", account, day))
        if whole is None or ("ad_account", account, day) in gone:
            return False
        parts = [
            version.numbers
            for (scope, entity, on), version in self.standing.items()
            if scope == "campaign" and on == day and accounts.get(entity) == account and (scope, entity, on) not in gone
        ]
        sums = tuple(sum(numbers[place] for numbers in parts) for place in range(len(COUNTED)))
        return whole.numbers[: len(COUNTED)] == sums and (whole.numbers[0] > 0 or whole.numbers[1] > 0)

    def at(self, instant: datetime) -> dict[Day, Numbers]:
        """What the table said at an instant."""
        every = [(key, version) for key, versions in self.superseded.items() for version in versions]
        every += list(self.standing.items())
        return {
            key: version.numbers
            for key, version in every
            if version.first <= instant and (version.until is None or version.until > instant)
        }


def _numbers(bucket: Mapping[str, Any], metrics: frozenset[str], known: Version | None) -> Numbers:
    """As the columns hold them; a metric that was not asked for stays as it was known."""
    _, _, _, _, value, reach, frequency = known.numbers if known else (None,) * 7
    spend, impressions, clicks, conversions = (_decimal(bucket[name]) for name in COUNTED)
    if "roas" in metrics:
        roas = _decimal(bucket["roas"])
        value = None if roas is None else _money(roas * max(spend, Decimal("0.01")))
    if "reach" in metrics:
        reach = None if bucket["reach"] is None else int(bucket["reach"])
    if "frequency" in metrics:
        frequency = None if bucket["frequency"] is None else float(bucket["frequency"])
    return _money(spend), int(impressions), int(clicks), int(conversions), value, reach, frequency


def _decimal(number: Any) -> Any:
    return None if number is None else Decimal(str(number))


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"))


def _is_active(numbers: Numbers) -> bool:
    return any(number > 0 for number in numbers[: len(COUNTED)])


def parse_answer(metrics: Iterable[str], body: Mapping[str, Any]) -> Answer:
    """From the JSON of an answer."""
    return Answer(
        frozenset(metrics), {date.fromisoformat(str(bucket["bucket"])[:10]): bucket for bucket in body["series"]}
    )
