"""A copy of the build file that is gone after use: to see what a run would do, without doing any of it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.files import wal_of
from layers_etl.warehouse.frames import frame_rows, register
from layers_etl.warehouse.lock import hold_lock
from layers_etl.warehouse.publishing import Publisher
from layers_etl.warehouse.sql import run_script, scope_sql

_ASKED = pl.Schema({"project_id": pl.String(), "entity_id": pl.String(), "since": pl.Date(), "until": pl.Date()})


@contextlib.contextmanager
def open_scratch(path: Path, scopes: Iterable[Scope], *, publishers: Iterable[Publisher]) -> Generator[Warehouse]:
    """What a run that opened ``path`` would find, to be written at will: nobody else ever sees it.

    It is a copy in the system's folder for such files (``TMPDIR``), made while no run has the file; waits, and says so,
    while one does. Raises like :func:`~layers_etl.warehouse.build.open_warehouse`.
    """
    with tempfile.TemporaryDirectory(prefix="layers-etl-") as folder:
        copy = Path(folder) / path.name
        if path.exists():
            with hold_lock(path):
                for source, target in ((path, copy), (wal_of(path), wal_of(copy))):
                    if source.exists():
                        shutil.copyfile(source, target)
        with open_warehouse(copy, scopes, publishers=publishers) as warehouse:
            yield warehouse


def assume_activity(warehouse: Warehouse, scope: Scope, reads: Sequence[PlannedRead], instant: datetime) -> None:
    """Write an impression into every week that ``reads`` touch, as if all of them had landed with some at ``instant``.

    Only for a scratch copy: what follows from landed days can be planned there before they land.
    """
    rows = [(read.key.project_id, read.key.entity_id, read.window.since, read.window.until) for read in reads]
    with warehouse.transaction() as connection:
        register(connection, "asked_windows", frame_rows(rows, _ASKED))
        run_script(connection, scope_sql("assume_activity", scope), instant=instant)
        connection.unregister("asked_windows")
