"""A query's result as a table for people: numbers readable, as wide as there is room, and what is left out told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from rich.cells import cell_len, set_cell_size

from layers_etl.domain.storable import one_line, with_visible_controls

GAP: Final = "  "
NARROWEST: Final = 12
"""Columns to which a text is cut, where there is no room for all of it, before whole columns are left out."""

SEPARATED_FROM: Final = 10_000
"""A column of whole numbers that all stay below is told without separators: it may be years."""

MOST_PLACES: Final = 4
"""Of a DOUBLE; what is smaller than these can show is told by its first digits."""

_INTEGER: Final = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result: its name, its cells as they are shown, and whether they are numbers."""

    name: str
    cells: tuple[str, ...]
    is_number: bool

    @property
    def width(self) -> int:
        """What it takes to show all of it."""
        return max(map(cell_len, (self.name, *self.cells)))

    def at(self, width: int) -> list[str]:
        """Name, line and cells, each of that width: numbers to the right, texts cut."""
        cells = [self.name, "─" * width, *self.cells]
        if self.is_number:
            return [" " * (width - cell_len(cell)) + cell for cell in cells]
        return [_cut(cell, width) for cell in cells]


@dataclass(frozen=True, slots=True)
class Table:
    """A result laid out: its ``lines``, and how many columns are in them."""

    lines: tuple[str, ...]
    columns: int


def lay_out(
    names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[object]], width: int | None = None
) -> Table:
    """The table of ``rows``, whole where ``width`` is None.

    In a given width texts are cut first, and then the last columns left out; the first is always there.
    """
    columns = [
        _column(name, kind, [row[number] for row in rows])
        for number, (name, kind) in enumerate(zip(names, types, strict=True))
    ]
    widths = [column.width for column in columns]
    if width is not None:
        widths = _fitted(columns, width)
    shown = [column.at(wide) for column, wide in zip(columns, widths, strict=False)]
    return Table(tuple(GAP.join(cells).rstrip() for cells in zip(*shown, strict=True)), len(widths))


def _column(name: str, kind: str, values: Sequence[object]) -> Column:
    known = [value for value in values if value is not None]
    if _INTEGER.match(kind):
        separator = "," if any(abs(int(str(value))) >= SEPARATED_FROM for value in known) else ""
        return Column(_text(name), tuple(_whole(value, separator) for value in values), is_number=True)
    if kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")):
        numbers = [value for value in known if isinstance(value, Decimal | float)]
        places = max((_places(number) for number in numbers), default=0)
        if kind.startswith("DECIMAL") and not kind.endswith(",0)"):
            places = max(places, 2)
        return Column(_text(name), tuple(_fraction(value, places) for value in values), is_number=True)
    return Column(_text(name), tuple(map(_text, values)), is_number=False)


def _whole(value: object, separator: str) -> str:
    return "NULL" if value is None else f"{value:{separator}}"


def _fraction(value: object, places: int) -> str:
    if not isinstance(value, Decimal | float):
        return "NULL"
    if isinstance(value, float) and value and abs(value) < 10**-MOST_PLACES:
        return f"{value:.3g}"
    return f"{value:,.{places}f}"


def _places(number: Decimal | float) -> int:
    """Digits behind the point that say something: of a DOUBLE, whose last ones are noise, four at most."""
    digits = f"{number:.{MOST_PLACES}f}" if isinstance(number, float) else f"{number:f}"
    return len(digits.partition(".")[2].rstrip("0"))


def _text(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat(" ").replace("+00:00", "Z")
        case _:
            return with_visible_controls(one_line(str(value)))


def _fitted(columns: Sequence[Column], width: int) -> list[int]:
    """The widths of as many columns as ``width`` has room for."""
    widths: list[int] = []
    for column in columns:
        least = column.width if column.is_number else min(column.width, NARROWEST)
        if widths and sum(widths) + least + len(GAP) * len(widths) > width:
            break
        widths.append(least)
    # What is left goes to the texts that were cut, the first ones first.
    spare = width - sum(widths) - len(GAP) * (len(widths) - 1)
    for number, column in enumerate(columns[: len(widths)]):
        more = min(max(spare, 0), column.width - widths[number])
        widths[number] += more
        spare -= more
    return widths


def _cut(cell: str, width: int) -> str:
    return set_cell_size(cell, width) if cell_len(cell) <= width else f"{set_cell_size(cell, width - 1)}…"
