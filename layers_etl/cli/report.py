"""``layers-etl report``: the published numbers as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layers_etl.cli.arguments import AsJson
from layers_etl.cli.output import out, write_document
from layers_etl.errors import ConfigurationError, StorageError
from layers_etl.process.terminal import ensure_all_was_taken


def report(
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the page to this file; default: in the data folder.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag
) -> None:
    """Write what is published as one HTML page, which needs no network: for a browser, a phone, a printer."""
    from layers_etl.ingest.publisher import publisher_of
    from layers_etl.report.file import FILE_NAME
    from layers_etl.report.page import write_report
    from layers_etl.settings import load_settings
    from layers_etl.warehouse.files import ensure_folder

    settings = load_settings()
    path = output or settings.data_dir / FILE_NAME
    publisher = publisher_of(settings)
    if output is None:
        ensure_folder(settings.data_dir)
    try:
        with publisher.open() as published:
            publication = published.publication if published else None
            if published is None or publication is None or not write_report(published, path):
                raise ConfigurationError(f"{publisher.name} is not there yet: the first run makes it.")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}): name another file with --output, or see to its folder."
        ) from None
    if as_json:
        write_document(
            {
                "path": str(path.absolute()),
                "bytes": path.stat().st_size,
                "published_at": publication.published_at,
                "settled_until": publication.settled_until,
            }
        )
    else:
        out.print(f"Written to {path}: open it in a browser.")
    ensure_all_was_taken()
