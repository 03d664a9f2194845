"""A pipeline that is lived through morning by morning in this process, each run by its functions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.ingest.clock import utc_now
from layers_etl.ingest.deriving import Deriving
from layers_etl.ingest.identity import Connect, layers_client
from layers_etl.ingest.refresh import bring_up_to_date
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run import Run
from layers_etl.sandbox.faults import Fault
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.runs import RunStatus

from .fresh import fresh_warehouse, sandbox_settings
from .instants import START
from .place import Asked, Entity, Place
from .runs import prepared, read_days
from .truth import MEASURES, Row, Table


@dataclass(frozen=True)
class Ran:
    """What a run did: how it ended, and which metrics it asked the API for."""

    run_id: str
    status: RunStatus
    outcomes: dict[str, ScopeOutcome]
    asked: list[Asked]

    @property
    def windows(self) -> dict[Entity, list[DayWindow]]:
        """The windows asked for, by entity."""
        found: dict[Entity, list[DayWindow]] = {}
        for scope, entity_id, window in self.asked:
            found.setdefault((scope, entity_id), []).append(window)
        return found


@dataclass
class Pipeline(Place):
    """``options`` are settings over what the tests use. The build file stays open until it is let go.

    ``connect`` makes the client of each run; ``now`` is this machine's clock.
    """

    options: dict[str, Any] = field(default_factory=dict[str, Any])
    connect: Connect = layers_client
    now: Callable[[], datetime] = utc_now
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _holding: ExitStack = field(default_factory=ExitStack)
    _warehouse: Warehouse | None = None

    @property
    def settings(self) -> Settings:
        """The settings of the next run."""
        return sandbox_settings(self.sandbox.url, self.data_dir, **({"start_date": START} | self.options))

    @property
    def warehouse(self) -> Warehouse:
        """The build file, opened at the first use."""
        if self._warehouse is None:
            settings = self.settings
            self._warehouse = self._holding.enter_context(fresh_warehouse(settings.build_path, settings.scopes))
        return self._warehouse

    def let_go(self) -> None:
        """Close the build file, so that another process can have it."""
        self._warehouse = None
        self._holding.close()

    # Runs ---------------------------------------------------------------------------------------------------------

    def run(self, at: datetime | None = None, *faults: Fault, publish: bool = False, **request: Any) -> Ran:
        """A scheduled run; with ``at``, after setting the API's clock to it, and with ``faults`` in force.

        ``publish``: marts and file too. ``request`` are fields of the run's request. An error that ends it goes on up.
        """
        if not faults:
            return self._live(RunRequest(RunKind.RUN, **request), at, publish=publish)
        with self.broken(*faults):
            return self._live(RunRequest(RunKind.RUN, **request), at, publish=publish)

    def backfill(self, window: DayWindow, at: datetime | None = None, **request: Any) -> Ran:
        """A backfill of ``window``."""
        return self._live(RunRequest(RunKind.BACKFILL, window=window, **request), at)

    @contextmanager
    def preparing(self, request: RunRequest, at: datetime | None = None) -> Generator[Run]:
        """A run that has done nothing yet. One whose days are not named has all from the start to the API's today."""
        if at:
            self.sandbox.set_clock(at)
        self.sandbox.clear_requests()
        settings = self.settings
        if request.window is None:
            request = replace(request, window=DayWindow(settings.start_date, self.sandbox.clock.now().date()))
        run_id = f"run_{next(self._numbers)}"
        with prepared(settings, self.warehouse, request, run_id, now=self.now, connect=self.connect) as run:
            yield run

    def _live(self, request: RunRequest, at: datetime | None, *, publish: bool = False) -> Ran:
        with self.preparing(request, at) as run:
            try:
                outcomes = read_days(run)
            finally:
                if publish:
                    list(bring_up_to_date(run, Deriving(run)))
        ((status,),) = self.rows("SELECT status FROM ops.runs WHERE run_id = ?", [run.log.run_id])
        by_name = {scope.name: outcome for scope, outcome in outcomes.items()}
        return Ran(run.log.run_id, RunStatus(status), by_name, self.asked())

    # What is there ------------------------------------------------------------------------------------------------

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """What a query of the build file gives."""
        return self.warehouse.connection.execute(sql, list(parameters)).fetchall()

    def table(self, scope: Scope) -> Table:
        """``ads.<scope>_metrics`` by entity and day."""
        query = f"SELECT {scope.id_column}, day, {MEASURES} FROM ads.{scope.metrics_table}"
        return {(entity_id, day): tuple(numbers) for entity_id, day, *numbers in self.rows(query)}

    def untrue(self, *, without: Sequence[str] = ()) -> dict[str, Any]:
        """Where the accounts' and campaigns' tables differ from what the API says now, but for these entities."""
        return {
            f"{scope.name} {key}": (table.get(key), truth.get(key))
            for scope in (AD_ACCOUNT, CAMPAIGN)
            for table, truth in [(self.table(scope), self.truth(scope, self.settings.start_date))]
            for key in table.keys() | truth.keys()
            if key[0] not in without and table.get(key) != truth.get(key)
        }


def asked_for(entities: Iterable[Entity], window: DayWindow) -> dict[Entity, list[DayWindow]]:
    """What a run that may settle a day asks for: ``window`` of each, of accounts a look at the running day too."""
    glimpsed = DayWindow(window.since, window.until + ONE_DAY)
    return {entity: [glimpsed if entity[0] == "ad_account" else window] for entity in entities}


def refusing(entity: str, **more: Any) -> Fault:
    """A fault that is no use retrying: the API answers 409 for one entity's metrics."""
    return Fault(
        effect="status", parameters={"status": 409, "code": "CONFLICT"}, path="ads-metrics", entity=entity, **more
    )
