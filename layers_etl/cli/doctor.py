"""``layers-etl doctor``: what is right, what is wrong, and what to do."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Annotated

import typer

from layers_etl.cli.output import err, out, tell_logs, tell_retries
from layers_etl.domain.storable import one_line
from layers_etl.process.terminal import ensure_all_was_taken


def doctor(
    notify: Annotated[bool, typer.Option("--notify", help="Also send a test to LAYERS_NOTIFY_URL.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Say what is right, what is wrong, and what to do: key, tier, what it may read, data folder, clock."""
    from layers_etl.cli.examination import Verdict, examine
    from layers_etl.settings import read_settings

    tell_logs(logging.ERROR, err.print)
    tell_retries()
    worst = 0
    for finding in examine(read_settings(), datetime.now(UTC), notify=notify):
        mark = {Verdict.GOOD: "ok   ", Verdict.NOTE: "note ", Verdict.BAD: "WRONG"}[finding.verdict]
        out.print(f"{mark}  {finding.subject}: {one_line(finding.sentence)}")
        worst = max(worst, finding.code)
    ensure_all_was_taken()
    raise typer.Exit(worst)
