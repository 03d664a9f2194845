"""A pipeline whose runs are Dagster's jobs, as the command line and the UI launch them."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

import dagster as dg

from layers_etl.cli.launch import LaunchResult, launch_backfill, launch_run
from layers_etl.definitions import build_definitions
from layers_etl.defs.instance import prepare_dagster_home
from layers_etl.defs.jobs import run_config
from layers_etl.defs.partitions import daily_partitions, range_tags
from layers_etl.domain.days import DayWindow
from layers_etl.ingest.request import RunKind
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.journal import RequestRecord
from layers_etl.settings import Settings, load_settings

from .fresh import of_other_programs, variables
from .place import Place

METRICS_ASSETS = ("campaign_metrics", "ad_account_metrics")
DOWNSTREAM = ("campaign_daily", "ad_account_daily", "published_warehouse", "report")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class DagsterPipeline(Place):
    """One warehouse and what fills it.

    ``extra`` are further settings, by their names in the environment. ``memory`` is an instance for those runs that do
    not go through the command line's own functions, which keep theirs in the data folder.
    """

    start_date: date
    extra: dict[str, str] = field(default_factory=dict[str, str])
    memory: dg.DagsterInstance | None = None

    # Doing -------------------------------------------------------------------------------------------------------

    @contextmanager
    def environment(self) -> Generator[Settings]:
        """The settings, in force for the length of the block."""
        before = dict(os.environ)
        ours = {"LAYERS_AUDIT_PERCENT": "0", **self.extra}
        environment = of_other_programs() | variables(self.sandbox.url, self.data_dir, self.start_date, **ours)
        os.environ.clear()
        os.environ.update(environment)
        try:
            yield load_settings()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def run(self, as_of: datetime | None = None) -> LaunchResult:
        """What ``layers-etl run`` does."""
        with self.environment() as settings:
            return launch_run(settings, as_of)

    def morning(self, at: datetime) -> LaunchResult:
        """The simulated API's clock moves to ``at``, and the daily run happens."""
        self.sandbox.set_clock(at)
        return self.run()

    def backfill(
        self, window: DayWindow, campaigns: Sequence[str] = (), ad_accounts: Sequence[str] = ()
    ) -> LaunchResult:
        """What ``layers-etl backfill`` does."""
        with self.environment() as settings:
            return launch_backfill(settings, window, campaigns, ad_accounts)

    def materialize(
        self,
        window: DayWindow,
        assets: Sequence[str] | None = None,
        *,
        kind: RunKind = RunKind.BACKFILL,
    ) -> dg.ExecuteInProcessResult:
        """What a ranged run launched in the UI does: these assets (None: all), these days, one run."""
        with self.environment() as settings, self.instance() as instance:
            job = build_definitions(settings, last_day=window.until).resolve_job_def("refresh")
            return job.execute_in_process(
                run_config={**run_config(kind), **QUIET},
                instance=instance,
                tags=range_tags(window),
                asset_selection=[dg.AssetKey.from_user_string(name) for name in assets] if assets else None,
                raise_on_error=False,
            )

    def retry(self, window: DayWindow, run_id: str, *, from_failure: bool = False) -> dg.JobExecutionResult:
        """What re-executing a run in the UI does: all its steps, or those that failed and what hangs on them."""
        with self.environment(), self.instance() as instance:
            # Dagster keeps the last job that a process loaded: the folder tells this pipeline's from another's.
            job = dg.build_reconstructable_job(
                __name__, refresh_job.__name__, reconstructable_args=(str(self.data_dir),)
            )
            options = (
                dg.ReexecutionOptions.from_failure(run_id, instance)
                if from_failure
                else dg.ReexecutionOptions(parent_run_id=run_id)
            )
            return dg.execute_job(
                job,
                instance,
                run_config={**run_config(RunKind.BACKFILL), **QUIET},
                tags=range_tags(window),
                reexecution_options=options,
                raise_on_error=False,
            )

    @contextmanager
    def instance(self) -> Generator[dg.DagsterInstance]:
        """The instance that the runs of this pipeline are recorded in.

        One in memory, if the test was given one: it keeps all that one on disk keeps, in a tenth of the time.
        """
        if self.memory is not None:
            yield self.memory
            return
        with self.environment() as settings:
            home = str(prepare_dagster_home(settings))
        with dg.DagsterInstance.from_config(home) as disk:
            yield disk

    @contextmanager
    def watched(self) -> Generator[list[RequestRecord]]:
        """The requests for daily metrics that the API receives within the block; filled when it ends."""
        self.sandbox.clear_requests()
        received: list[RequestRecord] = []
        yield received
        received += [record for record in self.sandbox.requests() if ("granularity", "day") in record.query]

    # Seeing ------------------------------------------------------------------------------------------------------

    def days(self, scope: str) -> set[date]:
        """The days of which the published file has anything."""
        return {row["day"] for row in self.query(f"SELECT DISTINCT day FROM ads.{scope}_metrics")}

    def materialized(self, asset: str) -> set[date]:
        """The partitions that Dagster shows as materialized, and not as failed since."""
        with self.instance() as instance:
            key = dg.AssetKey.from_user_string(asset)
            return {date.fromisoformat(day) for day in instance.get_materialized_partitions(key)}

    def partition_states(self, asset: str) -> dict[date, str]:
        """How the UI colours the days that it has anything to say of: ``MATERIALIZED``, ``FAILED``, ``IN_PROGRESS``."""
        with self.environment() as settings, self.instance() as instance:
            partitions = daily_partitions(settings.start_date, self.sandbox.clock.now().date())
            keys = partitions.get_partition_keys()
            states = instance.get_status_by_partition(dg.AssetKey.from_user_string(asset), keys, partitions) or {}
            return {date.fromisoformat(key): state.name for key, state in states.items() if state}

    def materializations(self, asset: str) -> int:
        """How often Dagster recorded the asset as materialized."""
        with self.instance() as instance:
            return len(instance.fetch_materializations(dg.AssetKey.from_user_string(asset), limit=10_000).records)

    def runs(self) -> list[dg.DagsterRun]:
        """Every run Dagster knows of, oldest first."""
        with self.instance() as instance:
            return list(reversed(instance.get_runs()))


def refresh_job(_data_dir: str) -> dg.JobDefinition:
    """The job as a worker process loads it, in the environment of one pipeline."""
    return build_definitions(load_settings()).resolve_job_def("refresh")


def unreadable(scope: str | None = None, entity: str | None = None, **query: str) -> Fault:
    """The API refuses every question about a scope or an entity, for good: retrying is of no use."""
    return Fault(
        effect="status", parameters={"status": 422}, path="ads-metrics", scope=scope, entity=entity, query=query
    )
