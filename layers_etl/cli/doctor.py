"""``layers-etl doctor``: what is right, what is wrong, and what to do."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Annotated

import typer

from layers_etl.cli.arguments import AsJson
from layers_etl.cli.output import err, out, tell_logs, tell_retries, write_document
from layers_etl.domain.storable import one_line
from layers_etl.process.terminal import ensure_all_was_taken


def doctor(
    notify: Annotated[bool, typer.Option("--notify", help="Also send a test to LAYERS_NOTIFY_URL.")] = False,  # noqa: FBT002 - a flag
    as_json: AsJson = False,  # noqa: FBT002 - a flag
) -> None:
    """Say what is right, what is wrong, and what to do: key, tier, what it may read, data folder, clock."""
    from layers_etl.cli.demo_clock import find_demo
    from layers_etl.cli.examination import Finding, Verdict, examine
    from layers_etl.settings import read_settings

    tell_logs(logging.ERROR, err.print)
    tell_retries()
    found = read_settings()
    demo = find_demo(found.settings) if found.settings else None
    findings: list[Finding] = []
    demo_at = demo.instant if demo else None
    for finding in examine(found, datetime.now(UTC), demo_at=demo_at, notify=notify):
        findings.append(finding)
        mark = {Verdict.GOOD: "ok   ", Verdict.NOTE: "note ", Verdict.BAD: "WRONG"}[finding.verdict]
        if not as_json:
            out.print(f"{mark}  {finding.subject}: {one_line(finding.sentence)}")
    code = max(finding.code for finding in findings)
    if as_json:
        write_document({"code": code, "findings": findings})
    ensure_all_was_taken()
    raise typer.Exit(code)
