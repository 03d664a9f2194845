"""What a look at the running day shows, beside the day that was running at the look before."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.glimpses import looks
from layers_etl.domain.metrics import PRIMITIVES
from layers_etl.domain.readings import Doubt, EntityKey, Reading, pack_numbers
from layers_etl.domain.scopes import AD_ACCOUNT

KEY = EntityKey(AD_ACCOUNT, "prj_1", "acc_1", "meta_ads")
TODAY = date(2026, 3, 10)
YESTERDAY = TODAY - ONE_DAY
NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)
ZEROS = (0.0, 0.0, 0.0, 0.0)


def reading(impressions: dict[date, float | None], *, doubts: tuple[Doubt, ...] = (), served: bool = True) -> Reading:
    """Of the four days up to today, with buckets of as many impressions, the other numbers the same."""
    columns = {name: pack_numbers(list(impressions.values())) for name in PRIMITIVES}
    window = DayWindow(TODAY - 3 * ONE_DAY, TODAY + ONE_DAY)
    return Reading(KEY, window, NOW, {"day": list(impressions), **columns}, doubts=doubts, served=served)


def seen(
    answer: Reading, *, beyond: date = TODAY, looked_at: date | None = None
) -> dict[date, tuple[float | None, ...]]:
    """The numbers by day."""
    found = looks(answer, ("prj_1", "acc_1"), beyond=beyond, looked_at=looked_at, seen_at=NOW)
    assert all((look.key, look.seen_at) == (KEY, NOW) for look in found)
    return {look.day: look.numbers for look in found}


def test_of_the_days_that_do_not_land_the_last_is_seen_and_the_last_that_is_active() -> None:
    assert seen(reading({TODAY: 5})) == {TODAY: (5, 5, 5, 5)}
    assert seen(reading({YESTERDAY: 5}), beyond=YESTERDAY) == {YESTERDAY: (5, 5, 5, 5), TODAY: ZEROS}
    assert seen(reading({})) == {TODAY: ZEROS}
    assert seen(reading({YESTERDAY: 5}), beyond=TODAY + ONE_DAY) == {}


def test_the_day_of_the_look_before_is_seen_again_where_it_lands_or_has_no_bucket_any_more() -> None:
    assert seen(reading({YESTERDAY: 7, TODAY: 5}), looked_at=YESTERDAY) == {
        YESTERDAY: (7, 7, 7, 7),
        TODAY: (5, 5, 5, 5),
    }
    assert seen(reading({TODAY: 5}), looked_at=YESTERDAY)[YESTERDAY] == ZEROS
    assert seen(reading({TODAY: 5}), looked_at=TODAY) == {TODAY: (5, 5, 5, 5)}


@pytest.mark.parametrize("looked_at", [YESTERDAY, TODAY - 30 * ONE_DAY])
def test_nothing_is_seen_of_a_day_that_was_not_read(looked_at: date) -> None:
    doubt = Doubt(YESTERDAY, "no number")
    assert set(seen(reading({TODAY: 5}, doubts=(doubt,)), looked_at=looked_at)) == {TODAY}
    assert seen(reading({}, served=False), looked_at=looked_at) == {}


def test_a_number_that_is_unknown_is_not_zero() -> None:
    assert seen(reading({TODAY: None})) == {TODAY: (None,) * len(PRIMITIVES)}
