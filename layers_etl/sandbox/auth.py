"""API keys: who calls, for which organisation, with which scopes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from layers_etl.sandbox.errors import forbidden, suspended, unauthenticated
from layers_etl.sandbox.ids import matches
from layers_etl.sandbox.ratelimit import Tier
from layers_etl.sandbox.world import CHILD_ORGANIZATION, ORGANIZATION, Generation

DEFAULT_KEY: Final = "lp_test_sandbox"
"""Everything that reads, tier partner: the demo's key."""


class Permission(StrEnum):
    """The scopes a key can hold."""

    PROJECTS_READ = "projects:read"
    ADS_READ = "ads:read"
    METRICS_READ = "metrics:read"
    ORG_ADMIN = "org:admin"


READING: Final = frozenset({Permission.PROJECTS_READ, Permission.ADS_READ, Permission.METRICS_READ})


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What the API knows of a key. `id` is what may be shown and logged, `purpose` what it is there for.

    `listed_scopes` is what `whoami` tells of its permissions, where that is not what it may do. `generation` is that of
    its `whoami`; None: the sandbox's.
    """

    id: str
    purpose: str
    organization_id: str = ORGANIZATION
    tier: Tier = Tier.PARTNER
    permissions: frozenset[Permission] = READING
    listed_scopes: tuple[str, ...] | None = None
    generation: Generation | None = None
    is_revoked: bool = False
    is_suspended: bool = False
    is_parent: bool = False

    @property
    def scopes(self) -> list[str]:
        """The scopes as `whoami` lists them."""
        return sorted(self.permissions if self.listed_scopes is None else self.listed_scopes)


KEYS: Final[Mapping[str, ApiKey]] = {
    DEFAULT_KEY: ApiKey("key_01JSANDBOX", "may read everything; tier partner"),
    "lp_live_sandbox": ApiKey("key_01JLIVE", "a live key of the same organisation"),
    "lp_test_standard": ApiKey("key_01JSTANDARD", "tier standard", tier=Tier.STANDARD),
    "lp_test_pilot": ApiKey("key_01JPILOT", "tier pilot", tier=Tier.PILOT),
    "lp_test_partner": ApiKey("key_01JPARTNER", "tier partner"),
    "lp_test_new": ApiKey("key_01JNEW", "whoami in the shape of the new generation", generation=Generation.NEW),
    "lp_test_full": ApiKey(
        "key_01JFULL",
        "full access: whoami lists its scopes as *",
        permissions=frozenset(Permission),
        listed_scopes=("*",),
    ),
    "lp_test_unlisted": ApiKey("key_01JUNLISTED", "works, though whoami lists no scopes", listed_scopes=()),
    "lp_test_noprojects": ApiKey(
        "key_01JNOPROJECTS", "lacks projects:read", permissions=READING - {Permission.PROJECTS_READ}
    ),
    "lp_test_noads": ApiKey("key_01JNOADS", "lacks ads:read", permissions=READING - {Permission.ADS_READ}),
    "lp_test_noscope": ApiKey("key_01JNOSCOPE", "lacks metrics:read", permissions=READING - {Permission.METRICS_READ}),
    "lp_test_revoked": ApiKey("key_01JREVOKED", "revoked: 401", is_revoked=True),
    "lp_test_suspended": ApiKey(
        "key_01JSUSPENDED", "its organisation is suspended: 503 KILL_SWITCH", is_suspended=True
    ),
    "lp_test_parent": ApiKey(
        "key_01JPARENT",
        "may act for the child organisation, and list it",
        permissions=frozenset(Permission),
        is_parent=True,
    ),
    "lp_test_child": ApiKey("key_01JCHILD", "of the child organisation", organization_id=CHILD_ORGANIZATION),
}


def authenticate(authorization: str | None) -> ApiKey:
    """The key of an `Authorization: Bearer lp_…` header.

    UNAUTHENTICATED if it is missing, malformed, unknown or revoked, KILL_SWITCH if its organisation is suspended.
    """
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
    if key.is_suspended:
        raise suspended()
    return key


def acting_organization(key: ApiKey, requested: str | None) -> str:
    """The organisation a request acts for: the key's, or the child `X-Layers-Organization` names.

    FORBIDDEN_SCOPE if the key is no parent of the organisation named.
    """
    if requested is None or matches(requested, key.organization_id):
        return key.organization_id
    if key.is_parent and matches(requested, CHILD_ORGANIZATION):
        return CHILD_ORGANIZATION
    raise forbidden("This API key may not act for another organization.")


def require(key: ApiKey, permission: Permission | None) -> None:
    """FORBIDDEN_SCOPE unless the key holds the permission, if one is asked for."""
    if permission is not None and permission not in key.permissions:
        raise forbidden(f"This API key lacks the scope '{permission}'.")
