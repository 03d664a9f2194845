"""A run that may fail quickly, and the truth that its warehouse is held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

from layers_etl.api import Timeouts
from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.metrics import derive_conversion_value
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run import Run
from layers_etl.sandbox.activity import Activity
from layers_etl.sandbox.entities import Platform
from layers_etl.sandbox.entities import Scope as ApiScope
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.metrics import RATIO_DIGITS, reach
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.runs import RunStatus, close_interrupted_runs

from .clients import IMPATIENT, connecting
from .fresh import fresh_warehouse, sandbox_settings
from .read_days import read_days

START: Final = date(2026, 3, 25)
MORNING: Final = datetime(2026, 4, 1, 6, tzinfo=UTC)
METRICS: Final = "ads-metrics$"
PERSISTENT: Final = replace(IMPATIENT, attempts=5)
QUICK: Final = Timeouts(total=0.4)

Row = tuple[Any, ...]
Table = dict[tuple[str, date], Row]
"""By entity and day: spend, impressions, clicks, conversions, conversion value, reach, frequency."""


@dataclass
class Station:
    """The warehouse in ``folder``, fed from ``sandbox``; ``options`` are further settings. Open until it is let go."""

    sandbox: SandboxServer
    folder: Path
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    our_clock: datetime | None = None
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _holding: ExitStack = field(default_factory=ExitStack)
    _warehouse: Warehouse | None = None

    @property
    def settings(self) -> Settings:
        """The settings of the next run."""
        return sandbox_settings(self.sandbox.url, self.folder, **({"start_date": START} | self.options))

    @property
    def warehouse(self) -> Warehouse:
        """The build file, opened at the first use."""
        if self._warehouse is None:
            settings = self.settings
            self._warehouse = self._holding.enter_context(fresh_warehouse(settings.build_path, settings.scopes))
        return self._warehouse

    def let_go(self) -> None:
        """Close the build file."""
        self._holding.close()

    def run(self, at: datetime = MORNING, *faults: Fault) -> RunStatus:
        """A scheduled run of the morning ``at``, with ``faults`` in force. An error that ends it goes on up."""
        self.sandbox.set_clock(at)
        self.sandbox.clear_requests()
        for fault in faults:
            self.sandbox.add_fault(fault)
        settings = self.settings
        window = DayWindow(settings.start_date, at.date())
        close_interrupted_runs(self.warehouse)
        run = Run(
            settings,
            self.warehouse,
            RunRequest(RunKind.RUN, window=window),
            run_id=f"run_{next(self._numbers)}",
            now=lambda: self.our_clock or at,
            connect=connecting(retry=PERSISTENT, timeouts=QUICK),
        )
        try:
            with closing(run):
                read_days(run, settings.scopes, window)
        finally:
            self.sandbox.clear_faults()
        ((status,),) = self.rows("SELECT status FROM ops.runs WHERE run_id = ?", [run.log.run_id])
        return RunStatus(status)

    # What is there ------------------------------------------------------------------------------------------------

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """What a query of the build file gives."""
        return self.warehouse.connection.execute(sql, list(parameters)).fetchall()

    def stored(self, scope: Scope) -> Table:
        """The metrics table of ``scope``."""
        found = self.rows(
            f"SELECT {scope.id_column}, day, spend, impressions, clicks, conversions, conversion_value, reach,"
            f" frequency FROM ads.{scope.metrics_table}"
        )
        return {(entity_id, day): tuple(numbers) for entity_id, day, *numbers in found}

    def truth(self, scope: Scope, at: datetime, since: date | None = None) -> Table:
        """What the API has of ``scope`` at ``at``, to the rounding in which it says it."""
        return {
            (entity_id, day): said
            for entity_id, platform in self.entities(scope, at).items()
            for day in DayWindow(since or self.settings.start_date, at.date())
            if (said := self._said(scope, entity_id, platform, day, at))
        }

    def entities(self, scope: Scope, at: datetime = MORNING) -> dict[str, Platform | None]:
        """The ids of ``scope`` that the API lists at ``at``, with their platform."""
        world = self.sandbox.world
        project_id = self.project_id
        campaigns = list(world.campaigns(project_id, at))
        adsets = [adset for campaign in campaigns for adset in world.adsets(campaign)]
        by_scope: dict[str, dict[str, Platform | None]] = {
            "project": {project_id: None},
            "ad_account": {account.id: account.platform for account in world.accounts(project_id)},
            "campaign": {campaign.id: campaign.platform for campaign in campaigns},
            "adset": {adset.id: adset.campaign.platform for adset in adsets},
            "ad": {ad.id: adset.campaign.platform for adset in adsets for ad in world.ads(adset)},
        }
        return by_scope[scope.name]

    @property
    def project_id(self) -> str:
        """The one project of the world."""
        return self.sandbox.world.projects(ORGANIZATION)[0].id

    def _said(self, scope: Scope, entity_id: str, platform: Platform | None, day: date, at: datetime) -> Row | None:
        activity = self.sandbox.world.activity(ApiScope(scope.name), entity_id, day, at)
        if activity is None:
            return None
        project = self.sandbox.world.project(self.project_id)
        assert project
        people = reach(activity.impressions, project.audience)
        frequency = round(activity.impressions / max(people, 1), RATIO_DIGITS) if platform is Platform.META else None
        spend = Decimal(activity.spend_cents) / 100
        counts = (activity.impressions, activity.clicks, activity.conversions)
        return (spend, *counts, _conversion_value(activity, spend), people, frequency)

    def untrue(self, at: datetime = MORNING, *, without: Sequence[str] = ()) -> dict[str, Any]:
        """Where the accounts' and campaigns' tables differ from the truth, but for the entities of ``without``."""
        return {
            f"{scope.name} {key}": (stored.get(key), truth.get(key))
            for scope in (AD_ACCOUNT, CAMPAIGN)
            for stored, truth in [(self.stored(scope), self.truth(scope, at))]
            for key in stored.keys() | truth.keys()
            if key[0] not in without and stored.get(key) != truth.get(key)
        }

    def spenders(self, at: datetime = MORNING) -> list[str]:
        """The campaigns that spend on each of the last four days before ``at``."""
        days = Counter(key[0] for key in self.truth(CAMPAIGN, at, at.date() - 4 * ONE_DAY))
        return [campaign_id for campaign_id, number in days.items() if number == 4]

    def request_ids(self, entity_id: str, status: int | None = None) -> list[str]:
        """The ids under which the API answered for an entity's metrics in the last run, the first first."""
        return [
            record.request_id
            for record in self.sandbox.requests()
            if ("id", entity_id) in record.query and status in (None, record.status)
        ]


def _conversion_value(activity: Activity, spend: Decimal) -> Decimal | None:
    if activity.value_cents is None:
        return None
    roas = round(activity.value_cents / 100 / max(activity.spend_cents / 100, 0.01), RATIO_DIGITS)
    return derive_conversion_value(spend, Decimal(repr(roas)))


def morning(number: int) -> datetime:
    """So many days after the first."""
    return MORNING + timedelta(days=number)
