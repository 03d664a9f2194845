"""What stands around the assets that a run brings up to date: where their rows come from, and what is made of them.

Dagster shows these and launches none: Layers' API, the projects (whose list begins every run), and the views, which
cost nothing until somebody asks.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import dagster as dg

from layers_etl.defs.locations import asset_key
from layers_etl.defs.metadata import made_by, table_definition
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT, WEEKLY_REACH_SCOPES, Scope
from layers_etl.warehouse.reconciliation_views import reconciliations_of
from layers_etl.warehouse.rollups import ACCOUNT_ROLLUPS, ENTITY_ROLLUPS, WEEK
from layers_etl.warehouse.tables import entity_table
from layers_etl.warehouse.views import view_definitions

SOURCE: Final = "layers_ads_api"
"""Where all rows come from."""

_FILES: Final = {
    **{scope.name: "entity_rollup" for scope, _ in ENTITY_ROLLUPS},
    **{name: "account_rollup" for name, _, _ in ACCOUNT_ROLLUPS},
}
"""Of the views of entities' and accounts' days, by whose they are: the SQL that makes them. The others reconcile."""

_VIEW_COMMENT: Final = re.compile(r"COMMENT ON VIEW (\S+) IS\s+((?:'(?:[^']|'')*'\s*)+);")
_STRING: Final = re.compile(r"'((?:[^']|'')*)'")


def specs_around(
    scopes: Sequence[Scope], owners: Sequence[str], base_url: str, location: str | None = None
) -> Iterator[dg.AssetSpec]:
    """The source at ``base_url``, the projects, and each view that ``scopes`` are enough for."""
    yield dg.AssetSpec(
        asset_key(SOURCE, location),
        description="What Layers' API says of ads: lists of projects, ad accounts and campaigns, and ads-metrics, one "
        "row per entity and UTC day. It serves a copy of the platforms that it syncs every six hours.",
        metadata={"address": dg.MetadataValue.url(base_url)},
        group_name="source",
        owners=owners,
        kinds={"api"},
    )
    yield dg.AssetSpec(
        asset_key(PROJECT.plural, location),
        deps=[asset_key(SOURCE, location)],
        description=entity_table(PROJECT).comment,
        metadata={**table_definition(entity_table(PROJECT)), **made_by("ingest/listing.py")},
        group_name="listings",
        owners=owners,
        kinds={"python", "duckdb"},
    )
    for view, deps in _views(scopes).items():
        yield dg.AssetSpec(
            asset_key(view, location),
            deps=[asset_key(dep, location) for dep in deps],
            description=_descriptions(tuple(scopes))[f"marts.{view}"],
            metadata=_view_definition(view),
            group_name="views",
            owners=owners,
            kinds={"duckdb", "view"},
        )


def _view_definition(view: str) -> dict[str, Any]:
    return {
        "dagster/table_name": f"marts.{view}",
        "dagster/storage_kind": "duckdb",
        **made_by(f"warehouse/sql/views/{_FILES.get(view.rpartition('_')[0], 'reconciliation')}.sql"),
    }


def _views(scopes: Sequence[Scope]) -> dict[str, list[str]]:
    """Each view in ``marts`` that people look at, and the assets it is made of."""
    views: dict[str, list[str]] = {}
    for scope, period in ENTITY_ROLLUPS:
        if scope in scopes:
            has_reach = period is WEEK and scope in WEEKLY_REACH_SCOPES
            reach = [scope.weekly_reach_table] if has_reach else []
            views[f"{scope.name}_{period.suffix}"] = [scope.daily_mart, *reach]
    if summed := _summed(scopes):
        views |= {f"{name}_{period.suffix}": [summed.daily_mart] for name, _, period in ACCOUNT_ROLLUPS}
    for each in reconciliations_of(scopes):
        views[each.view] = [each.child.metrics_table, each.parent.metrics_table]
    return views


def _summed(scopes: Sequence[Scope]) -> Scope | None:
    """What platforms and projects are sums of, as far as the settings tell."""
    return next((scope for scope in (AD_ACCOUNT, CAMPAIGN) if scope in scopes), None)


@cache
def _descriptions(scopes: tuple[Scope, ...]) -> dict[str, str]:
    """What the views' own comments say of them."""
    made = "\n".join(view_definitions((), scopes, _summed(scopes) or CAMPAIGN))
    return {view: "".join(_STRING.findall(text)).replace("''", "'") for view, text in _VIEW_COMMENT.findall(made)}
