"""The promises of ``ingest/checks.py`` as Dagster's asset checks."""

from typing import Any

import dagster as dg

from layers_etl.defs.locations import asset_key
from layers_etl.ingest.checks import Check, Finding


def check_spec(check: Check, location: str | None) -> dg.AssetCheckSpec:
    """What the UI says of a check."""
    return dg.AssetCheckSpec(check.name, asset=asset_key(check.asset, location), description=check.promise)


def check_result(finding: Finding, location: str | None) -> dg.AssetCheckResult:
    """What was found, with sentences beside the numbers."""
    found = finding.found
    sentences = {"told": list(found.told), "wrong": found.wrong, "what_to_do": found.remedy}
    shown: dict[str, object] = {**found.facts, **{name: said for name, said in sentences.items() if said}}
    return dg.AssetCheckResult(
        asset_key=asset_key(finding.check.asset, location),
        check_name=finding.check.name,
        passed=found.passed,
        severity=dg.AssetCheckSeverity.WARN if found.only_warns else dg.AssetCheckSeverity.ERROR,
        metadata={name: _as_metadata(value) for name, value in shown.items()},
    )


def _as_metadata(value: object) -> Any:
    return dg.MetadataValue.json(value) if isinstance(value, list) else value
