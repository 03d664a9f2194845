"""A warehouse of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from layers_etl.warehouse.connection import Warehouse

from .builders import opened


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty build file, open."""
    with opened(tmp_path) as warehouse:
        yield warehouse
