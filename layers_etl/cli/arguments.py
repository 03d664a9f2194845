"""Days and instants as a user writes them, and options that several commands have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

import typer

from layers_etl.domain.days import parse_instant
from layers_etl.errors import ConfigurationError

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell nothing but warnings and errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell how much would be asked for; sends listings alone, writes nothing.")
]


@dataclass(frozen=True, slots=True)
class How:
    """How a command tells what it did: nothing of what went well if ``quiet``, one document if ``as_json``."""

    quiet: bool = False
    as_json: bool = False


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
