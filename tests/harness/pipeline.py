"""A pipeline that is lived through morning by morning against a simulated API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.scopes import Scope
from layers_etl.ingest.clock import utc_now
from layers_etl.ingest.identity import Connect, layers_client
from layers_etl.ingest.refresh import bring_up_to_date
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run import Run
from layers_etl.sandbox.activity import Activity
from layers_etl.sandbox.entities import Scope as ApiScope
from layers_etl.sandbox.exchange import Query
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.metrics import RATIO_DIGITS
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.runs import RunStatus, close_interrupted_runs

from .fresh import fresh_warehouse, sandbox_settings
from .read_days import read_days

START: Final = date(2026, 3, 20)
FIRST_MORNING: Final = datetime(2026, 4, 1, 6, tzinfo=UTC)
MEASURES: Final = "spend, impressions, clicks, conversions, conversion_value"

Entity = tuple[str, str]
"""``(scope, id)`` as the API spells them."""
Asked = tuple[str, str, DayWindow]
Row = tuple[Any, ...]


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
class Pipeline:
    """The warehouse in ``folder``, fed from ``sandbox`` under ``options``. It stays open until it is let go.

    ``connect`` makes the client of each run.
    """

    sandbox: SandboxServer
    folder: Path
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    connect: Connect = layers_client
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _holding: ExitStack = field(default_factory=ExitStack)
    _warehouse: Warehouse | None = None

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

    @property
    def settings(self) -> Settings:
        """The settings, with ``options`` over what the tests use."""
        return sandbox_settings(self.sandbox.url, self.folder, **({"start_date": START} | self.options))

    def run(self, at: datetime | None = None, *, publish: bool = False, **request: Any) -> Ran:
        """A scheduled run; with ``at``, after setting the API's clock to it. ``publish``: marts and file too.

        ``request`` are fields of the run's request, and ``now``: this machine's clock.
        """
        return self._live(at, RunKind.RUN, None, request, publish=publish)

    def backfill(self, window: DayWindow, at: datetime | None = None, **request: Any) -> Ran:
        """A backfill of ``window``."""
        return self._live(at, RunKind.BACKFILL, window, request)

    def _live(
        self,
        at: datetime | None,
        kind: RunKind,
        window: DayWindow | None,
        request: dict[str, Any],
        *,
        publish: bool = False,
    ) -> Ran:
        if at:
            self.sandbox.set_clock(at)
        self.sandbox.clear_requests()
        settings, run_id = self.settings, f"run_{next(self._numbers)}"
        window = window or DayWindow(settings.start_date, self.sandbox.clock.now().date())
        warehouse = self.warehouse
        close_interrupted_runs(warehouse)
        now = request.pop("now", utc_now)
        with closing(
            Run(
                settings,
                warehouse,
                RunRequest(kind, window=window, **request),
                run_id=run_id,
                now=now,
                connect=self.connect,
            )
        ) as run:
            try:
                outcomes = read_days(run, settings.scopes, window)
            finally:
                if publish:
                    list(bring_up_to_date(run))
        ((status,),) = self.rows("SELECT status FROM ops.runs WHERE run_id = ?", [run_id])
        return Ran(
            run_id, RunStatus(status), {scope.name: outcome for scope, outcome in outcomes.items()}, self.asked()
        )

    def asked(self) -> list[Asked]:
        """The metrics the sandbox was asked for since its requests were last cleared, in the order they came."""
        return [
            (one(query, "scope"), one(query, "id"), DayWindow(day_of(query, "since"), day_of(query, "until")))
            for query in (record.query for record in self.sandbox.requests() if record.path.endswith("/ads-metrics"))
        ]

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """What a query of the build file gives."""
        return self.warehouse.connection.execute(sql, list(parameters)).fetchall()

    # The world ------------------------------------------------------------------------------------------------

    @property
    def project_id(self) -> str:
        """The first project of the world."""
        return self.sandbox.world.projects(ORGANIZATION)[0].id

    def campaigns(self, at: datetime | None = None) -> list[str]:
        """The campaigns that are listed at ``at`` (now), account by account."""
        now = at or self.sandbox.clock.now()
        world = self.sandbox.world
        return [
            campaign.id for project in world.projects(ORGANIZATION) for campaign in world.campaigns(project.id, now)
        ]

    def accounts(self) -> list[str]:
        """All ad accounts."""
        world = self.sandbox.world
        return [account.id for project in world.projects(ORGANIZATION) for account in world.accounts(project.id)]

    def entities(self) -> list[Entity]:
        """Everything a run may ask for."""
        return [("ad_account", account) for account in self.accounts()] + [
            ("campaign", campaign) for campaign in self.campaigns()
        ]

    def campaign_named(self, beginning: str) -> str:
        """The first campaign whose name begins so."""
        world = self.sandbox.world
        return next(
            campaign.id
            for campaign in world.campaigns(self.project_id, self.sandbox.clock.now())
            if campaign.name.startswith(beginning)
        )

    def truth(self, scope: str, entity_id: str, day: date, at: datetime | None = None) -> Row | None:
        """What the API says of an entity's day at ``at`` (now), as the warehouse stores it; None: no bucket."""
        now = at or self.sandbox.clock.now()
        activity = self.sandbox.world.activity(ApiScope(scope), entity_id, day, now)
        return None if activity is None else stored(activity)

    def table(self, scope: Scope) -> dict[tuple[str, date], Row]:
        """``ads.<scope>_metrics`` by entity and day."""
        query = f"SELECT {scope.id_column}, day, {MEASURES} FROM ads.{scope.metrics_table}"
        return {(entity_id, day): tuple(numbers) for entity_id, day, *numbers in self.rows(query)}


def stored(activity: Activity) -> Row:
    """The API's exact numbers as columns; conversion value as it follows from the ROAS served."""
    spend = Decimal(activity.spend_cents) / 100
    value = None
    if activity.value_cents is not None:
        floored = max(spend, Decimal("0.01"))
        roas = round(activity.value_cents / 100 / max(activity.spend_cents / 100, 0.01), RATIO_DIGITS)
        value = (Decimal(repr(roas)) * floored).quantize(Decimal("0.0001"))
    return spend, activity.impressions, activity.clicks, activity.conversions, value


def asked_for(entities: Iterable[Entity], window: DayWindow) -> dict[Entity, list[DayWindow]]:
    """What a run that may settle a day asks for: ``window`` of each, of accounts a look at the running day too."""
    glimpsed = DayWindow(window.since, window.until + ONE_DAY)
    return {entity: [glimpsed if entity[0] == "ad_account" else window] for entity in entities}


def refusing(entity: str, **more: Any) -> Fault:
    """A fault that is no use retrying: the API answers 409 for one entity's metrics."""
    return Fault(
        effect="status", parameters={"status": 409, "code": "CONFLICT"}, path="ads-metrics", entity=entity, **more
    )


def morning(number: int) -> datetime:
    """06:00Z, so many days after the first morning."""
    return FIRST_MORNING + timedelta(days=number)


def last_days(at: datetime, days: int) -> DayWindow:
    """The last closed days before ``at``."""
    return DayWindow(at.date() - timedelta(days=days), at.date())


def one(query: Query, name: str) -> str:
    """The one value of a parameter."""
    values = [value for key, value in query if key == name]
    assert len(values) == 1, (name, query)
    return values[0]


def day_of(query: Query, name: str) -> date:
    """A parameter as a day."""
    return date.fromisoformat(one(query, name)[:10])


def once_each(asked: Sequence[Asked]) -> bool:
    """Whether no entity was asked for twice."""
    return max(Counter((scope, entity) for scope, entity, _ in asked).values(), default=0) <= 1
