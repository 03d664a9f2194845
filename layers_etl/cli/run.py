"""``layers-etl run``: what is not settled yet, the marts, the published file."""

from __future__ import annotations

from typing import Annotated

import typer

from layers_etl.cli.arguments import instant_of
from layers_etl.cli.telling import tell_run


def run(
    as_of: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Instant the run stands for, like 2026-04-01T06:00:00Z; default: now."),
    ] = None,
) -> None:
    """Read every day that is not settled yet, derive the marts, publish."""
    from layers_etl.cli.launch import launch_run
    from layers_etl.settings import load_settings

    instant = instant_of(as_of) if as_of else None
    tell_run(lambda: launch_run(load_settings(), instant))
