"""``layers-etl attach``: the few lines by which others open what is published."""

from __future__ import annotations

from importlib.metadata import version

from layers_etl.cli.output import out
from layers_etl.process.terminal import ensure_all_was_taken

_EXAMPLE = "SELECT day, campaign_name, spend, currency FROM marts.campaign_daily ORDER BY day DESC LIMIT 9"


def attach() -> None:
    """Print what opens the published warehouse, read-only, in DuckDB, in Python and in BI tools on DuckDB.

    No password is among it: Postgres and S3 are asked as their own programs would (PGPASSWORD, ~/.pgpass, ~/.aws).
    """
    from layers_etl.ingest.publisher import publisher_of
    from layers_etl.settings import load_settings

    statements = publisher_of(load_settings()).attaching
    lines = [
        "In DuckDB's shell, and as the start-up SQL of a BI tool on DuckDB:",
        "",
        *(f"    {statement};" for statement in statements),
        f"    {_EXAMPLE};",
        "",
        f"In Python (pip install duckdb=={version('duckdb')}):",
        "",
        "    import duckdb",
        "    warehouse = duckdb.connect()",
        *(f"    warehouse.execute({statement!r})" for statement in statements),
        f"    print(warehouse.sql({_EXAMPLE!r}))",
    ]
    for line in lines:
        out.print(line)
    ensure_all_was_taken()
