"""``layers-etl run``: what is not settled yet, the marts, the published file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from layers_etl.cli.arguments import AsJson, DryRun, How, Quiet, instant_of
from layers_etl.cli.telling import tell_preview, tell_run

if TYPE_CHECKING:
    from layers_etl.cli.launch import LaunchResult
    from layers_etl.ingest.preview import Preview
    from layers_etl.ingest.progress import Progress


def run(
    as_of: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Instant the run stands for, like 2026-04-01T06:00:00Z; default: now."),
    ] = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
    as_json: AsJson = False,  # noqa: FBT002 - a flag
    quiet: Quiet = False,  # noqa: FBT002 - a flag
) -> None:
    """Read every day that is not settled yet, derive the marts, publish."""
    instant = instant_of(as_of) if as_of else None

    def load() -> Callable[[Progress], LaunchResult]:
        from layers_etl.cli.launch import launch_run
        from layers_etl.settings import load_settings

        return lambda progress: launch_run(load_settings(), instant, progress)

    def load_preview() -> Callable[[Progress], Preview]:
        from layers_etl.ingest.preview import preview
        from layers_etl.ingest.request import RunRequest
        from layers_etl.settings import load_settings

        return lambda progress: preview(load_settings(), RunRequest(as_of=instant), progress)

    how = How(quiet, as_json)
    if dry_run:
        tell_preview("run", load_preview, how)
    tell_run("run", load, how)
