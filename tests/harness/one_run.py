"""A process that does one run, as a schedule would: ``one_run URL FOLDER [SINCE UNTIL]``; with days, a backfill."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from layers_etl.domain.days import DayWindow
from layers_etl.ingest import fetching
from layers_etl.ingest.request import RunKind, RunRequest

from .fresh import sandbox_settings
from .instants import FIRST_MORNING, START
from .runs import run_by_itself

if __name__ == "__main__":
    url, folder, *days = sys.argv[1:]
    # So few windows take no seconds: land every answer as it comes, as a long run does every few thousand.
    assert fetching.WINDOWS_PER_LANDING > 1
    fetching.WINDOWS_PER_LANDING = 1
    kind = RunKind.BACKFILL if days else RunKind.RUN
    window = DayWindow(*map(date.fromisoformat, days)) if days else DayWindow(START, FIRST_MORNING.date())
    settings = sandbox_settings(url, Path(folder), start_date=START)
    run_by_itself(settings, RunRequest(kind, window=window), f"process_{url}_{folder}")
