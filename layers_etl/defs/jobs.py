"""The job that the schedule, the command line and the UI all run."""

import dagster as dg

REFRESH = "refresh"

refresh = dg.define_asset_job(
    REFRESH,
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="List accounts and campaigns, read their days, derive the marts, publish the warehouse.",
)
