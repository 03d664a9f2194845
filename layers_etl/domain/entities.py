"""What the listings say of the organisation, its projects and its ad entities, in the warehouse's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from layers_etl.domain.scopes import Scope
from layers_etl.errors import RefusedError, RequestContext

REQUIRED_SCOPES: Final = ("metrics:read", "ads:read")
"""Of the key: for the metrics and for the listings (layers-api.md, Errors)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the key is (``GET /v1/whoami``). ``server_now`` is the response's ``Date``: the clock that settles days."""

    organization_id: str
    organization_name: str | None
    api_key_id: str | None
    scopes: tuple[str, ...]
    rate_limit_tier: str | None
    kill_switch: bool
    access_revoked: bool
    server_now: datetime | None

    def require_usable(self) -> None:
        """Raise :class:`RefusedError` where the key can read nothing: before anything is written (rule 4)."""
        if self.access_revoked or self.kill_switch:
            raise self._refusal("API access of this organisation is switched off: ask Layers' support to restore it.")
        missing = [scope for scope in REQUIRED_SCOPES if scope not in self.scopes]
        if self.scopes and missing:
            raise self._refusal(
                f"The key lacks {' and '.join(missing)}: create one with these scopes in the Layers dashboard.",
                code="FORBIDDEN_SCOPE",
            )

    def _refusal(self, reason: str, code: str = "ACCESS_REVOKED") -> RefusedError:
        return RefusedError(reason, RequestContext(f"Key {self.api_key_id or 'in use'}"), code)


@dataclass(frozen=True, slots=True)
class Entity:
    """One project, ad account, campaign, ad set or ad as last listed. Grain: ``(scope, project_id, entity_id)``.

    Fields a scope does not have are None. Budgets are integer cents of the account's currency. ``attributes`` holds
    every field of the wire that has no column, as JSON values, so that nothing the API says is lost.
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
