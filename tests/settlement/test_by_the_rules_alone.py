"""Settlement as a whole, in domain terms: plan, read, record, over random clocks, outages, failures and settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import DayWindow, day_close, day_start
from layers_etl.domain.ledger import record_reading
from layers_etl.domain.planning import KnownEntity, PlannedRead, plan_reads
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.settlement import Coverage, DayState, SettlingTimes

from ..domain.strategies import is_settled, properties

START = date(2026, 3, 1)
KEYS = tuple(EntityKey(CAMPAIGN, "prj_1", f"cmp_{platform}", platform) for platform in ("meta_ads", "apple_ads"))


@dataclass
class Pipeline:
    """A pipeline without I/O: its ledger, beside the truth of what it read when."""

    ledger: dict[EntityKey, tuple[Coverage, ...]] = field(default_factory=dict[EntityKey, tuple[Coverage, ...]])
    truth: dict[tuple[EntityKey, date], datetime] = field(default_factory=dict[tuple[EntityKey, date], datetime])

    def plan(self, instant: datetime, settling: SettlingTimes, wanted: DayWindow | None = None) -> list[PlannedRead]:
        """What a run at ``instant`` asks for; with ``wanted``, what a backfill of it does."""
        known = [KnownEntity(key, coverage=self.ledger.get(key, ())) for key in KEYS]
        window = wanted or DayWindow(START, instant.date())
        is_run = wanted is None
        fresh_since = instant if is_run else None
        plan = plan_reads(known, window, settling, instant=instant, fresh_since=fresh_since, only_unsettled=is_run)
        return list(plan.reads)

    def read(self, read: PlannedRead, read_at: datetime, settling: SettlingTimes) -> None:
        """Land one answer."""
        hours = settling.hours(read.key.platform)
        self.ledger[read.key] = record_reading(self.ledger.get(read.key, ()), read.window, read_at, hours)
        self.truth |= {(read.key, day): read_at for day in read.window}

    def settled_days(self, key: EntityKey, settling: SettlingTimes) -> set[date]:
        """What the ledger calls settled."""
        hours = settling.hours(key.platform)
        return {
            day
            for interval in self.ledger.get(key, ())
            for day in interval.window
            if interval.state(day, hours) is DayState.SETTLED
        }


settling_times = st.builds(
    SettlingTimes,
    st.sampled_from([24, 72, 100]),
    st.dictionaries(st.sampled_from(["meta_ads", "apple_ads"]), st.integers(0, 200), max_size=2),
)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[datetime, SettlingTimes, bool, int]]:
    """Runs (instant, settings, whether it is a backfill, seed of its failures) with outages of up to twelve days."""
    now = day_start(START) + draw(st.timedeltas(timedelta(days=1), timedelta(days=10)))
    life: list[tuple[datetime, SettlingTimes, bool, int]] = []
    for _ in range(draw(st.integers(1, 12))):
        life.append((now, draw(settling_times), draw(st.integers(0, 5)) == 0, draw(st.integers(0, 2**16))))
        now += draw(st.timedeltas(timedelta(0), timedelta(days=12)) | st.just(timedelta(days=1)))
    return life


@properties
@given(lives())
def test_no_day_is_ever_called_settled_that_was_not_read_late_enough(
    life: list[tuple[datetime, SettlingTimes, bool, int]],
) -> None:
    pipeline = Pipeline()
    for instant, settling, is_backfill, failures in life:
        wanted = DayWindow(START, instant.date()) if is_backfill else None
        for n, read in enumerate(pipeline.plan(instant, settling, wanted)):
            if not failures >> n & 1:
                pipeline.read(read, instant, settling)
        for key in KEYS:
            expected = {
                day
                for (of, day), read_at in pipeline.truth.items()
                if of == key and is_settled(day, read_at, settling.hours(key.platform))
            }
            assert pipeline.settled_days(key, settling) == expected


@properties
@given(lives())
def test_after_a_clean_run_every_day_that_closed_before_its_settling_time_ago_is_settled(
    life: list[tuple[datetime, SettlingTimes, bool, int]],
) -> None:
    pipeline = Pipeline()
    for instant, settling, _, failures in life:
        is_clean = True
        for n, read in enumerate(pipeline.plan(instant, settling)):
            if failures >> n & 1:
                is_clean = False
            else:
                pipeline.read(read, instant, settling)
        if is_clean:
            assert pipeline.plan(instant, settling) == []
            for key in KEYS:
                settle = timedelta(hours=settling.hours(key.platform))
                due = {day for day in DayWindow(START, instant.date()) if day_close(day) <= instant - settle}
                assert pipeline.settled_days(key, settling) >= due
