"""``layers-etl demo``: two weeks of simulated mornings."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from layers_etl.cli.output import err, out, tell_logs, tell_retries


def demo(
    lake: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--lake", help="Publish to a lake in the data folder too; needs the extra [lake].")
    ] = False,
) -> None:
    """Live through two weeks of simulated daily runs against the sandbox; needs no key."""
    from layers_etl.cli.two_weeks import live_through_two_weeks

    tell_logs(logging.WARNING, err.print)
    tell_retries()
    live_through_two_weeks(out, lake=lake)
