"""``ops.dictionary`` says of every column what it holds, and of every number its unit and whether it adds up."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import duckdb
import pytest

from layers_etl.domain.metrics import ADDITIVE, MEASURES, RATIOS
from layers_etl.domain.scopes import DEFAULT_SCOPES, SCOPES, Scope
from layers_etl.warehouse.schema import migrate
from layers_etl.warehouse.tables import MONEY, OF_MONEY, OPS_TABLES, scope_tables

EACH_ALONE_AND_LEFT_OUT = [*combinations(SCOPES.values(), 1), *combinations(SCOPES.values(), len(SCOPES) - 1)]
"""With none and all of them, among the usual: of any two scopes both, either and neither are there."""

USUAL_CHOICES = [(), tuple(SCOPES[name] for name in DEFAULT_SCOPES), tuple(SCOPES.values())]

CATALOG = """
SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal
UNION ALL
SELECT schema_name, function_name, NULL, NULL, NULL FROM duckdb_functions()
WHERE NOT internal AND function_type LIKE '%macro'
"""
NAMED_AS_IN_THE_CATALOG = ("schema_name", "relation_name", "column_name", "column_type", "column_text")
RELATIONS = """
SELECT schema_name, table_name, comment FROM duckdb_tables()
UNION ALL
SELECT schema_name, view_name, comment FROM duckdb_views() WHERE NOT internal
UNION ALL
SELECT schema_name, function_name, comment FROM duckdb_functions() WHERE NOT internal AND function_type LIKE '%macro'
"""

Row = dict[str, Any]


def new_file(scopes: Sequence[Scope]) -> duckdb.DuckDBPyConnection:
    """A new file with the tables and views of ``scopes``."""
    connection = duckdb.connect()
    migrate(connection, Path(":memory:"), scopes)
    return connection


def dictionary(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    return connection.execute("FROM ops.dictionary").pl().to_dicts()


def is_number(row: Row) -> bool:
    return bool(re.match(r"\w*INT|DOUBLE|FLOAT|DECIMAL", row["column_type"] or ""))


def is_time(row: Row) -> bool:
    return bool(re.match(r"DATE|TIME", row["column_type"] or ""))


@pytest.fixture(scope="module")
def full() -> Iterator[list[Row]]:
    """That of a file with all there can be in one."""
    with new_file(tuple(SCOPES.values())) as connection:
        yield dictionary(connection)


@pytest.mark.parametrize(
    "choices",
    [USUAL_CHOICES, pytest.param(EACH_ALONE_AND_LEFT_OUT, marks=pytest.mark.slow)],
    ids=["usual", "each alone and left out"],
)
def test_whatever_the_scopes_every_column_is_told_of_and_every_number_has_a_unit(
    choices: Sequence[Sequence[Scope]],
) -> None:
    for scopes in choices:
        with new_file(scopes) as connection:
            rows = dictionary(connection)
            said = {tuple(row[name] for name in NAMED_AS_IN_THE_CATALOG) for row in rows}
            assert said == set(connection.execute(CATALOG).fetchall())
            assert len(said) == len(rows)
            of_relations = {(row["schema_name"], row["relation_name"], row["relation_text"]) for row in rows}
            assert of_relations == set(connection.execute(RELATIONS).fetchall())
        for row in rows:
            if row["kind"] == "macro":
                assert row["relation_text"] and row["parameters"], row
                assert row["grain"] is row["position"] is row["unit"] is row["additive"] is None, row
            else:
                assert re.fullmatch(r"one row( per [a-zA-Z(].*[^.,:;])?", row["grain"]), row
                assert row["relation_text"][1:].startswith(row["grain"][1:]), row
                assert bool(row["unit"]) == (is_number(row) or is_time(row)), row
                assert (row["additive"] is not None) == is_number(row), row


def test_what_the_texts_say_of_sums_is_what_the_column_additive_says(full: list[Row]) -> None:
    told = {True: "Additive", False: "Not additive|never sum|no sum of days"}
    for row in full:
        for additive, words in told.items():
            if re.search(words, row["column_text"] or ""):
                assert row["additive"] is additive, row


def test_measures_add_up_or_not_wherever_they_stand(full: list[Row]) -> None:
    ratios = {ratio.name: ratio.unit for ratio in RATIOS}
    found = {row["column_name"] for row in full} & {*MEASURES, *ratios}
    assert found == {*MEASURES, *ratios}
    for row in full:
        if row["column_name"] in found:
            assert row["additive"] == (row["column_name"] in ADDITIVE), row
        if row["column_name"] in ratios:
            assert row["unit"] == ratios[row["column_name"]]


def test_money_is_in_the_currency_of_its_row(full: list[Row]) -> None:
    decimals = {row["unit"] for row in full if (row["column_type"] or "").startswith("DECIMAL")}
    assert decimals == {OF_MONEY}
    relations = defaultdict[tuple[str, str], set[str]](set)
    for row in full:
        relations[row["schema_name"], row["relation_name"]].add(row["column_name"])
    for row in full:
        if row["unit"] == OF_MONEY:
            assert "currency" in relations[row["schema_name"], row["relation_name"]], row


def test_a_number_of_a_table_has_the_unit_of_all_columns_of_that_name() -> None:
    """A view's column that says nothing of itself is as those of the tables: they must be of one kind."""
    tables = (*OPS_TABLES, *chain.from_iterable(map(scope_tables, SCOPES.values())))
    facts = defaultdict[str, set[tuple[str | None, bool | None]]](set)
    for column in chain.from_iterable(table.columns for table in tables):
        if column.unit is not None or column.type in ("BIGINT", "INTEGER", "DOUBLE", MONEY):
            facts[column.name].add((column.unit, column.additive))
    assert {name: different for name, different in facts.items() if len(different) > 1} == {}


def test_the_dictionary_is_made_with_the_views_and_left_alone_by_an_ordinary_start() -> None:
    with new_file(USUAL_CHOICES[1]) as connection:
        before = dictionary(connection)
        connection.execute("UPDATE ops.dictionary SET column_text = 'by hand'")
        migrate(connection, Path(":memory:"), USUAL_CHOICES[1])
        assert {row["column_text"] for row in dictionary(connection)} == {"by hand"}
        connection.execute("UPDATE ops.views SET fingerprint = 'of another version'")
        migrate(connection, Path(":memory:"), USUAL_CHOICES[1])
        assert dictionary(connection) == before


@pytest.mark.slow
def test_a_scope_that_is_read_from_now_on_is_told_of() -> None:
    with new_file(()) as connection:
        few = len(dictionary(connection))
        migrate(connection, Path(":memory:"), tuple(SCOPES.values()))
        assert len(dictionary(connection)) > few
        with new_file(tuple(SCOPES.values())) as other:
            assert sorted(dictionary(connection), key=repr) == sorted(dictionary(other), key=repr)
