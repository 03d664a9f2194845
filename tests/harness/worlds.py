"""The world that commands, jobs and crashes are tried in."""

from __future__ import annotations

from layers_etl.sandbox.world import WorldConfig

from .instants import utc

SMALL = WorldConfig(projects=1, accounts=2, campaigns=3)
"""Two accounts of two currencies with three campaigns each, one of which has not started."""

TODAY = utc("2026-03-12 06:00")
