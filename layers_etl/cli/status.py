"""``layers-etl status``: how the warehouse stands."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Annotated

import typer

from layers_etl.cli.arguments import instant_of
from layers_etl.cli.output import out
from layers_etl.process.terminal import ensure_all_was_taken, write_data


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")] = False,  # noqa: FBT002
    as_of: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="As it stands at this instant; default: now.")
    ] = None,
) -> None:
    """Show by account what is settled, provisional and missing, and how the last run went."""
    from layers_etl.cli.console import print_status, status_document
    from layers_etl.cli.newest import newest_warehouse
    from layers_etl.ingest.status import examine_status
    from layers_etl.settings import load_settings

    settings = load_settings()
    with newest_warehouse(settings) as warehouse:
        standing = examine_status(warehouse, settings, instant_of(as_of) if as_of else datetime.now(UTC))
    if as_json:
        write_data(io.BytesIO(f"{status_document(standing)}\n".encode()))
    else:
        print_status(standing, out)
    ensure_all_was_taken()
