"""``layers-etl dev``: the Dagster UI on the same warehouse."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def dev(port: Annotated[int, typer.Option(help="Port of the UI.")] = 3000) -> None:
    """Open the Dagster UI on the same warehouse, with its scheduler."""
    import dagster as dg

    from layers_etl.defs.dead_runs import fail_dead_runs
    from layers_etl.defs.instance import WORKSPACE, prepare_dagster_home
    from layers_etl.settings import read_settings

    found = read_settings()
    settings = found.require()
    home = prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance, settings.build_path, datetime.now(UTC), settings.code_location)
    dagster = Path(sys.executable).with_name("dagster")
    arguments = [str(dagster), "dev", "--port", str(port), "--workspace", str(WORKSPACE)]
    # In its own folder: of the working one Dagster would read the .env itself, and let it go before the environment.
    os.chdir(home)
    os.execve(dagster, arguments, {**found.environment(), "DAGSTER_HOME": str(home)})
