"""Which of two warehouses goes on from the other: by the states that were published, and the runs that made them."""

from __future__ import annotations

from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.publishing import Publication
from layers_etl.warehouse.sql import load_sql


def knows(warehouse: Readable, publication: Publication) -> bool:
    """Whether ``warehouse`` has all that was published, and may have more: the state or the run is of its own past."""
    found = warehouse.connection.execute(
        load_sql("knows_publication"), {"state_id": publication.state_id, "run_id": publication.run_id}
    )
    return bool(found.fetchall()[0][0])


def has_more_than(warehouse: Readable, other: Readable) -> bool:
    """Whether ``warehouse`` holds anything that ``other`` does not, which has not gone on from its state."""
    (state_id,) = warehouse.connection.execute("SELECT state_id FROM ops.revision").fetchall()[0]
    found = other.connection.execute(load_sql("knows_publication"), {"state_id": state_id, "run_id": None})
    return not found.fetchall()[0][0]
