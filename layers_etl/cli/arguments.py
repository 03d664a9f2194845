"""Days and instants as a user writes them, and options that several commands have."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from layers_etl.domain.days import parse_instant
from layers_etl.errors import ConfigurationError

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell nothing but warnings and errors.")]


def day_of(text: str) -> date:
    """The day that ``text`` names; :class:`ConfigurationError` for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is not a day like 2026-04-01.") from None


def instant_of(text: str) -> datetime:
    """The instant that ``text`` names; :class:`ConfigurationError` for what is none."""
    try:
        return parse_instant(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is not an instant like 2026-04-01T06:00:00Z.") from None
