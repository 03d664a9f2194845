"""Wire to record for whoami and the listings.

Only an item's id and parent are required; the spelling of the rest is inferred (layers-api.md, Endpoints), so each
column knows several. A field that has no column, or whose value is not of the column's type, stays in ``attributes``
as it came: nothing the API says is lost, and one odd field costs no listing. An item without id or parent makes the
whole listing untrusted, because silently leaving it out would look like an entity that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from layers_etl.api.paging import ParsedPage
from layers_etl.api.wire import Instant, WhoAmI, parse_page
from layers_etl.domain.entities import Entity, Identity
from layers_etl.domain.scopes import SCOPES, Scope

_TEXT: Final = TypeAdapter[Any](str, config=ConfigDict(coerce_numbers_to_str=True, str_min_length=1))
_INSTANT: Final = TypeAdapter[Any](Instant)
_CENTS: Final = TypeAdapter[Any](int)


class MissingFieldError(ValueError):
    """An item of a listing has no id, or no parent."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A field of :class:`Entity` and the spellings it has on the wire, compared without case and underscores."""

    name: str
    spellings: tuple[str, ...]
    type: TypeAdapter[Any] = _TEXT


def parse_identity(answer: WhoAmI, *, server_now: datetime | None) -> Identity:
    """Who the key is; absent switches mean that nothing is switched off."""
    return Identity(
        organization_id=answer.organization_id,
        organization_name=answer.organization_name,
        api_key_id=answer.api_key_id,
        scopes=tuple(answer.scopes),
        rate_limit_tier=answer.rate_limit_tier,
        kill_switch=bool(answer.kill_switch),
        access_revoked=bool(answer.api_access_revoked),
        server_now=server_now,
    )


def parse_entity_page(body: bytes, scope: Scope, project_id: str | None) -> ParsedPage[Entity]:
    """One page of a listing, by entity id. ``project_id`` is None for projects, which are their own.

    Raises what :func:`layers_etl.api.wire.parse_page` does, and :class:`MissingFieldError`.
    """
    page = parse_page(body)
    entities = (parse_entity(item, scope, project_id, at) for at, item in enumerate(page.items))
    return ParsedPage({entity.entity_id: entity for entity in entities}, page.next_cursor)


def parse_entity(item: dict[str, Any], scope: Scope, project_id: str | None, position: int = 0) -> Entity:
    """One item of a listing; :class:`MissingFieldError` if it has no id or no parent."""
    spelled = {_plain(key): key for key in reversed(item)}
    values: dict[str, Any] = {}
    taken: set[str] = set()
    for column in _COLUMNS[scope.name]:
        for key, value in _values(column, item, spelled):
            values[column.name] = value
            taken.add(key)
            break
    required = ("entity_id", *scope.parents[-1:])
    if absent := next((name for name in required if name not in values), None):
        field = scope.api_id if absent == "entity_id" else SCOPES[absent.removesuffix("_id")].api_id
        raise MissingFieldError(f"items.{position}.{field}: missing or no text")
    attributes = {key: value for key, value in item.items() if key not in taken}
    return Entity(scope, project_id or values["entity_id"], attributes=attributes, **values)


def _values(column: _Column, item: dict[str, Any], spelled: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """The wire's keys and values that fit the column, best spelling first."""
    for spelling in column.spellings:
        key = spelled.get(spelling)
        if key is None or item[key] is None or isinstance(item[key], bool):
            continue
        try:
            yield key, column.type.validate_python(item[key])
        except ValidationError:
            continue


def _plain(key: str) -> str:
    """``adAccountId``, ``ad_account_id`` and ``AdAccountID`` are one spelling."""
    return key.replace("_", "").lower()


def _columns(scope: Scope) -> tuple[_Column, ...]:
    own = _plain(scope.name)
    parents = tuple(
        _Column(name, (_plain(name), *(("accountid",) if name == "ad_account_id" else ()))) for name in scope.parents
    )
    return (
        _Column("entity_id", (_plain(scope.api_id), "id")),
        *parents,
        _Column("platform", ("platform",)),
        _Column("name", ("name", f"{own}name")),
        _Column("status", ("status", f"{own}status")),
        _Column(
            "external_id",
            ("externalid", f"platform{own}id", f"external{own}id", "platformid", "nativeid", "platformnativeid"),
        ),
        _Column("currency", ("currency",)),
        _Column("timezone", ("timezone",)),
        _Column("token_status", ("tokenstatus",)),
        _Column("token_last_validated_at", ("tokenlastvalidatedat",), _INSTANT),
        _Column("connected_at", ("connectedat",), _INSTANT),
        _Column("objective", ("objective",)),
        _Column("daily_budget_cents", ("dailybudgetcents", "dailybudget", "budgetdailycents", "budgetdaily"), _CENTS),
        _Column(
            "lifetime_budget_cents",
            ("lifetimebudgetcents", "lifetimebudget", "budgetlifetimecents", "budgetlifetime"),
            _CENTS,
        ),
        _Column("created_at", ("createdat", "created", "createdtime", f"{own}createdat"), _INSTANT),
    )


_COLUMNS: Final = {scope.name: _columns(scope) for scope in SCOPES.values()}
