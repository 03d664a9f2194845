"""What the command line prints of the warehouse's state."""

from __future__ import annotations

from typing import Final

import polars as pl
from rich.console import Console
from rich.table import Table

from layers_etl.domain.projection import LEAST_DAYS, LEAST_ENTITY_DAYS
from layers_etl.domain.storable import one_line, with_visible_controls
from layers_etl.ingest.status import Status
from layers_etl.warehouse.findings import StandingFinding

SENTENCES_SHOWN: Final = 10
"""Of one check; ops.findings has more of them."""


def cell(text: str) -> str:
    """Data as a table's cell: on one line, its control codes shown before their width is measured."""
    return with_visible_controls(one_line(text))


def print_status(status: Status, console: Console) -> None:
    """The status as a table by account, those that stand still, then the last run and what it could not read."""
    table = Table(title=f"Entity-days since the first day, at {status.instant:%Y-%m-%d %H:%M}Z", title_justify="left")
    for heading in ("project", "ad account", "platform"):
        table.add_column(heading)
    for heading in ("entities", "settled", "provisional", "missing", "oldest open day"):
        table.add_column(heading, justify="right")
    for account in status.accounts:
        table.add_row(
            *(
                cell(text)
                for text in (account.project_id, account.name or account.ad_account_id, account.platform or "")
            ),
            *(f"{count:,}" for count in (account.entities, account.settled, account.provisional, account.missing)),
            str(account.oldest_open_day or "none"),
        )
    console.print(table)
    for finding in status.findings:
        _print_finding(finding, console)
    if status.audits:
        console.print(_describe_audits(status))
    if status.last_run is None:
        console.print("No run yet.")
        return
    run = status.last_run
    console.print(
        f"Last run: {run.request}; started {run.started_at:%Y-%m-%d %H:%M}Z, {run.status}; "
        f"{run.windows_read} windows read, {run.entities_failed} entities failed."
    )
    for failure in status.failures:
        console.print(f"  {one_line(failure.message)}")


def _print_finding(finding: StandingFinding, console: Console) -> None:
    """A promise that does not hold, with what people should know of it; nothing where there is nothing to know."""
    if finding.message is None:
        return
    kind = "error" if finding.is_error else "warning"
    console.print(f"{kind} since {finding.since:%Y-%m-%d %H:%M}Z: {finding.check_name} of {finding.asset}")
    for sentence in (*finding.message.split("\n")[:SENTENCES_SHOWN], finding.remedy):
        if sentence:
            console.print(f"  {one_line(sentence)}")


def _describe_audits(status: Status) -> str:
    """How true settled days have proved, in one line."""
    audits = status.audits
    days, moved = sum(audit.days for audit in audits), sum(audit.moved_days for audit in audits)
    if not moved:
        return (
            f"Settled days read again at random in eight weeks: {days:,}; none had moved, so that at most "
            f"{1 - 0.05 ** (1 / days):.2%} do (95 %)."
        )
    needed = {audit.platform: audit.held_by_hours for audit in audits if audit.moved_days}
    hours = ", ".join(f"{platform or 'several platforms'} {needed[platform]} h" for platform in needed)
    return (
        f"Settled days read again at random in eight weeks: {days:,}; {moved:,} had moved ({moved / days:.2%}). "
        f"Settling times that would have held: {hours}."
    )


def print_backtest(scope: str, scores: pl.DataFrame, console: Console) -> None:
    """How well projecting would have done, by platform, metric and age of the reading; and of what it can't be said."""
    if scores.is_empty():
        console.print(f"{scope}: too little settled history to test on; it takes about two weeks of daily runs.")
        return
    table = Table(title=f"{scope}: projected against settled values", title_justify="left")
    for heading in ("platform", "metric"):
        table.add_column(heading)
    for heading in ("age, hours", "days", "entity-days", "error unprojected", "error projected", "80 % interval holds"):
        table.add_column(heading, justify="right")
    for row in scores.iter_rows(named=True):
        errors = (row["error_unprojected"], row["error_projected"], row["coverage"])
        table.add_row(
            cell(row["platform"] or ""),
            row["metric"],
            str(row["age_hours"]),
            f"{row['days']:,}",
            f"{row['entity_days']:,}",
            *((f"{share:.1%}" for share in errors) if row["enough"] else ("too few to judge", "", "")),
        )
    console.print(table)
    if not scores["enough"].all():
        console.print(
            f"Fewer than {LEAST_DAYS} days or {LEAST_ENTITY_DAYS} entity-days tell more of chance than of the method: "
            "each morning of daily runs adds a day."
        )
