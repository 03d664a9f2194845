"""Up to where the published file says it is final."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION, WorldConfig
from layers_etl.warehouse.published_file import PublishedFile

from ..harness.instants import FIRST_MORNING, morning
from ..harness.pipeline import Pipeline

WORLD = WorldConfig(projects=2, accounts=1, campaigns=2)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline over two projects that has run once."""
    with SandboxServer(WORLD, now=FIRST_MORNING) as server:
        living = Pipeline(server, tmp_path)
        living.run()
        yield living
        living.let_go()


def settled_until(pipeline: Pipeline) -> date | None:
    with PublishedFile(pipeline.settings.published_path).open() as published:
        publication = published.publication if published else None
    assert publication
    unsettled = pipeline.rows("SELECT min(day) FROM ads.campaign_metrics WHERE NOT settled")[0][0]
    assert publication.settled_until is None or unsettled is None or publication.settled_until <= unsettled
    return publication.settled_until


@pytest.mark.slow
def test_an_archived_project_holds_it_back_until_its_days_have_settled(pipeline: Pipeline) -> None:
    _, project = pipeline.sandbox.world.projects(ORGANIZATION)
    pipeline.sandbox.world.update_project(project.id, status="archived")
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 409}, path=f"{project.id}/ads-metrics"))
    pipeline.run(morning(5), publish=True)
    assert settled_until(pipeline) == date(2026, 3, 29)

    pipeline.sandbox.clear_faults()
    pipeline.run(morning(6), publish=True)
    assert settled_until(pipeline) == date(2026, 4, 4)
