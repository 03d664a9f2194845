"""The notebook runs as a script, on a published file, with the package it needs beside this project's."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers_etl.report.queries import Shown

from ..packages import installed, run_with

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # what is installed comes over a network

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "explore.py"

PACKAGES = (
    *("marimo==0.25.2", "loro", "jedi", "parso", "markdown", "pymdown-extensions", "pygments", "tomlkit", "narwhals"),
    *("docutils", "itsdangerous", "psutil", "pyyaml", "pyzmq", "python-multipart", "websockets", "packaging"),
)
"""What marimo needs beside what this project has."""


def test_it_shows_what_the_report_shows_of_the_first_currency(
    published: Path, lived: Shown, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = installed(request.config.cache, "notebook", *PACKAGES)
    monkeypatch.setenv("LAYERS_DATA_DIR", str(published.parent))
    told = run_with(packages, NOTEBOOK)
    currency = lived.weeks[0].currency
    days = sum(day.currency == currency for day in lived.days)
    campaigns = sum(campaign.currency == currency for campaign in lived.campaigns)
    changes = sum(change.currency == currency for change in lived.changes)
    assert told.startswith(f"{days} days of platforms, {campaigns} campaigns, {changes} changes\n")
    assert days and campaigns
