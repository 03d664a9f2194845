"""The job that the schedule, the command line and the UI all run."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from layers_etl.ingest.request import RunKind

REFRESH = "refresh"


def run_config(kind: RunKind, **fields: object) -> dict[str, object]:
    """Run config for the ingestion resource."""
    return {"resources": {"ingestion": {"config": {"kind": kind.name, **fields}}}}


def is_daily(config: Mapping[str, Any]) -> bool:
    """Whether a run of this config reads all that is not settled now, as every morning's does."""
    asked: Mapping[str, object] = config.get("resources", {}).get("ingestion", {}).get("config", {})
    return asked.get("kind") == RunKind.RUN.name and not asked.get("as_of")


refresh = dg.define_asset_job(
    REFRESH,
    selection=dg.AssetSelection.all(),
    # Launched by hand it does what it does every morning. Backfills name assets, and are runs of Dagster's own job.
    config=run_config(RunKind.RUN),
    executor_def=dg.in_process_executor,
    description="List accounts and campaigns, read every day up to the range's end that is not settled, derive the "
    "marts, publish the warehouse. To read settled days again, materialize the metrics assets.",
)
