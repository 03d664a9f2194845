"""Where ``layers-etl`` and ``python -m layers_etl`` begin: signals and streams first, then what takes time."""

from __future__ import annotations

from layers_etl.process import interruption


def main() -> None:
    """Run the command line; ends the process with the agreed code, whatever happens."""
    interruption.end_at_once()
    from layers_etl.process.terminal import open_standard_streams  # noqa: PLC0415 - only then

    open_standard_streams()
    from layers_etl.cli import app  # noqa: PLC0415 - the same

    try:
        app.main()
    except SystemExit as ending:
        interruption.end_as_decided(ending.code if isinstance(ending.code, int) else 0)
        raise


if __name__ == "__main__":
    main()
