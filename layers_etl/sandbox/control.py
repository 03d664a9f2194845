"""What tests and demos steer the sandbox by: `/sandbox/clock`, `/faults`, `/requests` and `/world`.

Open to the loopback interface only, without a key. Field names here are the sandbox's own, in snake case.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from layers_etl.sandbox.clock import Clock
from layers_etl.sandbox.entities import Platform, Scope
from layers_etl.sandbox.faults import Fault, Faults
from layers_etl.sandbox.journal import Journal
from layers_etl.sandbox.world import Numbers, World

Reply = object


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockSetting(_Body):
    """`PUT /sandbox/clock`: the instant to stand still at, aware."""

    now: AwareDatetime


class UpdateProject(_Body):
    """Rename a project or change its status."""

    op: Literal["update_project"]
    project_id: str
    name: str | None = None
    status: str | None = None

    def apply(self, world: World) -> str:
        """Make the change; the project's id."""
        world.update_project(self.project_id, name=self.name, status=self.status)
        return self.project_id


class UpdateAccount(_Body):
    """Change an account's name, currency, time zone or token status."""

    op: Literal["update_account"]
    account_id: str
    name: str | None = None
    currency: str | None = None
    timezone: str | None = None
    token_status: str | None = None

    def apply(self, world: World) -> str:
        """Make the change; the account's id."""
        world.update_account(
            self.account_id,
            name=self.name,
            currency=self.currency,
            timezone=self.timezone,
            token_status=self.token_status,
        )
        return self.account_id


class UpdateCampaign(_Body):
    """Change a campaign's name, status or daily budget."""

    op: Literal["update_campaign"]
    campaign_id: str
    name: str | None = None
    status: str | None = None
    daily_budget_cents: int | None = None

    def apply(self, world: World) -> str:
        """Make the change; the campaign's id."""
        world.update_campaign(
            self.campaign_id, name=self.name, status=self.status, daily_budget_cents=self.daily_budget_cents
        )
        return self.campaign_id


class RemoveCampaign(_Body):
    """Take a campaign off the lists; 404 for it and its children."""

    op: Literal["remove_campaign"]
    campaign_id: str

    def apply(self, world: World) -> str:
        """Make the change; the campaign's id."""
        world.remove_campaign(self.campaign_id)
        return self.campaign_id


class RestoreCampaign(_Body):
    """Undo a removal."""

    op: Literal["restore_campaign"]
    campaign_id: str

    def apply(self, world: World) -> str:
        """Make the change; the campaign's id."""
        world.restore_campaign(self.campaign_id)
        return self.campaign_id


class AddCampaign(_Body):
    """Add a campaign that runs on `[first_day, end_day)` to an account."""

    op: Literal["add_campaign"]
    account_id: str
    first_day: date
    end_day: date | None = None
    name: str | None = None

    def apply(self, world: World) -> str:
        """Make the change; the new campaign's id."""
        return world.add_campaign(self.account_id, first_day=self.first_day, end_day=self.end_day, name=self.name)


class PauseSyncing(_Body):
    """Let no sync happen after `since` and before `until`: for everything, one platform, or one account."""

    op: Literal["pause_syncing"]
    since: AwareDatetime
    until: AwareDatetime | None = None
    platform: Platform | None = None
    account_id: str | None = None

    def apply(self, world: World) -> str:
        """Make the change; the id of the account, or nothing where it is about more than one."""
        world.pause_syncing(self.since, self.until, platform=self.platform, account_id=self.account_id)
        return self.account_id or ""


class MoveCampaign(_Body):
    """List a campaign under another account, where its days from `first_day` on count."""

    op: Literal["move_campaign"]
    campaign_id: str
    account_id: str
    first_day: date

    def apply(self, world: World) -> str:
        """Make the change; the campaign's id."""
        world.move_campaign(self.campaign_id, self.account_id, self.first_day)
        return self.campaign_id


class ReconnectAccount(_Body):
    """List an account under a new id; the old one is 404, or goes on answering."""

    op: Literal["reconnect_account"]
    account_id: str
    old_id_answers: bool = False

    def apply(self, world: World) -> str:
        """Make the change; the account's new id."""
        return world.reconnect_account(self.account_id, old_id_answers=self.old_id_answers)


class OverrideDay(_Body):
    """Serve other numbers for a day at one scope only; `copies` 0 drops the bucket, 2 doubles it."""

    op: Literal["override_day"]
    scope: Scope
    entity_id: str
    day: date
    copies: int = Field(default=1, ge=0)
    numbers: Numbers = {}

    def apply(self, world: World) -> str:
        """Make the change; the entity's id."""
        world.override_day(self.scope, self.entity_id, self.day, copies=self.copies, **self.numbers)
        return self.entity_id


class RestateDay(_Body):
    """Change a campaign's day after the fact, for its parents and children too."""

    op: Literal["restate_day"]
    campaign_id: str
    day: date
    numbers: Numbers

    def apply(self, world: World) -> str:
        """Make the change; the campaign's id."""
        world.restate_day(self.campaign_id, self.day, **self.numbers)
        return self.campaign_id


Operation = Annotated[
    UpdateProject
    | UpdateAccount
    | UpdateCampaign
    | RemoveCampaign
    | RestoreCampaign
    | AddCampaign
    | PauseSyncing
    | MoveCampaign
    | ReconnectAccount
    | OverrideDay
    | RestateDay,
    Field(discriminator="op"),
]

_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)
_FAULT = TypeAdapter(Fault)


class Controls:
    """The functions behind the routes: from the body of a request to what is replied."""

    def __init__(self, world: World, clock: Clock, faults: Faults, journal: Journal) -> None:
        """Steer those four."""
        self._world = world
        self._clock = clock
        self._faults = faults
        self._journal = journal

    def routes(self) -> list[Route]:
        """The routes under `/sandbox`."""
        table: list[tuple[str, str, Callable[[bytes], Reply]]] = [
            ("GET", "clock", self.show_clock),
            ("PUT", "clock", self.set_clock),
            ("GET", "faults", self.list_faults),
            ("POST", "faults", self.add_fault),
            ("DELETE", "faults", self.clear_faults),
            ("GET", "requests", self.list_requests),
            ("DELETE", "requests", self.clear_requests),
            ("POST", "world", self.change_world),
        ]
        return [Route(f"/sandbox/{name}", _respond(act), methods=[method]) for method, name, act in table]

    def show_clock(self, _: bytes = b"") -> Reply:
        """The sandbox's instant."""
        return {"now": _instant(self._clock.now())}

    def set_clock(self, body: bytes) -> Reply:
        """Stand still at an instant."""
        self._clock.set(ClockSetting.model_validate_json(body).now)
        return self.show_clock()

    def list_faults(self, _: bytes = b"") -> Reply:
        """The rules in force."""
        return {"items": [asdict(fault) for fault in self._faults.rules()]}

    def add_fault(self, body: bytes) -> Reply:
        """Put a rule in force; the body has the fields of `Fault`."""
        self._faults.add(_FAULT.validate_json(body))
        return self.list_faults()

    def clear_faults(self, _: bytes) -> Reply:
        """Lift all rules."""
        self._faults.clear()
        return self.list_faults()

    def list_requests(self, _: bytes = b"") -> Reply:
        """The requests received under `/v1`."""
        return {"items": [{**asdict(record), "at": _instant(record.at)} for record in self._journal.records()]}

    def clear_requests(self, _: bytes) -> Reply:
        """Forget the requests received."""
        self._journal.clear()
        return self.list_requests()

    def change_world(self, body: bytes) -> Reply:
        """Apply one operation; replies with the id of what it changed."""
        return {"id": _OPERATION.validate_json(body).apply(self._world)}


def _respond(act: Callable[[bytes], Reply]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        if request.client is None or not ip_address(request.client.host).is_loopback:
            return _json(403, {"error": "only the loopback interface may steer the sandbox"})
        try:
            return _json(200, act(await request.body()))
        except ValidationError as error:
            return _json(422, {"error": str(error)})
        except (KeyError, ValueError) as error:
            return _json(422, {"error": f"{type(error).__name__}: {error}"})

    return respond


def _json(status: int, reply: Reply) -> Response:
    # Parameters of faults can hold what stricter encoders refuse: integers of any size, half of a surrogate pair.
    return Response(json.dumps(reply), status, media_type="application/json")


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
