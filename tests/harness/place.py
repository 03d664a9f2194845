"""A data folder in front of a simulated API: what there is to ask and see, however runs are made there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.sandbox.entities import Campaign, Platform, Project
from layers_etl.sandbox.exchange import Query
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.journal import RequestRecord
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION

from .truth import Row, said, truth

Entity = tuple[str, str]
"""``(scope, id)`` as the API spells them."""

Asked = tuple[str, str, DayWindow]
"""Scope, id, and the days asked for."""


@dataclass
class Place:
    """What is fed from ``sandbox`` into ``data_dir``."""

    sandbox: SandboxServer
    data_dir: Path

    # Files --------------------------------------------------------------------------------------------------------

    @property
    def published(self) -> Path:
        """The file analysts open."""
        return self.data_dir / "warehouse.duckdb"

    @property
    def build(self) -> Path:
        """The writer's file."""
        return self.data_dir / "build.duckdb"

    def query(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """Rows of the published file, as an analyst gets them."""
        return rows_of(self.published, sql, *parameters)

    # What goes wrong, and what was asked --------------------------------------------------------------------------

    @contextmanager
    def broken(self, *faults: Fault) -> Generator[None]:
        """The simulated API misbehaves for the length of the block."""
        for fault in faults:
            self.sandbox.add_fault(fault)
        try:
            yield
        finally:
            self.sandbox.clear_faults()

    def asked(self, granularity: str = "day") -> list[Asked]:
        """The metrics the sandbox was asked for since its requests were last cleared, in the order they came."""
        return [
            (one(record.query, "scope"), entity_of(record), window_of(record))
            for record in self.sandbox.requests()
            if ("granularity", granularity) in record.query
        ]

    def request_ids(self, entity_id: str) -> list[str]:
        """The ids under which the API answered for an entity's metrics since then, in order."""
        return [record.request_id for record in self.sandbox.requests() if ("id", entity_id) in record.query]

    # The world ----------------------------------------------------------------------------------------------------

    @property
    def projects(self) -> list[Project]:
        """All projects of the world."""
        return self.sandbox.world.projects(ORGANIZATION)

    @property
    def project_id(self) -> str:
        """The first of them."""
        return self.projects[0].id

    def campaigns(self, at: datetime | None = None) -> list[str]:
        """The campaigns that are listed at ``at`` (now), account by account."""
        return [campaign.id for campaign in self._campaigns(at)]

    def accounts(self) -> list[str]:
        """All ad accounts."""
        return list(self.listed(AD_ACCOUNT))

    def entities(self) -> list[Entity]:
        """Everything a run may ask for."""
        return [("ad_account", account) for account in self.accounts()] + [
            ("campaign", campaign) for campaign in self.campaigns()
        ]

    def campaign_named(self, beginning: str) -> str:
        """The first campaign whose name begins so."""
        return next(campaign.id for campaign in self._campaigns() if campaign.name.startswith(beginning))

    def listed(self, scope: Scope, at: datetime | None = None) -> dict[str, Platform | None]:
        """The ids of ``scope`` that the API lists at ``at`` (now), with their platform."""
        world = self.sandbox.world
        match scope.name:
            case "project":
                return {project.id: None for project in self.projects}
            case "ad_account":
                return {each.id: each.platform for project in self.projects for each in world.accounts(project.id)}
            case "campaign":
                return {campaign.id: campaign.platform for campaign in self._campaigns(at)}
            case "adset":
                return {
                    each.id: campaign.platform for campaign in self._campaigns(at) for each in world.adsets(campaign)
                }
            case _:
                return {
                    each.id: campaign.platform
                    for campaign in self._campaigns(at)
                    for adset in world.adsets(campaign)
                    for each in world.ads(adset)
                }

    def said(self, scope: str, entity_id: str, day: date, at: datetime | None = None) -> Row | None:
        """What the API says of an entity's day at ``at`` (now), as the warehouse stores it; None: no bucket."""
        return said(self.sandbox.world, scope, entity_id, day, at or self.sandbox.clock.now())

    def truth(self, scope: Scope, since: date, at: datetime | None = None) -> dict[tuple[str, date], Row]:
        """What the API says at ``at`` (now) of all closed days of ``scope`` from ``since`` on."""
        now = at or self.sandbox.clock.now()
        days = DayWindow(since, now.date())
        return truth(self.sandbox.world, scope.name, self.listed(scope, now), days, now)

    def spenders(self, at: datetime | None = None) -> list[str]:
        """The campaigns that spend on each of the last four days before ``at`` (now)."""
        now = at or self.sandbox.clock.now()
        days = Counter(campaign_id for campaign_id, _ in self.truth(CAMPAIGN, now.date() - 4 * ONE_DAY, now))
        return [campaign_id for campaign_id, number in days.items() if number == 4]

    def _campaigns(self, at: datetime | None = None) -> list[Campaign]:
        now = at or self.sandbox.clock.now()
        return [each for project in self.projects for each in self.sandbox.world.campaigns(project.id, now)]


def rows_of(path: Path, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """Rows of a DuckDB file, opened read-only."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cursor = connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def entity_of(record: RequestRecord) -> str:
    """The entity a metrics request asked about."""
    return one(record.query, "id")


def window_of(record: RequestRecord) -> DayWindow:
    """The days a metrics request asked for."""
    since, until = (date.fromisoformat(one(record.query, name)[:10]) for name in ("since", "until"))
    return DayWindow(since, until)


def one(query: Query, name: str) -> str:
    """The one value of a parameter."""
    values = [value for key, value in query if key == name]
    assert len(values) == 1, (name, query)
    return values[0]
