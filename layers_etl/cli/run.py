"""``layers-etl run``: what is not settled yet, the marts, the published file."""

from __future__ import annotations

from typing import Annotated

import typer

from layers_etl.cli.arguments import Quiet, instant_of
from layers_etl.cli.telling import Launch, tell_run


def run(
    as_of: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Instant the run stands for, like 2026-04-01T06:00:00Z; default: now."),
    ] = None,
    quiet: Quiet = False,  # noqa: FBT002 - a flag
) -> None:
    """Read every day that is not settled yet, derive the marts, publish."""
    instant = instant_of(as_of) if as_of else None

    def load() -> Launch:
        from layers_etl.cli.launch import launch_run
        from layers_etl.settings import load_settings

        return lambda progress: launch_run(load_settings(), instant, progress)

    tell_run(load, quiet=quiet)
