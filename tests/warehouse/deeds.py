"""What can happen to a warehouse between two publications, drawn at random."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.settling import apply_settling_times

from .builders import SETTLE_HOURS, A, B, account, campaign, derive, land, march, reading, spends, utc

windows = st.tuples(st.integers(1, 25), st.integers(1, 6)).map(
    lambda drawn: DayWindow(march(drawn[0]), march(drawn[0] + drawn[1]))
)


entities = st.sampled_from([A, B])
deeds = st.one_of(
    st.tuples(st.just("land"), entities, windows, st.integers(0, 3)),
    st.tuples(st.just("rename"), entities, st.sampled_from(["One", "Two"])),
    st.tuples(st.just("settle"), st.sampled_from([24, 72, 168])),
    st.tuples(st.just("derive")),
    st.tuples(st.just("publish")),
)


def live(warehouse: Warehouse, happening: list[tuple[Any, ...]]) -> Iterator[None]:
    """Have it happen to an empty warehouse; a moment to look is wherever one is to publish."""
    upsert_entities(warehouse, AD_ACCOUNT, ["prj_1"], [account()], utc(3, 1))
    names = {A: "A", B: "B"}
    list_campaigns(warehouse, names)
    apply_settling_times(warehouse, SettlingTimes(SETTLE_HOURS))
    for number, (what, *how) in enumerate(happening):
        match what, how:
            case "land", [key, days, spend]:
                read_at = utc(4, 1) + timedelta(minutes=number)
                land(warehouse, reading(key, days, read_at, spends(days, spend) if spend else {}))
            case "rename", [key, name]:
                names[key] = name
                list_campaigns(warehouse, names)
            case "settle", [hours]:
                apply_settling_times(warehouse, SettlingTimes(hours))
            case "derive", _:
                derive(warehouse)
            case _:
                yield


def list_campaigns(warehouse: Warehouse, names: dict[EntityKey, str]) -> None:
    listed = [campaign(key.entity_id, name=name) for key, name in names.items()]
    upsert_entities(warehouse, CAMPAIGN, ["prj_1"], listed, utc(3, 1))
