"""Where a lake is: the catalog that knows its tables, and the place of its files, as the settings name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFIX: Final = "ducklake:"
POSTGRES: Final = "postgres:"
DEFAULT_SCHEMA: Final = "layers"
"""In which DuckLake's own tables stand in Postgres; a schema is a lake of its own."""

EXAMPLE: Final = "ducklake:postgres:host=db dbname=lake user=etl?schema=layers"
FILES: Final = ".files"
"""Ends the folder of a lake whose catalog is a file, beside that file."""

_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_WITH_SCHEMA: Final = re.compile(r"(?P<server>.*)[?&]schema=(?P<schema>[^&?]*)\Z", re.DOTALL)
_PASSWORD: Final = re.compile(r"\bpassword\s*=|://[^/@]*:[^/@]*@", re.IGNORECASE)
_BUCKET: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[^\s?#'\"]*)?")


@dataclass(frozen=True, slots=True)
class Catalog:
    """What knows a lake's tables: a Postgres ``server``, as libpq names it, and a ``schema`` there; or a ``file``."""

    server: str | None = None
    schema: str | None = None
    file: Path | None = None

    def __str__(self) -> str:
        """As the setting says it. It holds no password: :func:`parse_catalog` takes none."""
        return f"{PREFIX}{self.file}" if self.file else f"{PREFIX}{POSTGRES}{self.server}?schema={self.schema}"


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake: its ``catalog``, and the folder or bucket in which its files are, its own alone.

    ``endpoint`` is where the object store answers, if it is not AWS itself.
    """

    catalog: Catalog
    data: str
    endpoint: str | None = None

    @property
    def name(self) -> str:
        """Which one, for people."""
        return str(self.catalog)

    @property
    def is_in_bucket(self) -> bool:
        """Whether its files are in an object store."""
        return is_bucket(self.data)


def parse_catalog(text: str) -> Catalog:
    """``ducklake:postgres:…?schema=NAME`` or ``ducklake:FILE``.

    ``ValueError`` for anything else, and for one with a password in it, which it never repeats: it would stand in
    process lists, in logs and in what ``doctor`` prints.
    """
    if not text.startswith(PREFIX) or text == PREFIX:
        raise ValueError(f"takes {EXAMPLE}, or ducklake:FILE to try one without a server")
    rest = text.removeprefix(PREFIX)
    if not rest.startswith(POSTGRES):
        return Catalog(file=Path(rest))
    if _PASSWORD.search(rest):
        raise ValueError("holds a password: put it into PGPASSWORD, or into the file ~/.pgpass, and leave it out here")
    server = rest.removeprefix(POSTGRES)
    found = _WITH_SCHEMA.fullmatch(server)
    server, schema = (found["server"], found["schema"]) if found else (server, DEFAULT_SCHEMA)
    if not _SCHEMA.fullmatch(schema):
        raise ValueError(f"names a schema that is none: take small letters, digits and _, as in {EXAMPLE}")
    return Catalog(server=server, schema=schema)


def parse_data(text: str) -> str:
    """A folder or ``s3://bucket/prefix``; ``ValueError`` for anything else."""
    if _BUCKET.fullmatch(text):
        return text.rstrip("/")
    if "://" in text or text.startswith("s3:"):
        raise ValueError("takes a folder or a bucket like s3://bucket/prefix")
    return text


def is_bucket(data: str) -> bool:
    """Whether that is a place in an object store; else it is a folder."""
    return data.startswith("s3://")


def lake_of(catalog: Catalog, data: str | None, endpoint: str | None = None) -> Lake:
    """The lake of these; only one whose catalog is a file has a place for its files where ``data`` names none.

    What several schemas of a server have in one place is kept apart there: whoever cleans up one lake must never find
    the files of another. A file has its files beside it, unless they are to be elsewhere.
    """
    if catalog.file:
        return Lake(catalog, data or str(catalog.file.with_name(catalog.file.name + FILES)), endpoint)
    assert data, "the settings see to that"
    return Lake(catalog, f"{data}/{catalog.schema}", endpoint)
