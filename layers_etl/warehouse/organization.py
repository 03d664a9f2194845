"""One warehouse, one organisation."""

from __future__ import annotations

from layers_etl.errors import WarehouseError
from layers_etl.warehouse.connection import Warehouse


def claim_for_organization(warehouse: Warehouse, organization_id: str) -> None:
    """The warehouse belongs to the organisation that first wrote it; :class:`WarehouseError` for any other.

    Numbers of two organisations, or of the sandbox and the real API, must never mix.
    """
    owner = load_organization(warehouse)
    if owner is None:
        with warehouse.transaction() as connection:
            connection.execute("INSERT INTO ops.organization (organization_id) VALUES (?)", [organization_id])
    elif owner != organization_id:
        raise WarehouseError(
            f"{warehouse.path} holds the numbers of organisation {owner}, and this key is of {organization_id}: "
            "set LAYERS_DATA_DIR to another folder, or move this one away. Nothing was changed."
        )


def load_organization(warehouse: Warehouse) -> str | None:
    """Whose numbers it holds; None where nobody's yet."""
    rows = warehouse.connection.execute("SELECT organization_id FROM ops.organization").fetchall()
    return rows[0][0] if rows else None
