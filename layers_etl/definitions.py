"""Composition root: what Dagster loads. Needs no key; the settings are read once, when it does."""

from datetime import date

import dagster as dg

from layers_etl.defs.assets import refresh_assets
from layers_etl.defs.graph import specs_around
from layers_etl.defs.jobs import refresh
from layers_etl.defs.partitions import daily_partitions
from layers_etl.defs.resources import IngestionResource, Listener
from layers_etl.defs.schedules import daily_refresh
from layers_etl.defs.sensors import alert_sensors
from layers_etl.ingest.progress import Progress
from layers_etl.settings import Settings, load_settings


def build_definitions(
    settings: Settings,
    last_day: date | None = None,
    listen: Listener | None = None,
    progress: Progress | None = None,
) -> dg.Definitions:
    """Everything, for the scopes and the first day of ``settings``; ``last_day`` as in :func:`daily_partitions`.

    ``listen`` is told every step of a run that this process executes, ``progress`` how far it is.
    """
    partitions = daily_partitions(settings.start_date, last_day)
    return dg.Definitions(
        assets=[
            refresh_assets(settings, partitions),
            *specs_around(settings.scopes, settings.owners, settings.base_url, settings.code_location),
        ],
        jobs=[refresh],
        schedules=[daily_refresh(settings)],
        sensors=alert_sensors(settings),
        resources={
            "ingestion": IngestionResource.configure_at_launch(
                settings=dg.ResourceDefinition.hardcoded_resource(settings),
                listen=dg.ResourceDefinition.hardcoded_resource(listen),
                progress=dg.ResourceDefinition.hardcoded_resource(progress),
            )
        },
        # One process at a time owns the key's rate limit and the build file.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Loaded by ``workspace.yaml``."""
    return build_definitions(load_settings())
