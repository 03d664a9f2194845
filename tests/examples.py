"""How many examples the property tests take that write warehouses, each of which costs a good part of a second."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

WHOLE: Final = "whole"
QUICK: Final = "quick"
"""Hypothesis' profiles: of the whole suite, and of the one that leaves out what is slow."""

FEWEST: Final = 2
QUICK_SHARE: Final = 3


def examples(count: int) -> int:
    """``count``, or a third of it in the quick suite."""
    return max(FEWEST, count // QUICK_SHARE) if settings.get_current_profile_name() == QUICK else count
