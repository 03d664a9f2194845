"""Fresh warehouses, quickly: a file with all tables and views is made once per process and scopes, then copied."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Warehouse, open_warehouse


@contextmanager
def fresh_warehouse(path: Path, scopes: Iterable[Scope]) -> Generator[Warehouse]:
    """``open_warehouse``, from the copy of an empty one where ``path`` is not there yet."""
    scopes = tuple(scopes)
    if path.parent.is_dir() and not path.exists():
        shutil.copyfile(_empty(scopes), path)
    with open_warehouse(path, scopes) as warehouse:
        yield warehouse


@cache
def _empty(scopes: tuple[Scope, ...]) -> Path:
    path = Path(tempfile.mkdtemp(prefix="layers-etl-empty-")) / "build.duckdb"
    with open_warehouse(path, scopes):
        pass
    return path
