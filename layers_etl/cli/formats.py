"""How ``layers-etl sql`` writes a result. Apart from the shell, which takes its import: the help names them."""

from __future__ import annotations

import enum
from pathlib import Path


class Format(enum.StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"

    @property
    def is_binary(self) -> bool:
        """Whether it is not for a terminal."""
        return self in (Format.PARQUET, Format.XLSX)


def choose_format(wanted: Format | None, output: Path | None) -> Format:
    """The format asked for, or that of the output's name (``.csv``, ``.json``, ``.parquet``, ``.xlsx``), or a table."""
    if wanted:
        return wanted
    suffix = output.suffix.removeprefix(".").lower() if output else ""
    return Format(suffix) if suffix in list(Format) else Format.TABLE
