"""A webhook of the test's own, beside pipelines whose runs are Dagster's jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..harness.hooks import Hook, webhook
from ..harness.job_fixtures import new_pipeline, pipeline

__all__ = ["new_pipeline", "pipeline"]


@pytest.fixture
def hook() -> Iterator[Hook]:
    """One that takes what comes."""
    with webhook() as server:
        yield server
