"""Numbers and days as people read them on a page. What is not known is a dash, never a zero."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final

UNKNOWN: Final = "–"
THOUSAND: Final = 1_000
LARGE: Final = 10_000
MANIFOLD: Final = 10.0
MEANINGLESS: Final = 1e6
"""A factor that says only that there was next to nothing before."""

UNITS: Final = ((1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (THOUSAND, "k"))

Number = Decimal | float | int


def money(amount: Number | None) -> str:
    """Units of a currency that stands beside it: cents below a thousand, none above, in thousands from ten thousand."""
    if amount is None:
        return UNKNOWN
    if abs(amount) >= LARGE:
        return compact(amount)
    return f"{amount:,.0f}" if abs(amount) >= THOUSAND else f"{amount:,.2f}"


def count(number: Number | None) -> str:
    """A whole number; from ten thousand on in thousands."""
    if number is None:
        return UNKNOWN
    return compact(number) if abs(number) >= LARGE else f"{number:,.0f}"


def compact(number: Number) -> str:
    """Three digits and a unit."""
    for least, unit in UNITS:
        if abs(number) >= least:
            part = float(number) / least
            return f"{part:,.{_places(part)}f}{unit}"
    return f"{number:,.{_places(float(number))}f}"


def _places(part: float) -> int:
    whole = len(f"{abs(part):.0f}")
    return max(0, 3 - whole)


def ratio(value: float | None) -> str:
    """Two decimals."""
    return UNKNOWN if value is None else f"{value:,.2f}"


def percent(share: float | None) -> str:
    """A share of one, without decimals."""
    return UNKNOWN if share is None else f"{share:.0%}"


def change(new: Number | None, old: Number | None) -> str:
    """By how much it changed; empty where that can't be said."""
    if new is None or old is None or old <= 0:
        return ""
    return times(float(new) / float(old))


def times(factor: float) -> str:
    """A change by its factor, in per cent with its sign; as a factor from tenfold on, and not at all if endless."""
    if factor >= MANIFOLD:
        return f"×{compact(factor)}" if factor < MEANINGLESS else ""
    rounded = round((factor - 1) * 100)
    return f"{rounded:+d}%".replace("-", "−") if rounded else "±0%"


def signed(number: Number, places: int = 0) -> str:
    """With its sign; none where it rounds to nothing."""
    said = f"{number:+,.{places}f}".replace("-", "−")
    return "±0" if not said.strip("+−0.,") else said


def day_of(day: date | None) -> str:
    """Like 7 Jan, the same in every country."""
    return UNKNOWN if day is None else f"{day.day} {day:%b}"


def instant_of(instant: datetime) -> str:
    """To the minute, in UTC."""
    return f"{instant.day} {instant:%b %Y, %H:%M} UTC"
