"""Kill it anywhere: the file opens, every batch is whole or absent, and what was acknowledged is there."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.published_file import PublishedFile

from .builders import derive, opened, rows
from .processes import other_process
from .writer import DAYS, ENTITIES

pytestmark = pytest.mark.slow


def last_number(said: list[str], word: str) -> int:
    """The number of the last line that begins with ``word``; 0 without one."""
    return max((int(line.split()[1]) for line in said if line.startswith(f"{word} ")), default=0)


def assert_whole(warehouse: Readable) -> int:
    """Every batch is whole or absent; how many there are."""
    landed, remainder = divmod(rows(warehouse, "SELECT count(*) FROM ops.readings")[0][0], len(ENTITIES))
    assert remainder == 0
    if landed:
        days = len(ENTITIES) * len(DAYS)
        found = rows(warehouse, "SELECT spend, count(*) FROM ads.campaign_metrics GROUP BY ALL")
        assert found == [(Decimal(landed), days)]
        superseded = rows(warehouse, "SELECT spend, count(*) FROM ads.campaign_metrics_history GROUP BY ALL ORDER BY 1")
        assert superseded == [(Decimal(batch), days) for batch in range(1, landed)]
        covered = rows(warehouse, "SELECT count(*), count(DISTINCT entity_id) FROM ops.coverage")
        assert covered == [(len(ENTITIES), len(ENTITIES))]
    return landed


def live_through_a_kill(folder: Path, lines_before: int, before: int) -> int:
    """Start a writer, kill it after so many of its lines; how many batches are there afterwards."""
    with other_process("-m", "tests.warehouse.writer", "land", str(folder)) as writer:
        said = [writer.hear() for _ in range(lines_before)]
        said += writer.kill()
    acknowledged = max(last_number(said, "landed"), before)
    published = last_number(said, "published")
    with opened(folder) as warehouse:
        landed = assert_whole(warehouse)
        assert acknowledged <= landed <= acknowledged + 1
        assert not list(folder.glob("*.unfinished*"))
        derive(warehouse)
        mart = rows(warehouse, "SELECT spend, count(*) FROM marts.campaign_daily GROUP BY ALL")
        assert mart == ([(Decimal(landed), len(ENTITIES) * len(DAYS))] if landed else [])
    with PublishedFile(folder / "warehouse.duckdb").open() as analyst:
        assert (analyst is not None) or published == 0
        if analyst:
            assert assert_whole(analyst) >= published
    return landed


def test_killed_while_writing_every_batch_is_whole_or_absent_and_the_marts_catch_up(tmp_path: Path) -> None:
    random, landed = Random(11), 0
    for _ in range(2):
        landed = live_through_a_kill(tmp_path, random.randrange(3, 8), landed)
    assert landed >= 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_many_times_every_batch_is_whole_or_absent_and_the_marts_catch_up(tmp_path: Path) -> None:
    random, landed = Random(12), 0
    for _ in range(3):
        landed = live_through_a_kill(tmp_path, random.randrange(12), landed)
