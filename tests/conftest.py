"""What holds of every test."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from .examples import QUICK, QUICK_EXAMPLES, WHOLE, WHOLE_EXAMPLES

# No test depends on how fast the machine is: a busy one is red for nothing.
settings.register_profile(WHOLE, deadline=None, max_examples=WHOLE_EXAMPLES)
settings.register_profile(QUICK, deadline=None, max_examples=QUICK_EXAMPLES)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where analysts read: what the suites of marts, queries and documents ask of the file, they ask of a lake too."""
    parser.addoption("--warehouse", choices=["file", "lake"], default="file", help="what analysts read")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files whose tests may take longest come first, so that no process has one of them left in the end."""
    longest: dict[Path, float] = {}
    for item in items:
        longest[item.path] = max(longest.get(item.path, 0), _seconds_allowed(item))
    items.sort(key=lambda item: -longest[item.path])


def _seconds_allowed(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return marker.args[0] if marker else 0


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is made."""
    # What a script starts with "&" ignores Ctrl-C, and so would all it starts; Dagster makes SIGTERM do as SIGINT does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    settings.load_profile(QUICK if config.option.markexpr == "not slow" else WHOLE)
