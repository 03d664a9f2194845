"""Random lives: the tables of days hold what a naive replay of all accepted answers does, now and at any instant."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from layers_etl.domain.days import day_close
from layers_etl.warehouse.schema import scopes_of

from .lives import Life, born
from .replay import Day

MEASURES = "spend, impressions, clicks, conversions, conversion_value, reach, frequency"


def read(life: Life, table: str, columns: str, where: str = "") -> list[tuple[Day, tuple[Any, ...]]]:
    """Rows of one of the tables of days of every scope, by day."""
    found: list[tuple[Day, tuple[Any, ...]]] = []
    for scope in scopes_of(life.pipeline.warehouse.connection):
        rows = life.pipeline.rows(
            f"SELECT {scope.id_column}, day, {columns} FROM ads.{scope.metrics_table}{table} {where}"
        )
        found += [((scope.name, entity, day), tuple(rest)) for entity, day, *rest in rows]
    return found


def assert_as_replayed(life: Life) -> None:
    replay = life.replay
    stored = dict(read(life, "", f"{MEASURES}, first_observed_at, observed_at"))
    assert stored == {key: (*version.numbers, version.first, version.last) for key, version in replay.standing.items()}
    history = Counter(read(life, "_history", f"{MEASURES}, observed_at, last_observed_at, superseded_at"))
    assert history == Counter(
        (key, (*version.numbers, version.first, version.last, version.until))
        for key, versions in replay.superseded.items()
        for version in versions
    )


def assert_as_of(life: Life, instant: datetime) -> None:
    stood = f"WHERE valid_from <= '{instant}' AND (valid_to > '{instant}' OR valid_to IS NULL)"
    rows = read(life, "_versions", MEASURES, stood)
    assert len(rows) == len(dict(rows)), "a day stood twice"
    assert dict(rows) == life.replay.at(instant)


def assert_settled_late_enough(life: Life) -> None:
    """Settled is what was read late enough and is in no doubt; where nothing else holds a day back, all of that."""
    settling = life.pipeline.settings.settle_hours
    for key, (platform, observed_at, settled) in read(life, "", "platform, observed_at, settled"):
        late_enough = observed_at >= day_close(key[2]) + timedelta(hours=settling.hours(platform))
        expected = late_enough and key not in life.replay.vanished
        assert settled <= expected, key
        assert not life.is_calm or settled == expected, key


def live(seed: int, mornings: int, folder: Path) -> None:
    with born(seed, folder) as life:
        try:
            for at in life.mornings(mornings):
                assert_as_replayed(life)
                assert_settled_late_enough(life)
                for _ in range(3):
                    past = life.random.choice(life.instants)
                    assert_as_of(life, past + timedelta(seconds=life.random.choice((-1, 0, 3600))))
                assert_as_of(life, at)
        except BaseException:
            print("\n".join(life.steps))
            raise


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [2])
def test_a_short_life_leaves_what_its_answers_said(seed: int, tmp_path: Path) -> None:
    live(seed, 5, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [100])
def test_a_long_life_leaves_what_its_answers_said(seed: int, tmp_path: Path) -> None:
    live(seed, 12, tmp_path)
