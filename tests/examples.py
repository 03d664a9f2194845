"""How many examples the property tests take, in the quick suite and in the whole one."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

WHOLE: Final = "whole"
QUICK: Final = "quick"
"""Hypothesis' profiles: of the whole suite, and of the one that leaves out what is slow."""

QUICK_EXAMPLES: Final = 30
WHOLE_EXAMPLES: Final = 40
"""Of the properties that say no number of their own."""

FEWEST: Final = 2
QUICK_SHARE: Final = 3


def examples(count: int) -> int:
    """``count``, or a third of it in the quick suite: for what writes warehouses, a good part of a second each."""
    return max(FEWEST, count // QUICK_SHARE) if settings.get_current_profile_name() == QUICK else count
