"""``layers-etl backtest``: how well projecting would have done."""

from __future__ import annotations

from layers_etl.cli.output import out
from layers_etl.process.terminal import ensure_all_was_taken


def backtest() -> None:
    """Say how well the projected settled values would have done on this warehouse, against not projecting."""
    from layers_etl.cli.console import print_backtest
    from layers_etl.cli.newest import newest_warehouse
    from layers_etl.ingest.outstanding import scopes_at_hand
    from layers_etl.settings import load_settings
    from layers_etl.warehouse.projections import backtest_scope

    settings = load_settings()
    with newest_warehouse(settings) as warehouse:
        for scope in scopes_at_hand(warehouse, settings):
            print_backtest(scope.name, backtest_scope(warehouse, scope, settings.settle_hours), out)
    ensure_all_was_taken()
