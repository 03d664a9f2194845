"""What a campaign did on a UTC day, and how much of it is known at a given instant.

The world is a function, not a store: a day's final numbers follow from the campaign and the day alone, and what is
served at an instant follows from those and the day's age. Nothing depends on the order of requests.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate, pairwise
from struct import Struct
from typing import Final, NamedTuple

from layers_etl.sandbox.entities import Campaign, Platform

DAY: Final = 86_400
SETTLING: Final = 72 * 3_600
"""Seconds after its close during which a day's numbers still move ("can shift for up to 72 hours")."""

_HOUR: Final = 3_600
_EPOCH_ORDINAL: Final = 719_163  # date(1970, 1, 1).toordinal()
_DRAWS: Final = Struct("<8I")
_UNIT: Final = 2**32
_CREDITED_SHARE: Final = 0.4  # of days are billed too high at first
_LATE_SHARE: Final = 0.1  # of days without delivery still see a conversion
_WEEKDAY_PACE: Final = (0.92, 0.95, 0.98, 1.00, 1.08, 1.15, 1.05)


class Activity(NamedTuple):
    """Additive numbers of one entity over some days; money in hundredths of the account's currency.

    `value_cents` is the conversion value; None where no value is reported, which is not zero.
    """

    spend_cents: int
    impressions: int
    clicks: int
    conversions: int
    value_cents: int | None


NOTHING: Final = Activity(0, 0, 0, 0, None)


class Step(NamedTuple):
    """From `hours` after a day's close on, these per cents of its final numbers are known."""

    hours: int
    spend: int
    delivery: int
    conversions: int


# Spend above 100 is credited back at 60 h, on the days that see a credit. The last step of each falls in the hour
# before the day settles: a reading at close + 71 h still misses it. Apple's late conversions are those of SKAN.
MATURITY: Final[dict[Platform, tuple[Step, ...]]] = {
    Platform.META: (
        Step(0, 95, 97, 70),
        Step(5, 98, 99, 80),
        Step(26, 103, 100, 88),
        Step(50, 103, 100, 94),
        Step(60, 100, 100, 95),
        Step(71, 100, 100, 100),
    ),
    Platform.TIKTOK: (
        Step(0, 93, 96, 75),
        Step(5, 97, 98, 84),
        Step(26, 102, 100, 92),
        Step(50, 102, 100, 96),
        Step(60, 100, 100, 97),
        Step(71, 100, 100, 100),
    ),
    Platform.APPLE: (
        Step(0, 98, 99, 30),
        Step(5, 99, 99, 38),
        Step(26, 101, 100, 55),
        Step(50, 101, 100, 78),
        Step(60, 100, 100, 82),
        Step(71, 100, 100, 100),
    ),
}


def activity_of(campaign: Campaign, ordinal: int, at: int) -> Activity | None:
    """What is known at `at` (epoch seconds) of the campaign's day `ordinal`; None if there is no bucket.

    There is none before the campaign's first day, from its end on, and for days that have not begun. A day without
    delivery within the flight has a bucket of zeros. The running day grows in proportion to the time gone; from its
    close the numbers move in steps; from close + 72 h they never change.
    """
    elapsed = at - day_start(ordinal)
    if elapsed <= 0 or not campaign.runs_on(ordinal):
        return None
    draws: tuple[int, ...] = _DRAWS.unpack(blake2b(f"{campaign.id}/{ordinal}".encode(), digest_size=32).digest())
    final = _final(campaign, ordinal, draws)
    if elapsed >= DAY + SETTLING:
        return final
    step, running = _maturity(campaign.platform, elapsed, jitter=draws[7])
    spend = step.spend if draws[6] < _CREDITED_SHARE * _UNIT else min(step.spend, 100)
    conversions = final.conversions * step.conversions * running // (100 * DAY)
    return Activity(
        final.spend_cents * spend * running // (100 * DAY),
        final.impressions * step.delivery * running // (100 * DAY),
        final.clicks * step.delivery * running // (100 * DAY),
        conversions,
        None if final.value_cents is None else final.value_cents * conversions // max(final.conversions, 1),
    )


def day_start(ordinal: int) -> int:
    """The first second of a UTC day, as epoch seconds."""
    return (ordinal - _EPOCH_ORDINAL) * DAY


def ordinal_at(seconds: int) -> int:
    """The UTC day in which an instant lies, given in epoch seconds."""
    return _EPOCH_ORDINAL + seconds // DAY


def total(parts: Iterable[Activity]) -> Activity:
    """The sum of the parts; its value is the sum of the known values, None if none is known."""
    spend = impressions = clicks = conversions = 0
    value: int | None = None
    for part in parts:
        spend += part.spend_cents
        impressions += part.impressions
        clicks += part.clicks
        conversions += part.conversions
        if part.value_cents is not None:
            value = part.value_cents + (value or 0)
    return Activity(spend, impressions, clicks, conversions, value)


def share(whole: Activity, weights: Sequence[int], index: int) -> Activity:
    """The part of a whole that falls to the child `index`; the parts of all children add up to the whole exactly."""
    low, high = list(pairwise(accumulate(weights, initial=0)))[index]
    weight = sum(weights)

    def part(amount: int) -> int:
        return amount * high // weight - amount * low // weight

    return Activity(
        part(whole.spend_cents),
        part(whole.impressions),
        part(whole.clicks),
        part(whole.conversions),
        None if whole.value_cents is None else part(whole.value_cents),
    )


def _final(campaign: Campaign, ordinal: int, draws: Sequence[int]) -> Activity:
    """The numbers of a settled day, from eight uniform 32-bit draws."""
    idle, pace, delivery, click, conversion, value, *_ = (draw / _UNIT for draw in draws)
    order_value = campaign.order_value_cents
    if campaign.is_paused_on(ordinal) or idle < campaign.idle_share:
        # A conversion can still be attributed to a day that cost nothing: the case `max(spend, 0.01)` is there for.
        late = int(conversion < _LATE_SHARE)
        return Activity(0, 0, 0, late, None if order_value is None else late * order_value)
    spend = int(campaign.pace_cents * _WEEKDAY_PACE[(ordinal + 6) % 7] * (0.75 + 0.4 * pace))
    impressions = int(spend * 1000 / campaign.cpm_cents * (0.85 + 0.3 * delivery))
    clicks = int(impressions * campaign.click_rate * (0.8 + 0.4 * click))
    conversions = int(clicks * campaign.conversion_rate * (0.7 + 0.6 * conversion))
    worth = None if order_value is None else int(conversions * order_value * (0.8 + 0.4 * value))
    return Activity(spend, impressions, clicks, conversions, worth)


def _maturity(platform: Platform, elapsed: int, *, jitter: int) -> tuple[Step, int]:
    """The step in force `elapsed` seconds after the day began, and how many of the day's seconds have gone."""
    first, *later = MATURITY[platform]
    if elapsed < DAY:
        return first, elapsed
    # Each campaign-day's steps come at their own minute of the hour, the last one strictly inside close + (71 h, 72 h).
    age = elapsed - DAY - (1 + jitter % (_HOUR - 1))
    return next((step for step in reversed(later) if age >= step.hours * _HOUR), first), DAY
