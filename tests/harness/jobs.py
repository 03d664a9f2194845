"""The whole pipeline as tests drive it: a data folder, a Dagster instance in it, and a simulated API behind them."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from layers_etl.cli.launch import LaunchResult, launch_backfill, launch_run
from layers_etl.definitions import build_definitions
from layers_etl.defs.instance import prepare_dagster_home
from layers_etl.defs.jobs import run_config
from layers_etl.defs.partitions import daily_partitions, range_tags
from layers_etl.domain.days import DayWindow, day_close
from layers_etl.ingest.request import RunKind
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.journal import RequestRecord
from layers_etl.sandbox.server import DEFAULT_KEY, SandboxServer
from layers_etl.sandbox.world import ORGANIZATION
from layers_etl.settings import Settings, load_settings

from .fresh import NOTHING_SET

METRICS_ASSETS = ("campaign_metrics", "ad_account_metrics")
DOWNSTREAM = ("campaign_daily", "ad_account_daily", "published_warehouse")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Row = dict[str, Any]


@dataclass
class Pipeline:
    """One warehouse and what fills it.

    ``extra`` are further settings, by their names in the environment. ``memory`` is an instance for those runs that do
    not go through the command line's own functions, which keep theirs in the data folder.
    """

    sandbox: SandboxServer
    data_dir: Path
    start_date: date
    extra: dict[str, str] = field(default_factory=dict[str, str])
    memory: dg.DagsterInstance | None = None

    @property
    def project_id(self) -> str:
        """The first project of the simulated API."""
        return self.sandbox.world.projects(ORGANIZATION)[0].id

    # Doing -------------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> dict[str, str]:
        """The environment a user would set."""
        return {
            **NOTHING_SET,
            "LAYERS_API_KEY": DEFAULT_KEY,
            "LAYERS_BASE_URL": self.sandbox.url,
            "LAYERS_DATA_DIR": str(self.data_dir),
            "LAYERS_START_DATE": self.start_date.isoformat(),
            "LAYERS_AUDIT_PERCENT": "0",
            **self.extra,
        }

    @contextmanager
    def environment(self) -> Generator[Settings]:
        """The settings, in force for the length of the block."""
        before = dict(os.environ)
        for name in [name for name in os.environ if name.startswith(("LAYERS_", "DAGSTER_"))]:
            del os.environ[name]
        os.environ |= self.variables
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
                asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
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
    def broken(self, *faults: Fault) -> Generator[None]:
        """The simulated API misbehaves for the length of the block."""
        for fault in faults:
            self.sandbox.add_fault(fault)
        try:
            yield
        finally:
            self.sandbox.clear_faults()

    @contextmanager
    def watched(self) -> Generator[list[RequestRecord]]:
        """The requests for daily metrics that the API receives within the block; filled when it ends."""
        self.sandbox.clear_requests()
        received: list[RequestRecord] = []
        yield received
        received += [record for record in self.sandbox.requests() if ("granularity", "day") in record.query]

    # Seeing ------------------------------------------------------------------------------------------------------

    @property
    def published_path(self) -> Path:
        """The file analysts open."""
        return self.data_dir / "warehouse.duckdb"

    def query(self, sql: str, *parameters: object) -> list[Row]:
        """Rows of the published file, as an analyst gets them."""
        return rows_of(self.published_path, sql, *parameters)

    def days(self, scope: str) -> set[date]:
        """The days of which the published file has anything."""
        return {row["day"] for row in self.query(f"SELECT DISTINCT day FROM ads.{scope}_metrics")}

    def materialized(self, asset: str) -> set[date]:
        """The partitions that Dagster shows as materialized, and not as failed since."""
        with self.instance() as instance:
            key = dg.AssetKey(asset)
            return {date.fromisoformat(day) for day in instance.get_materialized_partitions(key)}

    def partition_states(self, asset: str) -> dict[date, str]:
        """How the UI colours the days that it has anything to say of: ``MATERIALIZED``, ``FAILED``, ``IN_PROGRESS``."""
        with self.environment() as settings, self.instance() as instance:
            partitions = daily_partitions(settings.start_date, self.sandbox.clock.now().date())
            keys = partitions.get_partition_keys()
            states = instance.get_status_by_partition(dg.AssetKey(asset), keys, partitions) or {}
            return {date.fromisoformat(key): state.name for key, state in states.items() if state}

    def materializations(self, asset: str) -> int:
        """How often Dagster recorded the asset as materialized."""
        with self.instance() as instance:
            return len(instance.fetch_materializations(dg.AssetKey(asset), limit=10_000).records)

    def runs(self) -> list[dg.DagsterRun]:
        """Every run Dagster knows of, oldest first."""
        with self.instance() as instance:
            return list(reversed(instance.get_runs()))


def refresh_job(_data_dir: str) -> dg.JobDefinition:
    """The job as a worker process loads it, in the environment of one pipeline."""
    return build_definitions(load_settings()).resolve_job_def("refresh")


def rows_of(path: Path, sql: str, *parameters: object) -> list[Row]:
    """Rows of a DuckDB file, opened read-only."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cursor = connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def unreadable(scope: str | None = None, entity: str | None = None, **query: str) -> Fault:
    """The API refuses every question about a scope or an entity, for good: retrying is of no use."""
    return Fault(
        effect="status", parameters={"status": 422}, path="ads-metrics", scope=scope, entity=entity, query=query
    )


def morning_after(day: date) -> datetime:
    """Six o'clock UTC on the morning after ``day``."""
    return day_close(day) + timedelta(hours=6)


def settled_at(day: date) -> datetime:
    """The first instant at which a reading of ``day`` is final."""
    return day_close(day) + timedelta(hours=72)


def utc(text: str) -> datetime:
    """An instant written like ``2026-04-01 06:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(since: str, until: str) -> DayWindow:
    """A half-open window of days."""
    return DayWindow(date.fromisoformat(since), date.fromisoformat(until))


def entity_of(record: RequestRecord) -> str:
    """The entity a metrics request asked about."""
    return dict(record.query)["id"]
