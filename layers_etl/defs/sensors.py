"""What tells people of runs that Dagster launched: the command line tells of its own, by the same functions.

Sensors, for they are still there where a run's process was killed. They need Dagster's daemon, as the schedule does.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from layers_etl.alerts.telling import tell_end, tell_lateness
from layers_etl.defs.dead_runs import KILLED, is_of_command_line
from layers_etl.defs.jobs import is_daily
from layers_etl.domain.alerts import RunEnd
from layers_etl.errors import LayersEtlError
from layers_etl.ingest.clock import utc_now
from layers_etl.settings import Settings

SECONDS_BETWEEN_LOOKS: Final = 600
"""At how late the published file is: it is late by hours."""

_OURS: Final = f"{LayersEtlError.__module__}."
_OF_BROKEN_CHECKS: Final = dg.Failure.__name__
_NO_ERROR: Final = "process"
"""The cause of a run that Dagster knows no error of: its process was killed, or did not start."""

_SILENT: Final = "its process ended without a word. What it had committed is kept; run it again"
_UNKNOWN: Final = "Dagster does not say why: see the run's page in its UI"


def alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """One for runs that failed, one for those that succeeded, one for runs that did not even begin.

    They run by themselves where an address is set, and have nothing to do where none is.
    """
    is_wanted = settings.notify_url is not None or settings.ping_url is not None
    status = dg.DefaultSensorStatus.RUNNING if is_wanted else dg.DefaultSensorStatus.STOPPED

    @dg.run_failure_sensor(
        name="alert_of_failures",
        default_status=status,
        description="Tells LAYERS_NOTIFY_URL of a run that failed, once for each cause.",
    )
    def failures(context: dg.RunFailureSensorContext) -> None:
        if is_of_command_line(context.dagster_run) and context.failure_event.message != KILLED:
            return
        error = _error_to_act_on(context)
        if error is not None and error.cls_name == _OF_BROKEN_CHECKS:
            tell_end(settings, RunEnd(_ended_at(context), is_well=False, is_daily=False))
            return
        failure = _sentence(error) if error else f"{_SILENT} ({context.failure_event.message or _UNKNOWN})"
        cause = (error.cls_name if error else None) or _NO_ERROR
        tell_end(settings, RunEnd(_ended_at(context), is_well=False, is_daily=False, failure=failure, cause=cause))

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="alert_of_findings",
        default_status=status,
        description="Tells LAYERS_NOTIFY_URL what a run newly warns of and what has recovered; asks for "
        "LAYERS_PING_URL after each daily run.",
    )
    def findings(context: dg.RunStatusSensorContext) -> None:
        if is_of_command_line(context.dagster_run):
            return
        daily = is_daily(context.dagster_run.run_config)
        tell_end(settings, RunEnd(_ended_at(context), is_well=True, is_daily=daily))

    @dg.sensor(
        name="alert_of_lateness",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=status,
        description="Tells LAYERS_NOTIFY_URL once nothing was published for 26 hours. Launches nothing.",
    )
    def lateness(_: dg.SensorEvaluationContext) -> dg.SkipReason:
        tell_lateness(settings, utc_now())
        return dg.SkipReason("Looked at the published file.")

    return [failures, findings, lateness]


def _ended_at(context: dg.RunStatusSensorContext) -> datetime:
    """By which a run is told of once, however often and late the sensor hears of it."""
    record = context.instance.get_run_record_by_id(context.dagster_run.run_id)
    return datetime.fromtimestamp(record.end_time, UTC) if record and record.end_time else utc_now()


def _error_to_act_on(context: dg.RunFailureSensorContext) -> SerializableErrorInfo | None:
    """This project's own from under what Dagster wrapped around it, else the innermost; None where there is none."""
    of_run: object = getattr(context.failure_event.event_specific_data, "error", None)
    of_steps = [event.step_failure_data.error for event in context.get_step_failure_events()]
    chain = [
        cause for error in (*of_steps, of_run) if isinstance(error, SerializableErrorInfo) for cause in _causes(error)
    ]
    return next((found for found in chain if found.message.startswith(_OURS)), chain[-1] if chain else None)


def _causes(error: SerializableErrorInfo) -> Iterator[SerializableErrorInfo]:
    found: SerializableErrorInfo | None = error
    while found:
        yield found
        found = found.cause or found.context


def _sentence(error: SerializableErrorInfo) -> str:
    """Without the name of its class, which people have no use for."""
    return error.message.removeprefix(_OURS).partition(": ")[2].strip() or error.message.strip()
