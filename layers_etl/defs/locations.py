"""The code location: what one Dagster knows this key's definitions by, beside those of other keys if it runs several.

Dagster knows an asset by its key alone, whatever location it comes from: of two keys' ``campaign_metrics`` it would
mix what landed, and launch one where the other was meant.
"""

from typing import Final

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME

LOCATION: Final = "layers_etl"
"""As ``workspace.yaml`` names it: the one location, where the settings name none."""


def asset_key(name: str, location: str | None) -> dg.AssetKey:
    """The asset's key: its name, below that of the ``location`` where the settings name one."""
    return dg.AssetKey([location, name] if location else [name])


def asset_name(key: dg.AssetKey) -> str:
    """What the pipeline calls the asset."""
    return key.path[-1]


def repository_label(location: str) -> str:
    """As Dagster tags all runs of a code location, whoever launched them."""
    return f"{SINGLETON_REPOSITORY_NAME}@{location}"
