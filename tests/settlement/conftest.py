"""A sandbox and a pipeline of the test's own; retries without waiting."""

from ..harness.fixtures import pipeline, pipeline_over, retries_do_not_wait, sandbox

__all__ = ["pipeline", "pipeline_over", "retries_do_not_wait", "sandbox"]
