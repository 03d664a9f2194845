"""What a command imports before it does anything: what takes its time belongs to those that need it."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

HEAVY: Final = frozenset({"dagster", "duckdb", "polars", "pyarrow", "aiohttp", "httpx", "sqlalchemy"})
"""The libraries whose import takes from 0.05 to 1.6 s; pydantic is loaded by Typer itself."""

_RUN: Final = """
import atexit, sys
atexit.register(lambda: print("imported:", *sorted({name.partition(".")[0] for name in sys.modules})))
from layers_etl.cli import app
sys.argv[0] = "layers-etl"
app.main()
"""


def imported_by(*arguments: str) -> set[str]:
    """The top-level modules that a command has loaded by its end."""
    ended = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, check=True, timeout=120
    )
    *_, last = ended.stdout.splitlines()
    return set(last.removeprefix("imported:").split())


COMMANDS: Final = ("doctor", "run", "backfill", "status", "backtest", "sql", "report", "demo", "dev", "completion")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "-h"),
        *(
            pytest.param(arguments, marks=pytest.mark.slow)
            for arguments in (
                ("-h",),
                ("--version",),
                ("completion", "bash"),
                *((command, "-h") for command in COMMANDS if command != "run"),
            )
        ),
    ],
    ids=" ".join,
)
def test_help_and_version_load_no_library_that_takes_time(arguments: tuple[str, ...]) -> None:
    loaded = imported_by(*arguments)
    assert "typer" in loaded
    assert loaded & HEAVY == set()
