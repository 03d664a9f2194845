"""Running the Dagster job from the command line, in this process, against the same instance as the UI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg

from layers_etl.alerts.telling import cause_of, tell_end
from layers_etl.definitions import build_definitions
from layers_etl.defs.dead_runs import fail_dead_runs, process_tags
from layers_etl.defs.execution import execute_here
from layers_etl.defs.instance import prepare_dagster_home
from layers_etl.defs.jobs import REFRESH, is_daily, run_config
from layers_etl.defs.partitions import described_by_tags, range_tags
from layers_etl.defs.schedules import open_range
from layers_etl.domain.alerts import RunEnd
from layers_etl.domain.days import ONE_DAY, DayWindow, format_instant
from layers_etl.errors import REPORT_IT, ExitCode, LayersEtlError
from layers_etl.ingest.clock import fetch_time, instant_of_run, utc_now
from layers_etl.ingest.progress import Phase, Progress
from layers_etl.ingest.request import (
    RunKind,
    require_closed_day,
    require_days_begun,
    require_days_of_warehouse,
)
from layers_etl.ingest.steps import Step
from layers_etl.ingest.summary import RunSummary, describe_shortfall, describe_summary, summarize
from layers_etl.process.causes import causes_of, describe_root, explain, is_interruption
from layers_etl.process.interruption import interruptible
from layers_etl.settings import Settings
from layers_etl.warehouse.files import ensure_folder
from layers_etl.warehouse.lock import hold_lock


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """How a job run ended: its code, the sentence to show, and what it did, as far as it came."""

    code: ExitCode
    message: str
    summary: RunSummary


def launch_run(settings: Settings, as_of: datetime | None = None, progress: Progress | None = None) -> LaunchResult:
    """Read whatever is not settled at ``as_of`` (now); :class:`ConfigurationError` for an instant to come."""
    instant = instant_of_run(as_of, _api_now(settings))
    require_closed_day(settings, instant)
    window = open_range(settings, instant)
    assert window, "a day has closed"
    config = run_config(RunKind.RUN, **({"as_of": format_instant(as_of)} if as_of else {}))
    return _execute(settings, RunKind.RUN, window, config, progress or Progress())


def launch_backfill(
    settings: Settings,
    window: DayWindow,
    campaign_ids: Sequence[str] = (),
    ad_account_ids: Sequence[str] = (),
    progress: Progress | None = None,
) -> LaunchResult:
    """Read every day of ``window``, settled or not, of all entities or of those named."""
    require_days_of_warehouse(settings, window)
    require_days_begun(window, _api_now(settings))
    config = run_config(RunKind.BACKFILL, campaign_ids=list(campaign_ids), ad_account_ids=list(ad_account_ids))
    return _execute(settings, RunKind.BACKFILL, window, config, progress or Progress())


def _api_now(settings: Settings) -> datetime:
    """The API's clock, which decides what has closed; the question also shows whether the key is accepted.

    Where it gets no answer there is no run that could tell of it: people are alerted from here.
    """
    try:
        ensure_folder(settings.data_dir)
        return fetch_time(settings)
    except LayersEtlError as error:
        _alert(settings, error, str(error))
        raise


def _execute(
    settings: Settings, kind: RunKind, window: DayWindow, config: dict[str, object], progress: Progress
) -> LaunchResult:
    home = prepare_dagster_home(settings)
    steps: list[Step] = []
    definitions = build_definitions(settings, last_day=window.until - ONE_DAY, listen=steps.append, progress=progress)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance, settings.build_path, utc_now(), settings.code_location)
        try:
            progress.enter(Phase.WAITING)
            # Held before Dagster knows of the run: one that it says is in progress, with no one holding it, is dead.
            with hold_lock(settings.build_path), interruptible():
                progress.enter(Phase.STARTING)
                execute_here(
                    definitions.resolve_job_def(REFRESH),
                    instance,
                    run_config={**config, **quiet},
                    tags={**range_tags(window), **described_by_tags(kind, window), **process_tags()},
                    location=settings.code_location,
                )
        except BaseException as error:  # noqa: BLE001 - whatever it is, its user gets a sentence
            if is_interruption(error):
                raise KeyboardInterrupt from None
            code, message = _explain(error, steps, settings.data_dir, home)
            _alert(settings, error, message)
            return LaunchResult(code, message, summarize(steps, window))
    tell_end(settings, RunEnd(utc_now(), is_well=True, is_daily=is_daily(config)))
    summary = summarize(steps, window)
    return LaunchResult(ExitCode.OK, describe_summary(summary), summary)


def _alert(settings: Settings, error: BaseException, sentence: str) -> None:
    """Tell how a run failed; where its checks do not hold, the published file says it."""
    by_checks = any(isinstance(found, dg.Failure) for found in causes_of(error))
    failure = None if by_checks else sentence
    cause = "" if by_checks else cause_of(explain(error) or error)
    tell_end(settings, RunEnd(utc_now(), is_well=False, is_daily=False, failure=failure, cause=cause))


def _explain(error: BaseException, steps: Sequence[Step], data_dir: Path, home: Path) -> tuple[ExitCode, str]:
    """The error that a person can act on, from under what Dagster wrapped around it: its code and a sentence."""
    if any(isinstance(found, dg.Failure) for found in causes_of(error)):
        return ExitCode.INCOMPLETE, describe_shortfall(steps)
    if known := explain(error, data_dir, home):
        return known.exit_code, str(known)
    unforeseen = (
        f"{describe_root(error, dg.DagsterError)} broke off the run. What had landed is kept, and the same command "
        "takes it up again; the run's page in the Dagster UI (make dev) has the whole story. "
        f"If it stays, {REPORT_IT}."
    )
    return ExitCode.INCOMPLETE, unforeseen
