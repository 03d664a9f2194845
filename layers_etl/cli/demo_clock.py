"""By which clock a demo's warehouse is to be judged: its world stands still when the demo ends."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec

from layers_etl.domain.ids import same_id
from layers_etl.errors import LayersEtlError
from layers_etl.ingest.publisher import nearest_publisher
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.organization import load_organization
from layers_etl.warehouse.readers import open_newest

DEMO: Final = "demo.json"
"""The file in the data folder by which a demo is known."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Whose numbers the demo wrote, the instant at which its clock stands, and its first day."""

    organization_id: str
    instant: datetime
    start_date: date

    def settings_over(self, settings: Settings) -> Settings:
        """Those by which the demo ran, in the folder of ``settings``: what else these say is of the real API."""
        return Settings(data_dir=settings.data_dir, start_date=self.start_date)


def record_demo(data_dir: Path, demo: Demo) -> None:
    """Write down that the folder holds a demo's warehouse."""
    (data_dir / DEMO).write_bytes(msgspec.json.encode(demo))


def demo_of(warehouse: Readable, data_dir: Path) -> Demo | None:
    """The demo that wrote ``warehouse``; None where none did, even if one has left its mark in the folder."""
    try:
        demo = msgspec.json.decode((data_dir / DEMO).read_bytes(), type=Demo)
    except (OSError, msgspec.DecodeError):
        return None
    owner = load_organization(warehouse)
    return demo if owner and same_id(owner, demo.organization_id) else None


def find_demo(settings: Settings) -> Demo | None:
    """The same of the newest warehouse in the data folder; None where it cannot be looked at."""
    with (
        contextlib.suppress(LayersEtlError, OSError),
        open_newest(settings.build_path, nearest_publisher(settings)) as newest,
    ):
        return demo_of(newest, settings.data_dir) if newest else None
    return None
