"""What holds of every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

from .examples import QUICK, WHOLE

# No test depends on how fast the machine is: a busy one is red for nothing.
for profile in (WHOLE, QUICK):
    settings.register_profile(profile, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is made."""
    settings.load_profile(QUICK if config.option.markexpr == "not slow" else WHOLE)
