"""``layers-etl status``: how the warehouse stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from layers_etl.cli.arguments import AsJson, instant_of
from layers_etl.cli.output import out, write_document
from layers_etl.process.terminal import ensure_all_was_taken


def status(
    as_json: AsJson = False,  # noqa: FBT002 - a flag
    as_of: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="As it stands at this instant; default: now, or when the demo ended."),
    ] = None,
) -> None:
    """Show by account what is settled, provisional and missing, and how the last run went."""
    from layers_etl.cli.console import print_status
    from layers_etl.cli.demo_clock import demo_of
    from layers_etl.cli.newest import newest_warehouse
    from layers_etl.ingest.status import examine_status
    from layers_etl.settings import load_settings

    settings = load_settings()
    with newest_warehouse(settings) as warehouse:
        demo = demo_of(warehouse, settings.data_dir)
        instant = instant_of(as_of) if as_of else demo.instant if demo else datetime.now(UTC)
        standing = examine_status(warehouse, demo.settings_over(settings) if demo else settings, instant)
    if as_json:
        write_document(standing)
    else:
        if demo:
            out.print("The demo's warehouse, by the demo's own clock, which stands still.")
        print_status(standing, out)
    ensure_all_was_taken()
