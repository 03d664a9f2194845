"""The one resource: a run of the pipeline, which holds the warehouse for as long as the Dagster run lasts."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from layers_etl.defs.dead_runs import IN_PROGRESS, KILLED
from layers_etl.defs.old_logs import forget_old_logs
from layers_etl.defs.partitions import KIND_TAG, described_by_tags, window_of_tags
from layers_etl.domain.days import parse_instant
from layers_etl.ingest.clock import utc_now
from layers_etl.ingest.progress import Progress
from layers_etl.ingest.publisher import publishers_of
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run import Run
from layers_etl.ingest.steps import Step
from layers_etl.process.interruption import was_interrupted
from layers_etl.settings import Settings
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.databases import DAMAGE
from layers_etl.warehouse.runs import close_interrupted_runs

Listener = Callable[[Step], None]
"""Who started a run in this process, and wants to know of each step."""


class IngestionResource(dg.ConfigurableResource[Any]):
    """What this run is asked for; ``settings``, the key among them, are those of the definitions."""

    kind: RunKind = Field(
        default=RunKind.BACKFILL,
        description="backfill: read all days of the range. run: read what is not settled, up to the range's end.",
    )
    as_of: str | None = Field(
        default=None,
        description="Instant the run stands for, like 2026-04-01T06:00:00Z; empty: the API's own clock.",
    )
    campaign_ids: list[str] = Field(default=[], description="Read these campaigns only; empty: all.")
    ad_account_ids: list[str] = Field(default=[], description="Read these ad accounts and their campaigns only.")

    settings: dg.ResourceDependency[Settings]
    listen: dg.ResourceDependency[Listener | None]
    progress: dg.ResourceDependency[Progress | None]

    _run: Run | None = PrivateAttr(default=None)

    @property
    def run(self) -> Run:
        """The run in progress."""
        assert self._run is not None, "only within a Dagster run"
        return self._run

    def tell(self, step: Step) -> None:
        """Tell whoever started the run in this process, if anyone listens."""
        if self.listen:
            self.listen(step)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["IngestionResource"]:
        """Own the warehouse until the Dagster run ends; waits while another run has it."""
        settings = self.settings
        dagster_run = context.run
        run_id = dagster_run.run_id if dagster_run else "outside-dagster"
        request = RunRequest(
            kind=self.kind,
            as_of=parse_instant(self.as_of) if self.as_of else None,
            campaign_ids=frozenset(self.campaign_ids),
            ad_account_ids=frozenset(self.ad_account_ids),
            # The parent, which knows what it continued itself: of the root alone, a second retry would repeat it.
            retry_of=dagster_run.parent_run_id if dagster_run else None,
            window=window_of_tags(dagster_run.tags) if dagster_run else None,
        )
        with open_warehouse(settings.build_path, settings.scopes, publishers=publishers_of(settings)) as warehouse:
            _tell_dagster(context.instance, close_interrupted_runs(warehouse))
            if context.instance:
                if dagster_run and KIND_TAG not in dagster_run.tags:  # launched in the UI
                    context.instance.add_run_tags(run_id, described_by_tags(self.kind, request.window))
                forgotten = utc_now() - timedelta(days=settings.request_log_days)
                forget_old_logs(context.instance, settings.dagster_path, before=forgotten)
            self._run = Run(settings, warehouse, request, run_id=run_id, progress=self.progress)
            try:
                yield self
            finally:
                warehouse.is_distrusted = _found_damage(context.instance, run_id)
                self._run.close(interrupted=was_interrupted())
                self._run = None


def _tell_dagster(instance: dg.DagsterInstance | None, run_ids: list[str]) -> None:
    """Runs that were killed while they had the warehouse are over, whatever Dagster last heard of them."""
    for run_id in run_ids:
        run = instance.get_run_by_id(run_id) if instance else None
        if instance and run and run.status in IN_PROGRESS:
            instance.report_run_failed(run, KILLED)


def _found_damage(instance: dg.DagsterInstance | None, run_id: str) -> bool:
    """Whether a step of the run failed at a damaged block: Dagster tells the steps' errors to nobody but its log."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE) if instance else []
    errors = [event.get_dagster_event().step_failure_data.error for event in events]
    return any(DAMAGE in error.to_string() for error in errors if error)
