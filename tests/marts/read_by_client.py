"""``python read_by_client.py CLIENT FILE RELATIONS…``: reads each relation whole and prints how many rows that were."""

# pyright: reportMissingImports=false
# The clients are in a folder of their own, not in the environment that types are checked in.

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence


def pandas(path: str, relations: Sequence[str]) -> Iterator[int]:
    import duckdb

    with duckdb.connect(path, read_only=True) as connection:
        for relation in relations:
            yield len(connection.sql(f"FROM {relation}").df())


def arrow(path: str, relations: Sequence[str]) -> Iterator[int]:
    import duckdb

    with duckdb.connect(path, read_only=True) as connection:
        for relation in relations:
            yield connection.execute(f"FROM {relation}").to_arrow_table().num_rows


def polars(path: str, relations: Sequence[str]) -> Iterator[int]:
    import duckdb
    import polars as pl

    with duckdb.connect(path, read_only=True) as connection:
        for relation in relations:
            yield pl.read_database(f"SELECT * FROM {relation}", connection).height


def adbc(path: str, relations: Sequence[str]) -> Iterator[int]:
    import adbc_driver_duckdb
    from adbc_driver_manager import dbapi

    options = {"path": path, "access_mode": "READ_ONLY"}
    driver = adbc_driver_duckdb.driver_path()
    with (
        dbapi.connect(driver=driver, entrypoint="duckdb_adbc_init", db_kwargs=options) as connection,
        connection.cursor() as cursor,
    ):
        for relation in relations:
            cursor.execute(f"SELECT * FROM {relation}")
            yield cursor.fetch_arrow_table().num_rows


def sqlalchemy(path: str, relations: Sequence[str]) -> Iterator[int]:
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(f"duckdb:///{path}", connect_args={"read_only": True})
    with engine.connect() as connection:
        for relation in relations:
            schema, name = relation.split(".")
            result = connection.execute(text(f"SELECT * FROM {relation}"))
            assert [column["name"] for column in inspect(engine).get_columns(name, schema=schema)] == [*result.keys()]
            yield len(result.fetchall())


def ibis(path: str, relations: Sequence[str]) -> Iterator[int]:
    import ibis

    connection = ibis.duckdb.connect(path, read_only=True)
    for relation in relations:
        schema, name = relation.split(".")
        yield connection.table(name, database=schema).to_pyarrow().num_rows


CLIENTS = {each.__name__: each for each in (pandas, arrow, polars, adbc, sqlalchemy, ibis)}

if __name__ == "__main__":
    for count in CLIENTS[sys.argv[1]](sys.argv[2], sys.argv[3:]):
        print(count)
