"""``layers-etl backtest``: how well projecting would have done."""

from __future__ import annotations

from layers_etl.cli.arguments import AsJson
from layers_etl.cli.output import out, write_document
from layers_etl.process.terminal import ensure_all_was_taken


def backtest(
    as_json: AsJson = False,  # noqa: FBT002 - a flag
) -> None:
    """Say how well the projected settled values would have done on this warehouse, against not projecting."""
    from layers_etl.cli.console import print_backtest
    from layers_etl.cli.newest import newest_warehouse
    from layers_etl.ingest.outstanding import scopes_at_hand
    from layers_etl.settings import load_settings
    from layers_etl.warehouse.projections import backtest_scope

    settings = load_settings()
    with newest_warehouse(settings) as warehouse:
        scores = {
            scope.name: backtest_scope(warehouse, scope, settings.settle_hours)
            for scope in scopes_at_hand(warehouse, settings)
        }
    if as_json:
        write_document({"scopes": [{"scope": name, "scores": found.to_dicts()} for name, found in scores.items()]})
    else:
        for name, found in scores.items():
            print_backtest(name, found, out)
    ensure_all_was_taken()
