"""The Dagster instance that the command line and the UI share: ``DAGSTER_HOME``, or ``dagster`` in the data folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from layers_etl.errors import ConfigurationError
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import ensure_folder

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]


def prepare_dagster_home(settings: Settings) -> Path:
    """The instance's folder, created, with the project's ``dagster.yaml`` in it; set in the environment for Dagster.

    A ``DAGSTER_HOME`` that is set already keeps the ``dagster.yaml`` it has. Raises :class:`WarehouseError` where the
    folder can't be written, and :class:`ConfigurationError` for a relative one, which Dagster refuses.
    """
    if own := os.environ.get("DAGSTER_HOME"):
        if not Path(own).is_absolute():
            raise ConfigurationError(f"DAGSTER_HOME {own!r} is a relative path: make it absolute, or unset it.")
        home = Path(own)
        ensure_folder(home)
        if not (home / "dagster.yaml").exists():
            _configure(home)
        return home
    home = (settings.data_dir / "dagster").resolve()
    ensure_folder(home)
    _configure(home)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _configure(home: Path) -> None:
    config = PROJECT_ROOT / "dagster.yaml"
    if config.exists():
        shutil.copyfile(config, home / "dagster.yaml")
