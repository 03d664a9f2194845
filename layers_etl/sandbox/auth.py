"""API keys: who calls, for which organisation, with which scopes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from layers_etl.sandbox.errors import forbidden, unauthenticated
from layers_etl.sandbox.ratelimit import Tier
from layers_etl.sandbox.world import CHILD_ORGANIZATION, ORGANIZATION

DEFAULT_KEY: Final = "lp_test_sandbox"
"""Every scope, tier partner: the demo's key."""


class Permission(StrEnum):
    """The scopes a key can hold."""

    METRICS_READ = "metrics:read"
    ADS_READ = "ads:read"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What the API knows of a key. `id` is what may be shown and logged."""

    id: str
    organization_id: str = ORGANIZATION
    tier: Tier = Tier.PARTNER
    permissions: frozenset[Permission] = frozenset(Permission)
    is_revoked: bool = False
    is_parent: bool = False


KEYS: Final[Mapping[str, ApiKey]] = {
    DEFAULT_KEY: ApiKey("key_01JSANDBOX"),
    "lp_test_standard": ApiKey("key_01JSTANDARD", tier=Tier.STANDARD),
    "lp_test_pilot": ApiKey("key_01JPILOT", tier=Tier.PILOT),
    "lp_test_partner": ApiKey("key_01JPARTNER", tier=Tier.PARTNER),
    "lp_test_noscope": ApiKey("key_01JNOSCOPE", permissions=frozenset({Permission.ADS_READ})),
    "lp_test_noads": ApiKey("key_01JNOADS", permissions=frozenset({Permission.METRICS_READ})),
    "lp_test_revoked": ApiKey("key_01JREVOKED", is_revoked=True),
    "lp_test_parent": ApiKey("key_01JPARENT", is_parent=True),
    "lp_test_child": ApiKey("key_01JCHILD", organization_id=CHILD_ORGANIZATION),
}


def authenticate(authorization: str | None) -> ApiKey:
    """The key of an `Authorization: Bearer lp_…` header; UNAUTHENTICATED if missing, malformed, unknown or revoked."""
    if authorization is None:
        raise unauthenticated("Missing API key. Send 'Authorization: Bearer lp_…'.")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.startswith("lp_"):
        raise unauthenticated("Malformed API key. Send 'Authorization: Bearer lp_…'.")
    key = KEYS.get(token)
    if key is None:
        raise unauthenticated("Unknown API key.")
    if key.is_revoked:
        raise unauthenticated("This API key has been revoked.")
    return key


def acting_organization(key: ApiKey, requested: str | None) -> str:
    """The organisation a request acts for: the key's, or the child `X-Layers-Organization` names.

    FORBIDDEN_SCOPE if the key is no parent of the organisation named.
    """
    if requested is None or requested == key.organization_id:
        return key.organization_id
    if key.is_parent and requested == CHILD_ORGANIZATION:
        return requested
    raise forbidden("This API key may not act for another organization.")


def require(key: ApiKey, permission: Permission | None) -> None:
    """FORBIDDEN_SCOPE unless the key holds the permission, if one is asked for."""
    if permission is not None and permission not in key.permissions:
        raise forbidden(f"This API key lacks the scope '{permission}'.")
