"""A pipeline for bad weather: its client tries five times, and waits for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from layers_etl.api import Timeouts
from layers_etl.sandbox.server import SandboxServer

from ..harness.clients import IMPATIENT, connecting
from ..harness.pipeline import Pipeline

START: Final = date(2026, 3, 25)
METRICS: Final = "ads-metrics$"
PERSISTENT: Final = replace(IMPATIENT, attempts=5)
QUICK: Final = Timeouts(total=0.4)
"""For stalls to be over soon. On a busy machine anything may take so long: where many are asked for, PATIENT."""

PATIENT: Final = Timeouts()


def persistent(sandbox: SandboxServer, data_dir: Path, timeouts: Timeouts = QUICK, **options: Any) -> Pipeline:
    """One that has not run yet, whose clock goes with the API's."""
    connect = connecting(retry=PERSISTENT, timeouts=timeouts)
    return Pipeline(sandbox, data_dir, {"start_date": START} | options, connect, sandbox.clock.now)
