"""A run by its functions, without Dagster and the command line: what every test makes one of."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from datetime import datetime

from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.scopes import Scope, listed_scopes
from layers_etl.ingest.beginning import begin
from layers_etl.ingest.clock import utc_now
from layers_etl.ingest.deriving import Deriving
from layers_etl.ingest.identity import Connect, layers_client
from layers_etl.ingest.listing import list_entities
from layers_etl.ingest.publisher import publishers_of
from layers_etl.ingest.reading import read_metrics
from layers_etl.ingest.refresh import bring_up_to_date
from layers_etl.ingest.request import RunRequest
from layers_etl.ingest.run import Run
from layers_etl.settings import Settings
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.runs import close_interrupted_runs


@contextmanager
def prepared(
    settings: Settings,
    warehouse: Warehouse,
    request: RunRequest,
    run_id: str,
    *,
    now: Callable[[], datetime] = utc_now,
    connect: Connect = layers_client,
) -> Generator[Run]:
    """A run that has done nothing yet; those that were killed before it are over."""
    close_interrupted_runs(warehouse)
    with closing(Run(settings, warehouse, request, run_id=run_id, now=now, connect=connect)) as run:
        yield run


def read_days(run: Run) -> dict[Scope, ScopeOutcome]:
    """Begin ``run``, list, and read the days of its request, of all scopes; an error that ends it is how it ended."""
    scopes, window = run.settings.scopes, run.request.window
    assert window, "a run whose days are not named reads none"
    with run.log.noting_the_end():
        begin(run)
        listings = {scope: list_entities(run, scope) for scope in listed_scopes(scopes)}
        return read_metrics(run, scopes, window, listings)


def run_by_itself(settings: Settings, request: RunRequest, run_id: str) -> None:
    """All that a run does to the warehouse, in a process that has it for itself."""
    with (
        open_warehouse(settings.build_path, settings.scopes, publishers=publishers_of(settings)) as warehouse,
        prepared(settings, warehouse, request, run_id) as run,
    ):
        read_days(run)
        list(bring_up_to_date(run, Deriving(run)))
