"""A warehouse that was lived through: a month read at once, then some mornings while the platforms backfill."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from layers_etl.domain.lake import Catalog
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION, WorldConfig

from ..harness.pipeline import Pipeline

WORLD: Final = WorldConfig(projects=1, accounts=3, campaigns=4, starts_at=datetime(2025, 11, 20, tzinfo=UTC))
START: Final = date(2026, 3, 5)
FIRST_MORNING: Final = datetime(2026, 4, 1, 6, tzinfo=UTC)
MORNINGS: Final = 5
MORNING_OF_THE_RENAMING: Final = 2


LAKE: Final = "lake.ducklake"
"""Beside the published file, for who asks for one too."""


def live(folder: Path, *, lake: bool = False) -> None:
    """Live through it in ``folder``, and publish; to a ``lake`` too. On the way a campaign gets another name."""
    others = {"warehouse": Catalog(file=folder / LAKE)} if lake else {}
    with SandboxServer(WORLD, now=FIRST_MORNING) as sandbox:
        pipeline = Pipeline(sandbox, folder, {"start_date": START, **others})
        for morning in range(MORNINGS):
            if morning == MORNING_OF_THE_RENAMING:
                sandbox.world.update_campaign(
                    active_campaigns(sandbox)[0], name="Renamed | Spring", daily_budget_cents=12_300
                )
            pipeline.run(FIRST_MORNING + timedelta(days=morning), publish=True)
        pipeline.let_go()


def active_campaigns(sandbox: SandboxServer, account_id: str | None = None) -> list[str]:
    """Campaigns that had spend on the day before the first morning."""
    (project,) = sandbox.world.projects(ORGANIZATION)
    day = (FIRST_MORNING - timedelta(days=1)).date()
    return [
        campaign.id
        for campaign in sandbox.world.campaigns(project.id, FIRST_MORNING)
        if (activity := sandbox.world.settled_campaign_day(campaign.id, day))
        and activity.spend_cents > 0
        and (account_id is None or campaign.account_id == account_id)
    ]
