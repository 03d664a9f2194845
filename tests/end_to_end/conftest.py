"""Fresh warehouses for tests that spoil theirs."""

from ..defs.conftest import new_pipeline, pipeline

__all__ = ["new_pipeline", "pipeline"]
