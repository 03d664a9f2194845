"""Where the settings have the warehouse published: known here alone."""

from __future__ import annotations

from layers_etl.settings import Settings
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.publishing import Publisher


def publisher_of(settings: Settings) -> Publisher:
    """What readers read: the published file."""
    return PublishedFile(settings.published_path)
