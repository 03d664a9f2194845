"""What holds of every test."""

from __future__ import annotations

from hypothesis import settings

# No test depends on how fast the machine is: a busy one is red for nothing.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
