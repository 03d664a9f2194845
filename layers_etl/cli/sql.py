"""``layers-etl sql``: one query or many, as arguments, piped in, or at a prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from layers_etl.cli.formats import Format, choose_format
from layers_etl.process import interruption
from layers_etl.process.terminal import ensure_all_was_taken


def sql(
    query: Annotated[str | None, typer.Argument(help="Statements; without any, a prompt, or what is piped in.")] = None,
    result_format: Annotated[
        Format | None, typer.Option("--format", help="Default: that of the output's name, else a table.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the result to this file: .csv, .json, .parquet, .xlsx.")
    ] = None,
) -> None:
    """Ask the published warehouse in SQL: read-only, in UTC."""
    from layers_etl.cli.shell import prompt, run_query
    from layers_etl.ingest.publisher import publisher_of
    from layers_etl.settings import load_settings

    publisher = publisher_of(load_settings())
    if query is None and sys.stdin.isatty():
        with interruption.left_to_python():
            prompt(publisher)
    else:
        with interruption.interruptible():
            statements = sys.stdin.read() if query is None else query
            run_query(publisher, statements, choose_format(result_format, output), output)
        ensure_all_was_taken()
