"""What the listings say of the organisation, its projects and its ad entities, in the warehouse's terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from layers_etl.domain.scopes import Scope
from layers_etl.domain.storable import printable_line

KEY_SCOPES: Final = ("projects:read", "ads:read", "metrics:read")
"""Of the key: for the list of projects, for their accounts and campaigns, for the metrics (layers-api.md, Errors)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the key is (``GET /v1/whoami``), and nothing of what it may do: only a 403 tells that.

    ``switched_off`` are the switches of the answer that say that access is off. ``server_now`` is the response's
    ``Date``: the clock that settles days.
    """

    organization_id: str
    organization_name: str | None
    api_key_id: str | None
    rate_limit_tier: str | None
    switched_off: tuple[str, ...]
    server_now: datetime | None


def named(name: str | None, entity_id: str) -> str:
    """``Spring Sale (cmp_1)``, on one line whatever the name holds; the id alone where it has none."""
    shown = printable_line(name or "")
    return f"{shown} ({entity_id})" if shown else entity_id


@dataclass(frozen=True, slots=True)
class OddField:
    """A field of a listed item that was put aside or repaired, since no column takes what it holds.

    ``field`` is its name on the wire, ``problem`` what became of it, ``value`` a short form of what came.
    """

    field: str
    problem: str
    value: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One project, ad account, campaign, ad set or ad as last listed. Grain: ``(scope, project_id, entity_id)``.

    Fields a scope does not have are None. Budgets are integer cents of the account's currency. ``attributes`` holds
    every field of the wire that has no column, as JSON values, so that nothing the API says is lost. ``odd_fields`` are
    those that were put aside or repaired. Of ``unread_columns`` nothing was learned: what is known of them stands.
    """

    scope: Scope
    project_id: str
    entity_id: str
    platform: str | None = None
    name: str | None = None
    status: str | None = None
    external_id: str | None = None
    ad_account_id: str | None = None
    campaign_id: str | None = None
    adset_id: str | None = None
    currency: str | None = None
    timezone: str | None = None
    token_status: str | None = None
    token_last_validated_at: datetime | None = None
    connected_at: datetime | None = None
    objective: str | None = None
    daily_budget_cents: int | None = None
    lifetime_budget_cents: int | None = None
    created_at: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    odd_fields: tuple[OddField, ...] = ()
    unread_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing as read to its end: its entities, and the items that could not be told from others.

    Grain of ``entities``: their own, each once. ``left_out`` are the items without a usable id: while there are any,
    an entity that is not among the others may still be listed.
    """

    entities: tuple[Entity, ...]
    left_out: tuple[OddField, ...] = ()

    def __iter__(self) -> Iterator[Entity]:
        """The entities, in the order of the listing."""
        return iter(self.entities)

    def __len__(self) -> int:
        """How many entities there are."""
        return len(self.entities)
