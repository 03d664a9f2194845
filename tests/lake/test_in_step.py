"""Whatever happens between publications, the lake has in the end what the build file has, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.lake import Catalog, lake_of

from ..examples import examples
from ..warehouse.builders import opened
from ..warehouse.deeds import deeds, live
from .builders import differences, publish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@settings(derandomize=True, deadline=None, max_examples=examples(3))
@given(st.lists(deeds, min_size=4, max_size=12))
def test_for_all_that_can_happen_the_lake_is_in_step_after_every_publication(
    tmp_path_factory: pytest.TempPathFactory, happening: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("lake")
    lake = lake_of(Catalog(file=folder / "lake.ducklake"), None)
    with opened(folder) as warehouse:
        for number, _ in enumerate(live(warehouse, [*happening, ("publish",)])):
            publish(warehouse, lake, f"run_{number}")
        warehouse.connection.execute("CHECKPOINT")
    assert differences(lake, folder / "build.duckdb") == {}
