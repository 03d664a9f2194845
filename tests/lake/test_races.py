"""One publishes at a time; where the lock that sees to that is lost, DuckLake itself refuses the second of two."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from layers_etl.domain.lake import Lake
from layers_etl.errors import LakeError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.lake.attachment import attach, attached, hold_publication
from layers_etl.warehouse.publishing import Publication, load_state_id

from ..harness.postgres import Postgres
from ..warehouse.builders import A, derive, land, opened, reading, spends, utc, window
from .builders import ask, publish, publisher, snapshots

pytestmark = pytest.mark.slow

DAYS = window(1, 3)
KEYS_TWICE = "SELECT campaign_id, day FROM ads.campaign_metrics GROUP BY ALL HAVING count(*) > 1"


def land_and_derive(warehouse: Warehouse, spend: int) -> None:
    land(warehouse, reading(A, DAYS, utc(3, 30, spend), spends(DAYS, spend)))
    derive(warehouse)


def race(lake: Lake, *warehouses: Warehouse) -> list[BaseException | None]:
    """All publish at once, as if none had to wait: each commits once all have written; what became of each."""
    together = threading.Barrier(len(warehouses), timeout=60)
    with duckdb.connect() as connection:
        attach(connection, lake, read_only=False)

    def wait() -> None:
        together.wait()

    def publish_unlocked(warehouse: Warehouse) -> None:
        publication = Publication(load_state_id(warehouse), f"run_{id(warehouse)}", utc(3, 5), utc(3, 5), None)
        with attached(warehouse, lake) as connection:
            publisher(lake).write(connection, warehouse, publication, wait)

    with ThreadPoolExecutor(len(warehouses)) as pool:
        return [future.exception() for future in [pool.submit(publish_unlocked, each) for each in warehouses]]


def test_ducklake_alone_lets_two_write_the_same_key(in_postgres: Lake) -> None:
    """Which is why there are a lock and a row that every publication replaces; without the hole they could go."""
    connections = [duckdb.connect() for _ in range(2)]
    for connection in connections:
        attach(connection, in_postgres, read_only=False)
    connections[0].execute("CREATE TABLE lake.t AS SELECT 0 AS key")
    for connection in connections:
        connection.execute("BEGIN TRANSACTION")
        connection.execute("DELETE FROM lake.t WHERE key = 1")
        connection.execute("INSERT INTO lake.t VALUES (1)")
    for connection in connections:
        connection.execute("COMMIT")
    assert connections[0].execute("SELECT count(*) FROM lake.t WHERE key = 1").fetchall() == [(2,)]


@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_that_lost_their_lock_one_is_published_and_no_key_is_twice(
    in_postgres: Lake, tmp_path: Path, *, is_first: bool
) -> None:
    with opened(tmp_path / "1") as warehouse:
        land_and_derive(warehouse, 1)
        if not is_first:
            publish(warehouse, in_postgres, "run_0")
    before = 0 if is_first else 1
    shutil.copytree(tmp_path / "1", tmp_path / "2")
    with ExitStack() as stack:
        warehouses = [stack.enter_context(opened(tmp_path / name)) for name in ("1", "2")]
        for number, warehouse in enumerate(warehouses, start=2):
            land_and_derive(warehouse, number)
        ended = race(in_postgres, *warehouses)
    assert sum(error is None for error in ended) == 1, ended
    assert len(snapshots(in_postgres)) == before + 1
    assert ask(in_postgres, KEYS_TWICE) == []
    ((spend,),) = ask(in_postgres, "SELECT DISTINCT spend::INTEGER FROM ads.campaign_metrics")
    assert spend == 2 + [error is None for error in ended].index(True)


def test_a_publication_waits_for_another_says_so_and_goes_on(
    in_postgres: Lake, warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    land_and_derive(warehouse, 1)
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with hold_publication(in_postgres):
            held.set()
            let_go.wait(60)

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait(60)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(publish, warehouse, in_postgres)
        wait_until(lambda: "waiting for it to finish" in caplog.text)
        assert not waiting.done()
        let_go.set()
        assert waiting.result(60)
    holding.join()


def test_a_lost_lock_ends_the_publication_before_it_is_one(
    in_postgres: Lake, postgres: Postgres, warehouse: Warehouse
) -> None:
    land_and_derive(warehouse, 1)
    publish(warehouse, in_postgres, "run_1")
    land_and_derive(warehouse, 2)
    publication = Publication(load_state_id(warehouse), "run_2", utc(3, 6), utc(3, 6), None)
    with hold_publication(in_postgres) as ensure_held, attached(warehouse, in_postgres) as connection:
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND application_name = 'layers_etl'"
        )
        with pytest.raises(LakeError, match=r"cannot be reached.*try again"):
            publisher(in_postgres).write(connection, warehouse, publication, ensure_held)
    assert len(snapshots(in_postgres)) == 1
    assert publisher(in_postgres).publish(warehouse, publication)


def wait_until(is_so: Callable[[], bool]) -> None:
    given_up = threading.Event()
    for _ in range(6000):
        if is_so():
            return
        given_up.wait(0.01)
    raise AssertionError("it never came so far")
