"""What a test's own pipeline begins with: settings over a sandbox, and a fresh warehouse.

A file with all tables and views is made once per process and scopes, then copied.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from layers_etl.domain.scopes import Scope
from layers_etl.sandbox.auth import DEFAULT_KEY
from layers_etl.settings import Settings
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import Warehouse

UNPACED: Final = 10_000_000


def sandbox_settings(url: str, folder: Path, **others: Any) -> Settings:
    """Settings for the sandbox at ``url`` and the data ``folder``, and nothing of the environment's; ``others`` win."""
    usual: dict[str, Any] = {
        "api_key": SecretStr(DEFAULT_KEY),
        "base_url": url,
        "data_dir": folder,
        "requests_per_minute": UNPACED,
        "audit_percent": 0,
    }
    return Settings(**(usual | others))


NOTHING_SET: Final = {"LAYERS_ENV_FILE": os.devnull}
"""An environment in which no developer's ``.env`` is found."""


def variables(url: str, folder: Path, start_date: date, **others: str | None) -> dict[str, str]:
    """The environment of a user of the sandbox at ``url`` and the data ``folder``; None takes a setting away."""
    usual: dict[str, str | None] = {
        **NOTHING_SET,
        "LAYERS_API_KEY": DEFAULT_KEY,
        "LAYERS_BASE_URL": url,
        "LAYERS_DATA_DIR": str(folder),
        "LAYERS_START_DATE": start_date.isoformat(),
    }
    return {name: value for name, value in (usual | others).items() if value is not None}


def of_other_programs() -> dict[str, str]:
    """The environment without anything that is set for the pipeline or for Dagster."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LAYERS_", "DAGSTER_"))}


def unset_all(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Work in ``folder``, with nothing of the developer's own settings in the environment."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.upper().startswith(("LAYERS_", "DAGSTER_"))]:
        monkeypatch.delenv(name)


OF_A_SMALL_FILE: Final = ("SET threads = 1", "PRAGMA disable_checkpoint_on_shutdown")
"""A few hundred rows are sooner queried by one thread, and what is thrown away need not be tidied first."""


@contextmanager
def fresh_warehouse(path: Path, scopes: Iterable[Scope]) -> Generator[Warehouse]:
    """``open_warehouse``, from the copy of an empty one where ``path`` is not there yet."""
    scopes = tuple(scopes)
    if not path.exists():
        place_empty(path, scopes)
    with open_warehouse(path, scopes) as warehouse:
        for setting in OF_A_SMALL_FILE:
            warehouse.connection.execute(setting)
        yield warehouse


def place_empty(path: Path, scopes: tuple[Scope, ...]) -> None:
    """A build file in which nothing has landed yet, in the time that a copy takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_empty(scopes), path)


@cache
def _empty(scopes: tuple[Scope, ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="layers-etl-empty-"))
    atexit.register(shutil.rmtree, folder)
    path = folder / "build.duckdb"
    with open_warehouse(path, scopes):
        pass
    return path
