"""The middle of a run alone: it begins, lists and reads days. Marts, file and checks are left to whoever needs them."""

from __future__ import annotations

from collections.abc import Sequence

from layers_etl.domain.days import DayWindow
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.scopes import Scope, listed_scopes
from layers_etl.ingest.beginning import begin
from layers_etl.ingest.listing import list_entities
from layers_etl.ingest.reading import read_metrics
from layers_etl.ingest.run import Run


def read_days(run: Run, scopes: Sequence[Scope], window: DayWindow) -> dict[Scope, ScopeOutcome]:
    """Begin ``run`` and read ``window``; an error that ends it is how the run ended."""
    with run.log.noting_the_end():
        begin(run)
        listings = {scope: list_entities(run, scope) for scope in listed_scopes(scopes)}
        return read_metrics(run, scopes, window, listings)
