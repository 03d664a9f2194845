"""``layers-etl backfill``: every day of a range again, the marts, the published file."""

from __future__ import annotations

from typing import Annotated

import typer

from layers_etl.cli.arguments import Quiet, day_of
from layers_etl.cli.telling import Launch, tell_run
from layers_etl.domain.days import DayWindow
from layers_etl.errors import ConfigurationError


def backfill(
    since: Annotated[str, typer.Option(metavar="DAY", help="UTC day like 2026-04-01.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="Day after the last one to read.")],
    campaign: Annotated[list[str] | None, typer.Option(metavar="ID", help="This campaign only; repeatable.")] = None,
    ad_account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="This ad account and its campaigns only; repeatable.")
    ] = None,
    quiet: Quiet = False,  # noqa: FBT002 - a flag
) -> None:
    """Read every day from SINCE until UNTIL (exclusive) again, settled or not, derive the marts, publish."""
    first, end = day_of(since), day_of(until)
    if first >= end:
        raise ConfigurationError(f"--until {end} is not after --since {first}; it is the day after the last to read.")

    def load() -> Launch:
        from layers_etl.cli.launch import launch_backfill
        from layers_etl.settings import load_settings

        window = DayWindow(first, end)
        return lambda progress: launch_backfill(load_settings(), window, campaign or (), ad_account or (), progress)

    tell_run(load, quiet=quiet)
