"""A result as a table for people: numbers readable, what does not fit left out and told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from layers_etl.cli.tables import lay_out

from ..harness.command import CommandLine
from ..harness.terminal import at_a_terminal


def cells(kind: str, *values: object) -> list[str]:
    """How a column of that type is shown, without its name and line."""
    return [line.strip() for line in lay_out(["n"], [kind], [[value] for value in values]).lines[2:]]


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("BIGINT", (1234567, 12), ["1,234,567", "12"]),
        ("INTEGER", (2025, 2026), ["2025", "2026"]),
        ("HUGEINT", (-10000,), ["-10,000"]),
        ("DECIMAL(18,4)", (Decimal("1234567.5000"), Decimal("3.0000")), ["1,234,567.50", "3.00"]),
        ("DECIMAL(18,4)", (Decimal("0.1234"), Decimal("3.0000")), ["0.1234", "3.0000"]),
        ("DECIMAL(38,0)", (Decimal(12),), ["12"]),
        ("DOUBLE", (1.5, 0.123456789, 2e6), ["1.5000", "0.1235", "2,000,000.0000"]),
        ("DOUBLE", (0.0000123, 0.0), ["1.23e-05", "0"]),
        ("BIGINT", (None,), ["NULL"]),
        ("DECIMAL(18,4)", (None, Decimal(1)), ["NULL", "1.00"]),
        ("BOOLEAN", (True, False), ["true", "false"]),
        ("DATE", (date(2026, 3, 1),), ["2026-03-01"]),
        ("TIMESTAMP WITH TIME ZONE", (datetime(2026, 3, 1, 6, tzinfo=UTC),), ["2026-03-01 06:00:00Z"]),
        ("VARCHAR", ("two\nlines \x1b[31m",), ["two lines \\u001b[31m"]),
    ],
)
def test_values_are_shown_as_people_read_them(kind: str, values: Sequence[object], shown: list[str]) -> None:
    assert cells(kind, *values) == shown


def test_numbers_stand_to_the_right_and_texts_to_the_left() -> None:
    table = lay_out(["name", "spend"], ["VARCHAR", "BIGINT"], [["a", 5], ["bc", 12345]])
    assert table.lines == ("name   spend", "────  ──────", "a          5", "bc    12,345")


@given(
    st.lists(st.tuples(st.text(max_size=40), st.integers(-(10**12), 10**12)), max_size=5),
    st.integers(1, 6),
    st.integers(20, 120),
)
def test_a_table_fits_and_shows_every_number_whole(rows: list[tuple[str, int]], pairs: int, width: int) -> None:
    names = ["text", "number"] * pairs
    table = lay_out(names, ["VARCHAR", "BIGINT"] * pairs, [row * pairs for row in rows], width)
    assert max(map(cell_len, table.lines)) <= width
    assert 1 <= table.columns <= len(names)
    for line, (_, number) in zip(table.lines[2:], rows, strict=True):
        assert table.columns == 1 or str(number) in line.replace(",", "")


@pytest.mark.slow
def test_a_terminal_is_told_how_much_of_a_result_it_shows(filled: CommandLine) -> None:
    def said(query: str) -> str:
        return at_a_terminal(filled, ["sql", query], COLUMNS="80").decode().splitlines()[-1]

    assert said("FROM range(1234)") == "40 of 1,234 rows shown; all of it: layers-etl sql --output FILE.csv"
    assert said("FROM range(40)") == "40 rows"
    assert said("SELECT 1") == "1 row"
    assert said("FROM ads.campaigns LIMIT 1").startswith("1 row, ")
    assert " of " in said("FROM ads.campaigns LIMIT 1")
