"""The lake as a place to publish to: see :class:`~layers_etl.warehouse.publishing.Publisher`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from layers_etl.domain.ids import same_id
from layers_etl.domain.lake import Lake
from layers_etl.domain.scopes import Scope
from layers_etl.errors import LakeError, WarehouseError
from layers_etl.warehouse.changed_days import load_changed_days
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.databases import allowing, connect, keep_small, marks_of_rows
from layers_etl.warehouse.lake.attachment import (
    NAME,
    attach,
    attached,
    attaching,
    catalog_of,
    explaining,
    hold_publication,
    open_lake,
    rolling_back,
)
from layers_etl.warehouse.lake.care import prepare, take_care
from layers_etl.warehouse.lake.tables import (
    TableDefinition,
    create_tables,
    fill,
    replace_rows,
    table_definitions,
    tables_with_rows,
)
from layers_etl.warehouse.lake.views import write_views
from layers_etl.warehouse.lineage import knows
from layers_etl.warehouse.organization import load_organization
from layers_etl.warehouse.publishing import Publication, Published, load_publication, record_publication
from layers_etl.warehouse.schema import SCHEMA_VERSION, Content, content_of
from layers_etl.warehouse.tables import SCHEMAS, quote

AUTHOR: Final = "layers_etl"
"""Of the snapshots that are publications; the others are what care leaves."""

_MEMORY: Final = 384 * 10**6
"""Bytes that DuckDB may hold meanwhile: what is written there is sorted."""


@dataclass(frozen=True, slots=True)
class PublishedLake:
    """The publisher of a lake; ``read_now`` are the scopes that its views are for, as those of the build file are."""

    lake: Lake
    read_now: tuple[Scope, ...]
    keep_days: int

    @property
    def name(self) -> str:
        """Which lake."""
        return self.lake.name

    @property
    def is_shared(self) -> bool:
        """Its catalog is for every machine."""
        return True

    @property
    def folders(self) -> tuple[str, ...]:
        """Where its files are."""
        return (f"{self.lake.data}/",)

    @property
    def attaching(self) -> tuple[str, ...]:
        """As :func:`~layers_etl.warehouse.lake.attachment.attaching` says."""
        return attaching(self.lake)

    def published(self) -> Publication | None:
        """What it says of itself; None where nothing of today's version was ever published."""
        with open_lake(self.lake) as connection, explaining(self.lake, "read"):
            if connection is None or self._version(connection, table_definitions(connection, NAME)) != SCHEMA_VERSION:
                return None
            return load_publication(connection)

    def publish(self, build: Warehouse, publication: Publication) -> bool:
        """Write what differs in one transaction, which is one snapshot; False where the lake has this state already.

        Only one process publishes at a time, and only one whose warehouse goes on from what is there: what another
        machine published meanwhile is never overwritten. Raises :class:`LakeError` where the lake cannot be reached or
        another went before, :class:`WarehouseError` where it is someone else's; then it is as it was.
        """
        with (
            hold_publication(self.lake) as ensure_held,
            explaining(self.lake, "published to"),
            allowing(build.connection, _MEMORY + marks_of_rows(build.connection)),
            attached(build, self.lake) as connection,
        ):
            is_new = self.write(connection, build, publication, ensure_held)
            if is_new:
                take_care(connection, self.lake, AUTHOR, self.keep_days)
        return is_new

    @contextlib.contextmanager
    def connect(self) -> Generator[duckdb.DuckDBPyConnection | None]:
        """The lake for people's own SQL, read-only; None where there is none."""
        with open_lake(self.lake) as connection:
            yield connection

    @contextlib.contextmanager
    def open(self) -> Generator[Published | None]:
        """The lake, read-only, as it was last published; None before that."""
        with open_lake(self.lake) as connection:
            with explaining(self.lake, "read"):
                version = self._version(connection, table_definitions(connection, NAME)) if connection else None
            if version is not None and version != SCHEMA_VERSION:
                raise WarehouseError(
                    f"The lake {self.name} was published by an older layers_etl (tables version {version}, not "
                    f"{SCHEMA_VERSION}): the next run brings it forward."
                )
            if connection and version:
                keep_small(connection)
                yield Published(self.name, connection)
            else:
                yield None

    def restore(self, build: Path) -> str | None:
        """Make ``build`` of all tables of the lake, whatever version wrote them; None where there are none."""
        with connect(build) as connection, explaining(self.lake, "read"), rolling_back(connection):
            if not attach(connection, self.lake, read_only=True):
                return None
            # Others may have tables beside ours.
            tables = [table for table in table_definitions(connection, NAME).values() if table.schema in SCHEMAS]
            if not tables:
                return None
            connection.execute("BEGIN TRANSACTION")
            create_tables(connection, tables, ())
            fill(connection, NAME, tables)
            # It has none yet: its views are made when it is opened.
            connection.execute("DELETE FROM ops.views")
            connection.execute("COMMIT")
            connection.execute(f"DETACH {NAME}")
            connection.execute("CHECKPOINT")
        return self.name

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        build: Warehouse,
        publication: Publication,
        ensure_held: Callable[[], None],
    ) -> bool:
        """:meth:`publish` by ``connection``, which has both attached, for whoever keeps others away until it returns.

        ``ensure_held`` raises where that is so no longer; it is asked last.
        """
        (standing,) = connection.execute("SELECT current_database()").fetchall()[0]
        content = content_of(connection, self.read_now)
        connection.execute(f"USE {NAME}")
        found = table_definitions(connection, NAME)
        said = self._examine(connection, found, load_organization(build))
        if said and said.state_id == publication.state_id:
            return False
        if said and not knows(build, said):
            raise LakeError(
                f"The lake {self.name} was published at {said.published_at:%Y-%m-%d %H:%M}Z by run {said.run_id} of "
                f"another machine, which {build.path} knows nothing of: nothing was published over it. The next run "
                "here begins from the lake."
            )
        if not said:
            prepare(connection)
        record_publication(build, publication)
        changed = load_changed_days(build, said.state_id) if said else None
        connection.execute("BEGIN TRANSACTION")
        self._copy(connection, standing, found, content, changed)
        ensure_held()
        connection.execute(f"CALL {NAME}.set_commit_message({', '.join(_message(publication))})")
        connection.execute("COMMIT")
        return True

    def _copy(
        self,
        connection: duckdb.DuckDBPyConnection,
        standing: str,
        found: Mapping[str, TableDefinition],
        content: Content,
        changed: pl.DataFrame | None,
    ) -> None:
        """Within a transaction: the tables ``found`` in the lake become those of the database ``standing``, views too.

        ``ops.publication``, whose one row every publication replaces, is what two of them that lost their lock collide
        in.
        """
        source = f'"{standing}"'
        wanted = table_definitions(connection, standing)
        made = [table for name, table in wanted.items() if found.get(name) != table]
        is_as_made = not made and _fingerprint(connection, NAME) == _fingerprint(connection, source)
        for table in made:
            connection.execute(f"DROP TABLE IF EXISTS {table.qualified}")
        create_tables(connection, made, content.scopes)
        filled = tables_with_rows(connection, catalog_of(self.lake)) - {table.qualified for table in made}
        fill(connection, source, [table for name, table in wanted.items() if name not in filled])
        to_compare = [table for name, table in wanted.items() if name in filled]
        replace_rows(connection, source, to_compare, content.scopes, changed if is_as_made else None)
        if not is_as_made:
            write_views(connection, content)

    def _examine(
        self, connection: duckdb.DuckDBPyConnection, found: Mapping[str, TableDefinition], organization: str | None
    ) -> Publication | None:
        """What the current database, the lake with the tables ``found``, says of itself; None before it was published.

        Raises :class:`WarehouseError` for one of something else, of another organisation, or of a newer version.
        """
        if self._version(connection, found) is None:
            return None
        owner = load_organization(Readable(self.name, connection))
        if owner and organization and not same_id(owner, organization):
            raise WarehouseError(
                f"The lake {self.name} has the numbers of organisation {owner}, and these are of {organization}: name "
                "another ?schema= or file in LAYERS_WAREHOUSE. Nothing was changed there."
            )
        return load_publication(connection)

    def _version(self, connection: duckdb.DuckDBPyConnection, found: Mapping[str, TableDefinition]) -> int | None:
        """Of the tables ``found`` in the current database; None where there are none of ours."""
        if 'ops."schema_version"' not in found:
            if taken := [table.qualified for table in found.values() if table.schema in SCHEMAS]:
                raise WarehouseError(
                    f"The lake {self.name} has tables of something else ({', '.join(sorted(taken)[:3])}): name another "
                    "?schema= or file in LAYERS_WAREHOUSE. Nothing was changed there."
                )
            return None
        (version,) = connection.execute("SELECT version FROM ops.schema_version").fetchall()[0]
        if version > SCHEMA_VERSION:
            raise WarehouseError(
                f"The lake {self.name} was published by a newer layers_etl (tables version {version}, this one knows "
                f"{SCHEMA_VERSION}): upgrade layers_etl. Nothing was changed there."
            )
        return version


def _fingerprint(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str]]:
    return connection.execute(f"SELECT fingerprint FROM {database}.ops.views").fetchall()


def _message(publication: Publication) -> Iterator[str]:
    """What a snapshot says of itself: who made it, for people, and the same for programs."""
    facts = {
        "run_id": publication.run_id,
        "state_id": publication.state_id,
        "instant": publication.instant.isoformat(),
        "settled_until": str(publication.settled_until) if publication.settled_until else None,
    }
    yield quote(AUTHOR)
    yield quote(f"Run {publication.run_id}: settled until {publication.settled_until or 'no day yet'}")
    yield f"extra_info => {quote(json.dumps(facts))}"
