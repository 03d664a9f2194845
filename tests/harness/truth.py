"""What the simulated API has to say, as the warehouse is to hold it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from layers_etl.domain.days import DayWindow
from layers_etl.sandbox.activity import Activity
from layers_etl.sandbox.entities import Ad, AdSet, Platform, Project, Scope
from layers_etl.sandbox.metrics import RATIO_DIGITS, reach
from layers_etl.sandbox.world import Entity, World

MEASURES: Final = "spend, impressions, clicks, conversions, conversion_value, reach, frequency"

Row = tuple[Any, ...]
"""The values of :data:`MEASURES`."""

Table = dict[tuple[str, date], Row]
"""By entity and day."""


def said(world: World, scope: str, entity_id: str, day: date, at: datetime) -> Row | None:
    """What the API says at ``at`` of one entity's day; None: no bucket. ``LookupError`` where the entity is unknown."""
    activity = world.activity(Scope(scope), entity_id, day, at)
    return None if activity is None else as_stored(world, scope, entity_id, activity, at)


def truth(world: World, scope: str, entity_ids: Iterable[str], days: DayWindow, at: datetime) -> Table:
    """What the API says at ``at`` of all ``days`` of these entities."""
    return {
        (entity_id, day): row
        for entity_id in entity_ids
        for day in days
        if (row := said(world, scope, entity_id, day, at))
    }


def as_stored(world: World, scope: str, entity_id: str, activity: Activity, at: datetime) -> Row:
    """The API's exact numbers as columns; conversion value as it follows from the ROAS that is served."""
    entity = world.find(Scope(scope), entity_id, at)
    assert entity, f"no {scope} {entity_id} at {at}"
    project = world.project(project_of(entity))
    assert project
    people = reach(activity.impressions, project.audience)
    has_frequency = platform_of(entity) is Platform.META
    frequency = round(activity.impressions / max(people, 1), RATIO_DIGITS) if has_frequency else None
    spend = Decimal(activity.spend_cents) / 100
    counts = (activity.impressions, activity.clicks, activity.conversions)
    return (spend, *counts, _conversion_value(activity, spend), people, frequency)


def project_of(entity: Entity) -> str:
    """The id of the project it belongs to, or is."""
    match entity:
        case Project():
            return entity.id
        case AdSet():
            return entity.campaign.project_id
        case Ad():
            return entity.adset.campaign.project_id
        case _:
            return entity.project_id


def platform_of(entity: Entity) -> Platform | None:
    """The platform it is on; None of a project, which may be on several."""
    match entity:
        case Project():
            return None
        case AdSet():
            return entity.campaign.platform
        case Ad():
            return entity.adset.campaign.platform
        case _:
            return entity.platform


def _conversion_value(activity: Activity, spend: Decimal) -> Decimal | None:
    if activity.value_cents is None:
        return None
    roas = round(activity.value_cents / 100 / max(activity.spend_cents / 100, 0.01), RATIO_DIGITS)
    return (Decimal(repr(roas)) * max(spend, Decimal("0.01"))).quantize(Decimal("0.0001"))
