"""A process that does one run, as a schedule would: ``one_run URL FOLDER [SINCE UNTIL]``; with days, a backfill."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import date
from pathlib import Path

from layers_etl.domain.days import DayWindow
from layers_etl.ingest import fetching
from layers_etl.ingest.refresh import bring_up_to_date
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run import Run
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.runs import close_interrupted_runs

from .fresh import sandbox_settings
from .pipeline import FIRST_MORNING, START
from .read_days import read_days

if __name__ == "__main__":
    url, folder, *days = sys.argv[1:]
    # So few windows take no seconds: land every answer as it comes, as a long run does every two hundred.
    assert fetching.WINDOWS_PER_LANDING > 1
    fetching.WINDOWS_PER_LANDING = 1
    settings = sandbox_settings(url, Path(folder), start_date=START)
    kind = RunKind.BACKFILL if days else RunKind.RUN
    window = DayWindow(*map(date.fromisoformat, days)) if days else DayWindow(START, FIRST_MORNING.date())
    with open_warehouse(settings.build_path, settings.scopes) as warehouse:
        close_interrupted_runs(warehouse)
        run = Run(settings, warehouse, RunRequest(kind, window=window), run_id=f"process_{url}_{folder}")
        with closing(run):
            read_days(run, settings.scopes, window)
            list(bring_up_to_date(run))
