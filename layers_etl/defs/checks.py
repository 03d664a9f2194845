"""Asset checks: the promises the tables make, held after every run."""

from collections.abc import Iterable, Sequence

import dagster as dg

from layers_etl.defs.resources import IngestionResource
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.checks import count_duplicate_keys, count_negative_primitives


def metrics_checks(scopes: Sequence[Scope]) -> Iterable[dg.AssetChecksDefinition]:
    """What must hold of every metrics table, whatever was read."""
    for scope in scopes:
        yield _keys_are_unique(scope)
        yield _no_primitive_is_negative(scope)


def _keys_are_unique(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="keys_are_unique", asset=scope.metrics_table, description="No entity and day has two rows, or a null key."
    )
    def keys_are_unique(ingestion: IngestionResource) -> dg.AssetCheckResult:
        duplicates = count_duplicate_keys(ingestion.ingestion.warehouse, scope)
        return dg.AssetCheckResult(passed=duplicates == 0, metadata={"duplicate_keys": duplicates})

    return keys_are_unique


def _no_primitive_is_negative(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="no_primitive_is_negative", asset=scope.metrics_table, description="Spend and counts are never below zero."
    )
    def no_primitive_is_negative(ingestion: IngestionResource) -> dg.AssetCheckResult:
        negative = count_negative_primitives(ingestion.ingestion.warehouse, scope)
        return dg.AssetCheckResult(passed=negative == 0, metadata={"negative_rows": negative})

    return no_primitive_is_negative
