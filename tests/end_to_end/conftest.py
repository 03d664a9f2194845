"""Fresh warehouses for tests that spoil theirs."""

from ..harness.job_fixtures import new_pipeline, pipeline

__all__ = ["new_pipeline", "pipeline"]
