"""Running the Dagster job from the command line, in this process, against the same instance as the UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from layers_etl.causes import causes_of, describe_root, explain, is_interruption
from layers_etl.definitions import build_definitions
from layers_etl.defs.dead_runs import fail_dead_runs, process_tags
from layers_etl.defs.jobs import REFRESH, run_config
from layers_etl.defs.metadata import TOLD, WHAT_TO_DO, WRONG
from layers_etl.defs.partitions import range_tags
from layers_etl.defs.schedules import open_range
from layers_etl.domain.days import ONE_DAY, DayWindow, format_instant
from layers_etl.errors import REPORT_IT, ConfigurationError, ExitCode
from layers_etl.ingest.journal import utc_now
from layers_etl.ingest.request import RunKind
from layers_etl.ingest.session import fetch_time, instant_of_run
from layers_etl.instance import prepare_dagster_home
from layers_etl.interruption import interruptible
from layers_etl.settings import Settings
from layers_etl.warehouse.files import ensure_folder
from layers_etl.warehouse.lock import hold_lock


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """How a job run ended: its code, the sentence to show, and what else people should know, in sentences."""

    code: ExitCode
    message: str
    warnings: tuple[str, ...] = ()


def launch_run(settings: Settings, as_of: datetime | None = None) -> LaunchResult:
    """Read whatever is not settled at ``as_of`` (now); :class:`ConfigurationError` for an instant to come."""
    instant = instant_of_run(as_of, _api_now(settings))
    window = open_range(settings, instant)
    if window is None:
        raise ConfigurationError(
            f"LAYERS_START_DATE is {settings.start_date}, and no day since then has closed by "
            f"{format_instant(instant)}: set it to the first day you want in the warehouse."
        )
    config = run_config(RunKind.RUN, **({"as_of": format_instant(as_of)} if as_of else {}))
    return _execute(settings, window, config)


def launch_backfill(
    settings: Settings,
    window: DayWindow,
    campaign_ids: Sequence[str] = (),
    ad_account_ids: Sequence[str] = (),
) -> LaunchResult:
    """Read every day of ``window``, settled or not, of all entities or of those named."""
    if window.since < settings.start_date:
        raise ConfigurationError(
            f"The warehouse begins at {settings.start_date}: set LAYERS_START_DATE to {window.since} or earlier first."
        )
    tomorrow = _api_now(settings).date() + ONE_DAY
    if window.until > tomorrow:
        raise ConfigurationError(
            f"{window} reaches into the future: the last day that has begun is {tomorrow - ONE_DAY}."
        )
    config = run_config(RunKind.BACKFILL, campaign_ids=list(campaign_ids), ad_account_ids=list(ad_account_ids))
    return _execute(settings, window, config)


def _api_now(settings: Settings) -> datetime:
    """The API's clock, which decides what has closed; the question also shows whether the key is accepted."""
    ensure_folder(settings.data_dir)
    return fetch_time(settings)


def _execute(settings: Settings, window: DayWindow, config: dict[str, object]) -> LaunchResult:
    home = prepare_dagster_home(settings)
    job = build_definitions(settings, last_day=window.until - ONE_DAY).resolve_job_def(REFRESH)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance, settings.build_path, utc_now())
        try:
            # Held before Dagster knows of the run: one that it says is in progress, with no one holding it, is dead.
            with hold_lock(settings.build_path), interruptible():
                result = job.execute_in_process(
                    run_config={**config, **quiet},
                    instance=instance,
                    tags={**range_tags(window), **process_tags()},
                    raise_on_error=True,
                )
        except BaseException as error:  # noqa: BLE001 - whatever it is, its user gets a sentence
            if is_interruption(error):
                raise KeyboardInterrupt from None
            return _explain(error, settings.data_dir, home)
    not_passed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    told = [sentence for check in not_passed if (said := check.metadata.get(TOLD)) for sentence in _sentences(said)]
    failed = [check for check in not_passed if check.severity is dg.AssetCheckSeverity.ERROR]
    if failed:
        return LaunchResult(ExitCode.INCOMPLETE, _describe_failed_checks(failed), tuple(told))
    return LaunchResult(ExitCode.OK, _summary(result, window), tuple(told))


def _sentences(said: dg.MetadataValue[Any]) -> list[str]:
    assert isinstance(said.value, list)
    return [str(sentence) for sentence in said.value]


def _describe_failed_checks(failed: Sequence[dg.AssetCheckEvaluation]) -> str:
    """What is wrong, then what to do or what happens by itself, each once, in the checks' own words."""
    wrong = list(filter(None, (_words(check, WRONG) for check in failed))) or [
        f"{check.check_name} fails on {check.asset_key.to_user_string()}" for check in failed
    ]
    remedies = filter(None, (_words(check, WHAT_TO_DO) for check in failed))
    return " ".join([f"{'; '.join(dict.fromkeys(wrong))}.", *dict.fromkeys(remedies)])


def _words(check: dg.AssetCheckEvaluation, name: str) -> str:
    said = check.metadata.get(name)
    return str(said.value) if said else ""


def _explain(error: BaseException, data_dir: Path, home: Path) -> LaunchResult:
    """The error that a person can act on, from under what Dagster wrapped around it."""
    for found in causes_of(error):
        if isinstance(found, dg.Failure):
            return LaunchResult(ExitCode.INCOMPLETE, found.description or str(found))
    if known := explain(error, data_dir, home):
        return LaunchResult(known.exit_code, str(known))
    return LaunchResult(
        ExitCode.INCOMPLETE,
        f"{describe_root(error, dg.DagsterError)} broke off the run. What had landed is kept, and the same command "
        "takes it up again; the run's page in the Dagster UI (make dev) has the whole story. "
        f"If it stays, {REPORT_IT}.",
    )


def _summary(result: dg.ExecuteInProcessResult, window: DayWindow) -> str:
    """What was read, and up to where the warehouse is final, from what the assets reported."""
    reported = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    windows = {
        name: metadata["windows_landed"].value for name, metadata in reported.items() if "windows_landed" in metadata
    }
    read = ", ".join(
        f"{count} {name.removesuffix('_metrics')} windows" for name, count in sorted(windows.items()) if count
    )
    # Absent where the metrics were the last step: a run over some entities only, of days that others still lack.
    publication = reported.get("published_warehouse")
    settled = f"; {_describe_settled(publication)}" if publication else ""
    # A run over some entities only need not mark any day, and then reports no counts.
    return f"{window}: read {read or ('nothing new' if windows else 'what was asked for')}{settled}."


def _describe_settled(publication: Mapping[str, dg.MetadataValue[Any]]) -> str:
    until, but_for_doubtful = (publication[name].value for name in ("settled_until", "settled_until_but_for_doubtful"))
    if not until:
        return "no day is settled yet"
    more = f" (before {but_for_doubtful}, but for days in doubt)" if but_for_doubtful != until else ""
    return f"settled before {until}{more}"
