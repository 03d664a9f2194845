"""What a test's own pipeline begins with: settings over a sandbox, and a fresh warehouse.

A file with all tables and views is made once per process and scopes, then copied.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from layers_etl.domain.scopes import Scope
from layers_etl.sandbox.auth import DEFAULT_KEY
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse, open_warehouse

UNPACED: Final = 10_000_000


def sandbox_settings(url: str, folder: Path, **others: Any) -> Settings:
    """Settings for the sandbox at ``url`` and the data ``folder``, and nothing of the environment's; ``others`` win."""
    usual = {
        "api_key": SecretStr(DEFAULT_KEY),
        "base_url": url,
        "data_dir": folder,
        "requests_per_minute": UNPACED,
        "audit_percent": 0,
    }
    return Settings(_env_file=None, **(usual | others))  # pyright: ignore[reportCallIssue]


@contextmanager
def fresh_warehouse(path: Path, scopes: Iterable[Scope]) -> Generator[Warehouse]:
    """``open_warehouse``, from the copy of an empty one where ``path`` is not there yet."""
    scopes = tuple(scopes)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_empty(scopes), path)
    with open_warehouse(path, scopes) as warehouse:
        yield warehouse


@cache
def _empty(scopes: tuple[Scope, ...]) -> Path:
    path = Path(tempfile.mkdtemp(prefix="layers-etl-empty-")) / "build.duckdb"
    with open_warehouse(path, scopes):
        pass
    return path
