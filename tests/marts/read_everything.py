"""``python read_everything.py FILE SQL``: all that the file has, as whichever duckdb is first on the path reads it.

``SQL`` is a JSON file of further queries by name. Prints JSON: the version, and by name its rows (floats apart from
what else is in them, so that they can be compared nearly) or the error. Knows nothing of this project.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

RELATIONS = (
    "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal UNION ALL "
    "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal"
)
MACROS = (
    "SELECT schema_name || '.' || function_name, parameters FROM duckdb_functions() "
    "WHERE NOT internal AND function_type = 'macro' AND schema_name IN ('ads', 'marts', 'ops')"
)

NUMBERS = ("12.5", "0", "NULL")
ARGUMENTS = {
    "of_platform": ("'meta_ads'", "'none'", "NULL"),
    "of_day": ("DATE '2026-03-29'", "DATE '2026-02-28'", "NULL"),
    "of_instant": ("TIMESTAMPTZ '2026-03-29 00:30:00+01'", "TIMESTAMPTZ '2026-04-01 06:12:30.000001+00'", "NULL"),
    "so_many_hours": ("78", "-1", "NULL"),
    "hours_to_settle": ("78", "0", "NULL"),
}
"""By the names of parameters; numbers for all others."""


def plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)


def split(row: Sequence[object]) -> tuple[list[str], list[float]]:
    return [plain(value) for value in row if not isinstance(value, float)], [x for x in row if isinstance(x, float)]


def main(path: str, queries: dict[str, str]) -> dict[str, Any]:
    connection = duckdb.connect(path, read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    relations = [name for (name,) in connection.execute(RELATIONS).fetchall()]
    every = dict(queries)
    for relation in relations:
        every[f"rows of {relation}"] = f"SELECT * FROM {relation}"
        # Whether a view's column may be null is nowhere said alike.
        every[f"columns of {relation}"] = f"SELECT column_name, column_type FROM (DESCRIBE {relation})"
    for macro, parameters in connection.execute(MACROS).fetchall():
        for n in range(3):
            arguments = ", ".join(ARGUMENTS.get(parameter, NUMBERS)[n] for parameter in parameters)
            every[f"{macro} of {arguments}"] = f"SELECT {macro}({arguments})"
    found: dict[str, Any] = {}
    for name, sql in every.items():
        try:
            found[name] = sorted(split(row) for row in connection.execute(sql).fetchall())
        except duckdb.Error as error:
            found[name] = str(error)
    return {"version": duckdb.__version__, "found": found}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))))
