"""A lake whose files are in an object store, behind credentials that only the environment has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from layers_etl.domain.lake import Catalog, Lake, lake_of
from layers_etl.errors import LakeError
from layers_etl.warehouse.connection import Warehouse

from ..harness.object_store import KEY, SECRET, ObjectStore, running_object_store
from ..harness.postgres import Postgres
from .builders import ask, differences, publish, publisher, snapshots
from .test_publishing import live

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def object_store(pytestconfig: pytest.Config) -> Iterator[ObjectStore]:
    with running_object_store(pytestconfig.cache) as store:
        yield store


@pytest.fixture
def in_bucket(
    object_store: ObjectStore,
    postgres: Postgres,
    password: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Lake:
    """A lake that nobody has made yet, with its catalog in Postgres and its files in a bucket of its own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    name = f"bucket-{abs(hash(request.node.name))}"
    catalog = Catalog(server=postgres.server("lake"), schema=name.replace("-", "_"))
    return lake_of(catalog, f"{object_store.make_bucket(name)}/published", object_store.address)


def test_another_machine_begins_from_it(in_bucket: Lake, warehouse: Warehouse) -> None:
    live(warehouse)
    publish(warehouse, in_bucket)
    other = warehouse.path.with_name("other.duckdb")
    publisher(in_bucket).restore(other)
    assert differences(in_bucket, other).keys() == {'ops."views"'}


def test_an_object_store_that_is_gone_costs_a_sentence_and_the_next_publication_makes_it_good(
    in_bucket: Lake, warehouse: Warehouse, object_store: ObjectStore, password: str
) -> None:
    live(warehouse)
    publish(warehouse, in_bucket)
    live(warehouse, spend=2, hour=7)
    object_store.stop()
    try:
        with pytest.raises(LakeError, match="cannot be published to") as told:
            publish(warehouse, in_bucket, "run_2")
    finally:
        object_store.start()
    assert not [secret for secret in (SECRET, KEY, password) if secret in str(told.value)]
    assert ask(in_bucket, "SELECT DISTINCT spend::INTEGER FROM ads.campaign_metrics") == [(1,)]
    assert publish(warehouse, in_bucket, "run_2")
    assert len(snapshots(in_bucket)) == 2
    path = warehouse.path
    warehouse.close()
    assert differences(in_bucket, path) == {}
