"""``layers-etl backfill``: every day of a range again, the marts, the published file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from layers_etl.cli.arguments import AsJson, DryRun, How, Quiet, day_of
from layers_etl.cli.telling import tell_preview, tell_run
from layers_etl.domain.days import DayWindow
from layers_etl.errors import ConfigurationError

if TYPE_CHECKING:
    from layers_etl.cli.launch import LaunchResult
    from layers_etl.ingest.preview import Preview
    from layers_etl.ingest.progress import Progress


def backfill(
    since: Annotated[str, typer.Option(metavar="DAY", help="UTC day like 2026-04-01.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="Day after the last one to read.")],
    campaign: Annotated[list[str] | None, typer.Option(metavar="ID", help="This campaign only; repeatable.")] = None,
    ad_account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="This ad account and its campaigns only; repeatable.")
    ] = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
    as_json: AsJson = False,  # noqa: FBT002 - a flag
    quiet: Quiet = False,  # noqa: FBT002 - a flag
) -> None:
    """Read every day from SINCE until UNTIL (exclusive) again, settled or not, derive the marts, publish."""
    first, end = day_of(since), day_of(until)
    if first >= end:
        raise ConfigurationError(f"--until {end} is not after --since {first}; it is the day after the last to read.")
    window = DayWindow(first, end)

    def load() -> Callable[[Progress], LaunchResult]:
        from layers_etl.cli.launch import launch_backfill
        from layers_etl.settings import load_settings

        return lambda progress: launch_backfill(load_settings(), window, campaign or (), ad_account or (), progress)

    def load_preview() -> Callable[[Progress], Preview]:
        from layers_etl.ingest.preview import preview
        from layers_etl.ingest.request import RunKind, RunRequest
        from layers_etl.settings import load_settings

        request = RunRequest(
            RunKind.BACKFILL,
            campaign_ids=frozenset(campaign or ()),
            ad_account_ids=frozenset(ad_account or ()),
            window=window,
        )
        return lambda progress: preview(load_settings(), request, progress)

    how = How(quiet, as_json)
    if dry_run:
        tell_preview("backfill", load_preview, how)
    tell_run("backfill", load, how)
