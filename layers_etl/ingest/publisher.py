"""Where the settings have the warehouse published: known here alone."""

from __future__ import annotations

from collections.abc import Iterator

from layers_etl.domain.lake import lake_of
from layers_etl.settings import Settings, load_network
from layers_etl.warehouse.lake.publisher import PublishedLake
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.publishing import Publisher


def publisher_of(settings: Settings) -> Publisher:
    """What readers read: the lake where there is one, else the published file."""
    *_, last = publishers_of(settings)
    return last


def nearest_publisher(settings: Settings) -> Publisher:
    """What this machine itself looks at: its own published file where it has one, else what readers read."""
    return PublishedFile(settings.published_path) if settings.published_path.exists() else publisher_of(settings)


def publishers_of(settings: Settings) -> Iterator[Publisher]:
    """All of them, in the order in which they are published to: the file, then the lake where there is one."""
    yield PublishedFile(settings.published_path)
    if settings.warehouse:
        lake = lake_of(settings.warehouse, settings.warehouse_data, load_network().object_store)
        yield PublishedLake(lake, settings.scopes, settings.warehouse_keep_days)
