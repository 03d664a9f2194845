"""The writer's file: one process at a time has it, opened, checked and brought to today's tables here.

DuckDB lets one process write a file and no other even read it meanwhile, so analysts never open this file; they open
what is published (``publishing.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from pathlib import Path

from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.databases import connect
from layers_etl.warehouse.files import ensure_folder, sweep
from layers_etl.warehouse.lock import hold_lock
from layers_etl.warehouse.publishing import Publisher
from layers_etl.warehouse.recovery import find_ahead, give_way, in_use_marker, open_build
from layers_etl.warehouse.schema import migrate


@contextlib.contextmanager
def open_warehouse(
    path: Path, scopes: Iterable[Scope], *, publishers: Iterable[Publisher] = ()
) -> Generator[Warehouse]:
    """Own ``path`` for the length of the block, as the only writer; wait, and say so, while another run has it.

    Creates the file, from what was last published to any of ``publishers`` where there is that alone, and in the place
    of a damaged one too, which is kept, and of one that another machine has gone on from; brings older ones to today's
    tables and sweeps what a killed run left behind.
    Raises :class:`WarehouseError` where the folder can't be written, or the file is foreign, too new, or damaged
    together with the published one.
    """
    ensure_folder(path.parent)
    scopes, publishers = tuple(scopes), tuple(publishers)
    with hold_lock(path):
        sweep(path.parent)
        warehouse = Warehouse(path, open_build(path, publishers, scopes))
        try:
            migrate(warehouse.connection, path, scopes)
            if ahead := find_ahead(warehouse, publishers):
                warehouse.close()
                give_way(path, ahead)
                warehouse.connection = connect(path)
                migrate(warehouse.connection, path, scopes)
            yield warehouse
        finally:
            warehouse.close()
            if not warehouse.is_distrusted:
                in_use_marker(path).unlink(missing_ok=True)
