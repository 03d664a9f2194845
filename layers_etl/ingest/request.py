"""What a run is asked to do."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from layers_etl.domain.days import ONE_DAY, DayWindow, format_instant
from layers_etl.domain.ids import is_among
from layers_etl.domain.planning import KnownEntity
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.errors import ConfigurationError
from layers_etl.settings import Settings


class RunKind(enum.StrEnum):
    """A ``run`` reads what is not settled; a ``backfill`` reads all it names."""

    RUN = "run"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run's request. Empty ``campaign_ids`` and ``ad_account_ids``: every entity.

    ``as_of`` is the instant the run stands for; nothing it reads counts as read later. None: the API's own clock.
    ``retry_of`` is the run that this one retries: what that one read is not asked for again. ``window`` are the days
    named; a run reads what is open before its end as well.
    """

    kind: RunKind = RunKind.RUN
    as_of: datetime | None = None
    campaign_ids: frozenset[str] = frozenset()
    ad_account_ids: frozenset[str] = frozenset()
    retry_of: str | None = None
    window: DayWindow | None = None

    @property
    def is_backfill(self) -> bool:
        """Whether all that is named is read, settled or not."""
        return self.kind is RunKind.BACKFILL

    @property
    def is_limited(self) -> bool:
        """Whether only some entities are asked for."""
        return bool(self.campaign_ids or self.ad_account_ids)

    def includes(self, entity: KnownEntity) -> bool:
        """Whether the entity is asked for: by its own id, or by its account's."""
        if not self.is_limited:
            return True
        return self.names(entity.key) or (
            entity.key.scope is not AD_ACCOUNT and is_among(entity.parent_id or "", self.ad_account_ids)
        )

    def names(self, key: EntityKey) -> bool:
        """Whether the request names the entity by its own id."""
        own_ids = {CAMPAIGN: self.campaign_ids, AD_ACCOUNT: self.ad_account_ids}
        return is_among(key.entity_id, own_ids.get(key.scope, ()))

    def counts_as_read_at(self, reading: Reading) -> datetime:
        """When it was made, but no later than the instant the run was told to stand for.

        Otherwise a run that stands for the past would settle days by today's clock.
        """
        return min(reading.read_at, self.as_of or reading.read_at)

    def describe(self) -> str:
        """The request in words; two requests of equal words are the same request, made twice."""
        parts: list[str] = [self.kind]
        if self.is_backfill and self.window:
            parts.append(str(self.window))
        if self.as_of:
            parts.append(f"as of {format_instant(self.as_of)}")
        parts += [f"campaign {campaign_id}" for campaign_id in sorted(self.campaign_ids)]
        parts += [f"ad account {ad_account_id}" for ad_account_id in sorted(self.ad_account_ids)]
        return ", ".join(parts)


def require_closed_day(settings: Settings, instant: datetime) -> None:
    """Raises :class:`ConfigurationError` where no day has closed by ``instant``: a run has nothing to read."""
    if settings.start_date >= instant.date():
        raise ConfigurationError(
            f"LAYERS_START_DATE is {settings.start_date}, and no day since then has closed by "
            f"{format_instant(instant)}: set it to the first day you want in the warehouse."
        )


def require_days_of_warehouse(settings: Settings, window: DayWindow) -> None:
    """Raises :class:`ConfigurationError` where a backfill of ``window`` would begin before the warehouse does."""
    if window.since < settings.start_date:
        raise ConfigurationError(
            f"The warehouse begins at {settings.start_date}: set LAYERS_START_DATE to {window.since} or earlier first."
        )


def require_days_begun(window: DayWindow, now: datetime) -> None:
    """Raises :class:`ConfigurationError` where ``window`` has days that have not begun by ``now``."""
    tomorrow = now.date() + ONE_DAY
    if window.until > tomorrow:
        raise ConfigurationError(
            f"{window} reaches into the future: the last day that has begun is {tomorrow - ONE_DAY}."
        )
