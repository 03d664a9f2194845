"""The warehouse that a command looks at: the newest that can be read."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from layers_etl.errors import ConfigurationError
from layers_etl.ingest.publisher import nearest_publisher
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.readers import open_newest


@contextlib.contextmanager
def newest_warehouse(settings: Settings) -> Generator[Readable]:
    """The build file, if no run is writing it, else what is published; :class:`ConfigurationError` for neither."""
    with open_newest(settings.build_path, nearest_publisher(settings)) as warehouse:
        if warehouse is None:
            raise ConfigurationError(f"There is no warehouse in {settings.data_dir} yet: the first run makes it.")
        yield warehouse
