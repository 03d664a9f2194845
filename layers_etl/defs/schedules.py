"""When the pipeline runs by itself."""

import contextlib
from datetime import UTC, datetime

import dagster as dg

from layers_etl.defs.dead_runs import fail_dead_runs
from layers_etl.defs.jobs import REFRESH, run_config
from layers_etl.defs.partitions import described_by_tags, range_tags
from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.errors import WarehouseError
from layers_etl.ingest.clock import utc_now
from layers_etl.ingest.outstanding import find_open_days, find_outstanding
from layers_etl.ingest.publisher import nearest_publisher
from layers_etl.ingest.request import RunKind
from layers_etl.settings import Settings


def daily_refresh(settings: Settings) -> dg.ScheduleDefinition:
    """``daily_refresh``: one run from the oldest day that is not settled to yesterday, however long the outage was.

    At 07:00 UTC: Layers' copies of 06:00 are in by then, and the fourth day back is read 79 hours after its close.
    """

    @dg.schedule(
        name="daily_refresh",
        job_name=REFRESH,
        cron_schedule="0 7 * * *",
        execution_timezone="UTC",
        description="Every morning, one run over every day that still needs reading.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if context.instance_ref:  # None where a tick is only tried out
            fail_dead_runs(context.instance, settings.build_path, utc_now(), settings.code_location)
        return refresh_request(settings, context.scheduled_execution_time.astimezone(UTC))

    return schedule


def refresh_request(settings: Settings, instant: datetime) -> dg.RunRequest | dg.SkipReason:
    """The run request of the schedule at ``instant``."""
    window = open_range(settings, instant)
    if window is None:
        return dg.SkipReason(f"No day has closed since LAYERS_START_DATE ({settings.start_date}).")
    tags = {**range_tags(window), **described_by_tags(RunKind.RUN, window)}
    return dg.RunRequest(run_key=instant.isoformat(), tags=tags, run_config=run_config(RunKind.RUN))


def open_range(settings: Settings, instant: datetime) -> DayWindow | None:
    """From the oldest day that is not settled to yesterday; None before the first day has closed.

    Widened to the whole past where the warehouse cannot be read, or knows nothing yet of any or of one scope, and never
    less than yesterday. Read from the published file: the build file may belong to a run at this moment.
    """
    today = instant.date()
    if settings.start_date >= today:
        return None
    oldest = None
    # A published file that is spoilt, or held open for writing by an analyst, must not stop a run: the run plans from
    # the build file, and replaces this one.
    with contextlib.suppress(WarehouseError), nearest_publisher(settings).open() as published:
        if published:
            oldest = find_open_days(published, find_outstanding(published, settings, instant)).oldest
    return DayWindow(min(oldest or settings.start_date, today - ONE_DAY), today)
