"""The endpoints under `/v1`: each a function from the world and a call to the payload of a 200."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from layers_etl.sandbox.activity import total
from layers_etl.sandbox.auth import Permission
from layers_etl.sandbox.entities import Account, Ad, AdSet, Campaign, Organization, Platform, Project, Scope
from layers_etl.sandbox.errors import forbidden, not_found, validation
from layers_etl.sandbox.exchange import Call, JsonObject
from layers_etl.sandbox.ids import matches
from layers_etl.sandbox.metrics import Market, Metric, parse_metrics, series_metrics, totals_metrics, wire
from layers_etl.sandbox.paging import decode_cursor, encode_cursor, page, parse_limit, require_well_formed
from layers_etl.sandbox.windows import DEFAULT_SPAN, Granularity, Window, parse_instant, rollup
from layers_etl.sandbox.world import ORGANIZATIONS, Entity, Generation, World

Endpoint = Callable[[World, Call], JsonObject]
Item = TypeVar("Item")
Choice = TypeVar("Choice", bound=StrEnum)


class ProjectStatus(StrEnum):
    """The statuses of a project."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class OrganizationStatus(StrEnum):
    """The statuses of an organisation."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


class CampaignStatus(StrEnum):
    """The statuses of a campaign, ad set or ad."""

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"
    DELETED = "deleted"
    IN_REVIEW = "in_review"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class MetricsQuery:
    """A valid question to `ads-metrics`."""

    scope: Scope
    id: str
    metrics: Sequence[Metric]
    platforms: frozenset[Platform]
    window: Window

    @classmethod
    def of(cls, call: Call) -> "MetricsQuery":
        """The question a call asks; VALIDATION says what is wrong with it."""
        scope = _choice(call, "scope", Scope)
        entity_id = call.value("id")
        if not scope or not entity_id:
            raise validation(f"'{'id' if scope else 'scope'}' is required.")
        return cls(
            scope,
            entity_id,
            parse_metrics(call.values("metrics"), scope),
            _choices(call, "platforms", Platform),
            asked_window(call),
        )


def asked_window(call: Call) -> Window:
    """The window a call asks for: by default, as each bound's own default, from 30 days ago until now."""
    since, until = call.value("since"), call.value("until")
    return Window.of(
        call.now - DEFAULT_SPAN if since is None else parse_instant("since", since),
        call.now if until is None else parse_instant("until", until),
        _choice(call, "granularity", Granularity) or Granularity.DAY,
    )


def whoami(world: World, call: Call) -> JsonObject:
    """`GET /v1/whoami`: the key, never its text, and the organisation it acts for.

    The new generation tells the parent of the organisation instead of the two switches.
    """
    organization = ORGANIZATIONS[call.organization_id]
    is_new = (call.key.generation or world.config.generation) is Generation.NEW
    switches: JsonObject = {"killSwitch": False, "apiAccessRevoked": False}
    return {
        "organizationId": organization.id,
        **({"parentOrganizationId": organization.parent_id} if is_new else {}),
        "workspaceId": organization.id,
        "organizationName": organization.name,
        "scopes": call.key.scopes,
        "rateLimitTier": call.tier,
        **({} if is_new else switches),
        "apiKeyId": call.key.id,
        "creditBalance": 10_000,
    }


def list_organizations(_: World, call: Call) -> JsonObject:
    """`GET /v1/organizations?status&limit&cursor`: the children of a parent key's organisation."""
    if not call.key.is_parent:
        raise forbidden("Only a parent organization's key may list organizations.")
    statuses = _choices(call, "status", OrganizationStatus)
    children = (
        organization
        for organization in ORGANIZATIONS.values()
        if organization.parent_id == call.organization_id and organization.status in statuses
    )
    return _page_of(call, children, Organization.wire)


def list_projects(world: World, call: Call) -> JsonObject:
    """`GET /v1/projects?limit&cursor&status&search&customerExternalId`, the newest first.

    A malformed limit or cursor is refused with a 422 here; a cursor that is only not the list's own gives the first
    page, as everywhere.
    """
    statuses = _choices(call, "status", ProjectStatus)
    customer, searched = call.value("customerExternalId"), (call.value("search") or "").casefold()
    require_well_formed(call.value("cursor"))
    projects = (
        project
        for project in sorted(world.projects(call.organization_id), key=lambda found: found.created_at, reverse=True)
        if project.status in statuses
        and customer in (None, project.customer_external_id)
        and searched in project.name.casefold()
    )
    return _page_of(call, projects, Project.wire, default_limit=25, status_of_bad_limit=422)


def show_project(world: World, call: Call) -> JsonObject:
    """`GET /v1/projects/{projectId}`."""
    return _project(world, call).wire()


def list_ad_accounts(world: World, call: Call) -> JsonObject:
    """`GET …/ads/ad-accounts?platforms&healthy`: not paged. Healthy is an account whose token is valid."""
    platforms = _choices(call, "platforms", Platform)
    healthy = _flag(call, "healthy")
    accounts = world.accounts(_project(world, call).id)
    return {
        "items": [
            account.wire(call.now)
            for account in accounts
            if account.platform in platforms and healthy in (None, account.token_status == "valid")
        ]
    }


def list_campaigns(world: World, call: Call) -> JsonObject:
    """`GET …/ads/campaigns?platforms&adAccountId&status&since&cursor&limit`; `since` bounds the time of creation."""
    since = call.value("since")
    created_from = None if since is None else parse_instant("since", since)
    campaigns = (
        campaign for campaign in _campaigns(world, call) if created_from is None or campaign.created_at >= created_from
    )
    return _page_of(call, campaigns, lambda campaign: campaign.wire(call.now))


def list_adsets(world: World, call: Call) -> JsonObject:
    """`GET …/ads/adsets?campaignId&adAccountId&platforms&status&cursor&limit`."""
    adsets = (adset for campaign in _campaigns(world, call) for adset in world.adsets(campaign))
    return _page_of(call, adsets, lambda adset: adset.wire(call.now))


def list_ads(world: World, call: Call) -> JsonObject:
    """`GET …/ads/ads?adsetId&campaignId&adAccountId&platforms&status&cursor&limit`; Apple has none."""
    adset_id = call.value("adsetId")
    ads = (
        ad
        for campaign in _campaigns(world, call)
        for adset in world.adsets(campaign)
        if _is_asked(adset_id, adset.id)
        for ad in world.ads(adset)
    )
    return _page_of(call, ads, lambda ad: ad.wire(call.now))


def ads_metrics(world: World, call: Call) -> JsonObject:
    """`GET …/ads-metrics`: one entity's series and totals over a window.

    `platforms` slices ad accounts and projects and means nothing elsewhere. A project's money is summed across its
    currencies as it stands: only a slice of one currency means something. NOT_FOUND for an entity that is not in the
    project. The id is echoed as it was asked for.
    """
    query = MetricsQuery.of(call)
    project = _project(world, call)
    entity = world.find(query.scope, query.id, call.now)
    if entity is None or _project_id(entity) != project.id:
        raise not_found(f"{query.scope} '{query.id}'")
    buckets = world.series(
        query.scope, query.id, query.window.first_day, query.window.end_day, call.now, platforms=query.platforms
    )
    market = Market(project.audience, _platform(world, entity, query.platforms))
    shown = series_metrics(query.metrics)
    whole = total(bucket.activity for bucket in buckets if bucket.copies)
    return {
        "scope": query.scope,
        "id": query.id,
        "platform": market.platform,
        "window": query.window.wire(),
        "series": [
            {"bucket": bucket, **wire(activity, shown, market)}
            for bucket, activity in rollup(buckets, query.window.granularity)
        ],
        "totals": wire(whole, totals_metrics(query.metrics), market),
    }


@dataclass(frozen=True, slots=True)
class Route:
    """A path under `/v1`, what answers there, and the permission that takes."""

    path: str
    endpoint: Endpoint
    permission: Permission | None


_PROJECT: Final = "/v1/projects/{project_id}"
ROUTES: Final = (
    Route("/v1/whoami", whoami, None),
    Route("/v1/organizations", list_organizations, Permission.ORG_ADMIN),
    Route("/v1/projects", list_projects, Permission.PROJECTS_READ),
    Route(_PROJECT, show_project, Permission.PROJECTS_READ),
    Route(f"{_PROJECT}/ads/ad-accounts", list_ad_accounts, Permission.ADS_READ),
    Route(f"{_PROJECT}/ads/campaigns", list_campaigns, Permission.ADS_READ),
    Route(f"{_PROJECT}/ads/adsets", list_adsets, Permission.ADS_READ),
    Route(f"{_PROJECT}/ads/ads", list_ads, Permission.ADS_READ),
    Route(f"{_PROJECT}/ads-metrics", ads_metrics, Permission.METRICS_READ),
)


def _project(world: World, call: Call) -> Project:
    """The project of the path; NOT_FOUND also if it is another organisation's."""
    project_id = call.path_parameters["project_id"]
    project = world.project(project_id)
    if project is None or project.organization_id != call.organization_id:
        raise not_found(f"Project '{project_id}'")
    return project


def _campaigns(world: World, call: Call) -> Iterable[Campaign]:
    """The project's campaigns that the filters shared by campaigns, ad sets and ads let through."""
    platforms = _choices(call, "platforms", Platform)
    statuses = _choices(call, "status", CampaignStatus)
    campaign_id, account_id = call.value("campaignId"), call.value("adAccountId")
    today = call.now.toordinal()
    return (
        campaign
        for campaign in world.campaigns(_project(world, call).id, call.now)
        if campaign.platform in platforms
        and _is_asked(account_id, campaign.account_id)
        and _is_asked(campaign_id, campaign.id)
        and campaign.status_on(today) in statuses
    )


def _is_asked(wanted: str | None, listed: str) -> bool:
    """Whether a filter by id, with its prefix or without, lets the entity through."""
    return wanted is None or matches(wanted, listed)


def _page_of(
    call: Call,
    items: Iterable[Item],
    wire_of: Callable[[Item], JsonObject],
    *,
    default_limit: int = 100,
    status_of_bad_limit: int = 400,
) -> JsonObject:
    limit = parse_limit(call.value("limit"), default_limit, status=status_of_bad_limit)
    found, following = page(items, decode_cursor(call.path, call.value("cursor")), limit)
    return {
        "items": [wire_of(item) for item in found],
        "nextCursor": None if following is None else encode_cursor(call.path, following),
    }


def _project_id(entity: Entity) -> str:
    match entity:
        case Project():
            return entity.id
        case Account() | Campaign():
            return entity.project_id
        case AdSet():
            return entity.campaign.project_id
        case Ad():
            return entity.adset.campaign.project_id


def _platform(world: World, entity: Entity, platforms: frozenset[Platform]) -> Platform | None:
    """The platform of an entity; of a project, the one all accounts in the slice share, if they do."""
    match entity:
        case Project():
            found = {account.platform for account in world.accounts(entity.id)} & platforms
            return found.pop() if len(found) == 1 else None
        case Account() | Campaign():
            return entity.platform
        case AdSet():
            return entity.campaign.platform
        case Ad():
            return entity.adset.campaign.platform


def _choice(call: Call, name: str, kind: type[Choice]) -> Choice | None:
    value = call.value(name)
    return None if value is None else _chosen(name, value, kind)


def _choices(call: Call, name: str, kind: type[Choice]) -> frozenset[Choice]:
    """The values of an array filter; all there are if it is absent."""
    return frozenset(_chosen(name, value, kind) for value in call.values(name)) or frozenset(kind)


def _chosen(name: str, value: str, kind: type[Choice]) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise validation(f"Unknown {name} '{value}'. Use one of: {', '.join(kind)}.") from None


def _flag(call: Call, name: str) -> bool | None:
    match call.value(name):
        case None:
            return None
        case "true":
            return True
        case "false":
            return False
        case _:
            raise validation(f"'{name}' must be true or false.")
