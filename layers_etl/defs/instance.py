"""The Dagster instance that the command line and the UI share: ``DAGSTER_HOME``, or ``dagster`` in the data folder."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Final

from layers_etl.errors import ConfigurationError
from layers_etl.settings import Settings
from layers_etl.warehouse.files import ensure_folder

_PACKAGE: Final = Path(__file__).parents[1]
_SHIPPED: Final = _PACKAGE if (_PACKAGE / "dagster.yaml").exists() else _PACKAGE.parent
"""In a checkout beside the package, where users look for them; in an installed package within it (pyproject.toml)."""

WORKSPACE: Final = _SHIPPED / "workspace.yaml"
CONFIGURATION: Final = _SHIPPED / "dagster.yaml"
"""What Dagster is started with."""

_EVENT_LOG: Final = """
# Dagster's own files in its usual place, over connections that are kept.
event_log_storage:
  module: layers_etl.defs.event_log
  class: KeptEventLogStorage
  config:
    base_dir: {folder}
"""


def prepare_dagster_home(settings: Settings) -> Path:
    """The instance's folder, created, with the project's ``dagster.yaml`` in it; set in the environment for Dagster.

    In the data folder its event log is that of ``defs/event_log.py``. A ``DAGSTER_HOME`` that is set already keeps the
    ``dagster.yaml`` it has, and is given none that needs this package: others may share it. Raises
    :class:`WarehouseError` where the folder can't be written, and :class:`ConfigurationError` for a relative one, which
    Dagster refuses.
    """
    if own := os.environ.get("DAGSTER_HOME"):
        if not Path(own).is_absolute():
            raise ConfigurationError(f"DAGSTER_HOME {own!r} is a relative path: make it absolute, or unset it.")
        home = Path(own)
        ensure_folder(home)
        if not (home / "dagster.yaml").exists():
            shutil.copyfile(CONFIGURATION, home / "dagster.yaml")
        return home
    home = settings.dagster_path
    ensure_folder(home)
    folder = json.dumps(str(home / "history" / "runs"))  # JSON is YAML too, whatever the folder's name.
    configuration, wanted = home / "dagster.yaml", CONFIGURATION.read_text("utf-8") + _EVENT_LOG.format(folder=folder)
    if not configuration.exists() or configuration.read_text("utf-8") != wanted:
        configuration.write_text(wanted, "utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    return home
