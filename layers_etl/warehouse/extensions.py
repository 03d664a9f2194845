"""DuckDB's extensions, from packages of the package index: nothing is downloaded while we run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb


def find_extension(name: str) -> Path | None:
    """The extension for this very DuckDB, in the package that brings it; None where it is not installed."""
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if path.exists():
            return path
    return None
