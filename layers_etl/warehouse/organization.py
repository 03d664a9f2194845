"""One warehouse, one organisation, one kind of key."""

from __future__ import annotations

from layers_etl.domain.ids import same_id
from layers_etl.domain.keys import KeyKind
from layers_etl.errors import WarehouseError
from layers_etl.warehouse.connection import Readable, Warehouse


def claim_for_organization(
    warehouse: Warehouse, organization_id: str, key_kind: KeyKind | None = None, *, allow_mixed_keys: bool = False
) -> None:
    """The warehouse belongs to the organisation that first wrote it, and to the kind of key that it wrote with.

    :class:`WarehouseError` for any other: numbers of two organisations, of the sandbox and the real API, or of real
    accounts and a test key's fakes, must never mix; ``allow_mixed_keys`` for who knows that both keys read the same. An
    organisation is stored as it was first named; one that differs by its prefix alone is the same. A kind that is not
    known, of the key or of an older file, claims and refuses nothing.
    """
    check_owner(warehouse, organization_id, key_kind, allow_mixed_keys=allow_mixed_keys)
    with warehouse.transaction() as connection:
        if load_organization(warehouse) is None:
            connection.execute(
                "INSERT INTO ops.organization (organization_id, key_kind) VALUES (?, ?)", [organization_id, key_kind]
            )
        elif key_kind:
            connection.execute("UPDATE ops.organization SET key_kind = ? WHERE key_kind IS NULL", [key_kind])


def check_owner(
    warehouse: Readable,
    organization_id: str | None,
    key_kind: KeyKind | None = None,
    *,
    allow_mixed_keys: bool = False,
) -> None:
    """:class:`WarehouseError` for whom :func:`claim_for_organization` would refuse. Reads alone; what is None is not
    known yet, and refuses nothing."""
    rows = warehouse.connection.execute("SELECT organization_id, key_kind FROM ops.organization").fetchall()
    owner, stored_kind = rows[0] if rows else (None, None)
    if owner and organization_id and not same_id(owner, organization_id):
        raise WarehouseError(
            f"{warehouse.name} holds the numbers of organisation {owner}, and this key is of {organization_id}: "
            "set LAYERS_DATA_DIR to another folder, or move this one away. Nothing was changed."
        )
    if stored_kind and key_kind and stored_kind != key_kind and not allow_mixed_keys:
        raise WarehouseError(
            f"{warehouse.name} was written with a {stored_kind} key, and this is a {key_kind} key, whose numbers may "
            "be others: set LAYERS_DATA_DIR to another folder, or LAYERS_ALLOW_MIXED_KEYS=true where you know that "
            "both read the same. Nothing was changed."
        )


def load_organization(warehouse: Readable) -> str | None:
    """Whose numbers it holds; None where nobody's yet."""
    rows = warehouse.connection.execute("SELECT organization_id FROM ops.organization").fetchall()
    return rows[0][0] if rows else None
