"""Where ``layers-etl`` and ``python -m layers_etl`` begin: signals and streams first, then what takes time."""

from __future__ import annotations

import gc
import sys
from typing import Final

from layers_etl.process import interruption

OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000
"""Instead of Python's 700, at which a run looks for garbage among what it imported and read a tenth of its time."""

UNUSED_BY_DUCKDB: Final = ("pandas", "pyarrow")
"""It imports them where they are, and looks for them again and again where they are not, in case a value is of theirs
(``warehouse/frames.py``)."""


def main() -> None:
    """Run the command line; ends the process with the agreed code, whatever happens."""
    interruption.end_at_once()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    for library in UNUSED_BY_DUCKDB:
        sys.modules[library] = None  # pyright: ignore[reportArgumentType] - as the import system has it
    from layers_etl.process.terminal import open_standard_streams  # noqa: PLC0415 - only then

    open_standard_streams()
    from layers_etl.cli import app  # noqa: PLC0415 - the same

    try:
        app.main()
    except SystemExit as ending:
        if isinstance(ending.code, int):
            interruption.end_as_decided(ending.code)
        raise


if __name__ == "__main__":
    main()
