"""One warehouse, one organisation."""

from __future__ import annotations

from layers_etl.errors import WarehouseError
from layers_etl.warehouse.connection import Warehouse


def claim_for_organization(warehouse: Warehouse, organization_id: str) -> None:
    """The warehouse belongs to the organisation that first wrote it; :class:`WarehouseError` for any other.

    Numbers of two organisations, or of the sandbox and the real API, must never mix.
    """
    rows = warehouse.connection.execute("SELECT organization_id FROM ops.organization").fetchall()
    if not rows:
        with warehouse.transaction() as connection:
            connection.execute("INSERT INTO ops.organization VALUES (?)", [organization_id])
    elif rows[0][0] != organization_id:
        raise WarehouseError(
            f"{warehouse.path} holds the numbers of organisation {rows[0][0]}, and this key is of {organization_id}: "
            "set LAYERS_DATA_DIR to another folder, or move this one away. Nothing was changed."
        )
