"""Where the page is, and whether it tells of what is published: all that a run needs to know that publishes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILE_NAME: Final = "report.html"


def is_up_to_date(path: Path, published: Path) -> bool:
    """Whether the page at ``path`` was written since the file ``published`` was, of which alone it tells."""
    return path.is_file() and published.is_file() and path.stat().st_mtime_ns > published.stat().st_mtime_ns
