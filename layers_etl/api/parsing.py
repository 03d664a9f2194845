"""Wire to record for whoami and the listings.

Only an item's id is required; the spelling of the rest is inferred (layers-api.md, Endpoints), so each column knows
several. A field that has no column stays in ``attributes``. So does a value that its column does not take; what no
store takes is repaired. Either is named (:class:`~layers_etl.domain.entities.OddField`), and costs its field alone. An
item without a usable id is left out and named: it costs itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple, cast

from pydantic import TypeAdapter

from layers_etl.api.paging import ParsedPage
from layers_etl.api.wire import WrongTypeError, brief, in_utc, parse_object, parse_page
from layers_etl.domain.entities import Entity, Identity, OddField
from layers_etl.domain.ids import is_usable_id
from layers_etl.domain.scopes import SCOPES, Scope
from layers_etl.domain.storable import LONGEST_TEXT, printable_line, storable_json, storable_text

_DATETIME: Final = TypeAdapter(datetime)
_INTEGER: Final = TypeAdapter(int)
_CURRENCY: Final = re.compile("[A-Z]{3}")
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1

_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=2)
_LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
"""Within the calendar in every time zone, whichever an analyst's client shows."""

_REPAIRED: Final = (
    f"holds what no store takes (NUL, half a surrogate pair, no number, deep nesting, over {LONGEST_TEXT} characters); "
    "repaired"
)


class MissingIdError(ValueError):
    """An item of a listing cannot be told from others: it has no id, or none that can be sent."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A field of :class:`Entity` and the spellings it has on the wire, compared without case and underscores.

    ``read`` makes the column's value of one that is not null, or raises ``ValueError`` with what is wrong with it.
    """

    name: str
    spellings: tuple[str, ...]
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class EntityPage:
    """One page of a listing: its entities by id, and the items that were left out."""

    page: ParsedPage[Entity]
    left_out: tuple[OddField, ...]


def parse_identity(body: bytes, *, server_now: datetime | None) -> Identity:
    """Who the key is, from either generation of ``/v1/whoami``. All but the organisation's id may be missing or odd.

    Raises what :func:`~layers_etl.api.wire.parse_object` does, and ``WrongTypeError`` for an answer that names neither
    an organisation nor a workspace, whose id is the same: there is nobody to claim a warehouse for.
    """
    answer = parse_object(body)
    whose = _read_column(_ORGANIZATION, _stands_under(_ORGANIZATION, answer), answer)
    if whose.key is None:
        raise WrongTypeError("neither organizationId nor workspaceId says whose key it is")
    return Identity(
        whose.value,
        organization_name=_words(answer.get("organizationName")),
        api_key_id=_words(answer.get("apiKeyId")),
        rate_limit_tier=_words(answer.get("rateLimitTier")),
        switched_off=tuple(name for name in ("killSwitch", "apiAccessRevoked") if answer.get(name) is True),
        server_now=server_now,
    )


def parse_entity_page(body: bytes, scope: Scope, project_id: str | None) -> EntityPage:
    """One page of a listing, by entity id. ``project_id`` is None for projects, which are their own.

    Raises what :func:`layers_etl.api.wire.parse_page` does.
    """
    page = parse_page(body)
    entities: dict[str, Entity] = {}
    left_out: list[OddField] = []
    for position, item in enumerate(page.items):
        try:
            entity = parse_entity(item, scope, project_id)
        except MissingIdError as fault:
            left_out.append(OddField(f"items.{position}", str(fault), brief(item)))
        else:
            entities[entity.entity_id] = entity
    return EntityPage(ParsedPage(entities, page.next_cursor), tuple(left_out))


def parse_entity(item: Any, scope: Scope, project_id: str | None) -> Entity:
    """One item of a listing, whatever it holds; :class:`MissingIdError` where it is no object, or has no usable id."""
    if not isinstance(item, dict):
        raise MissingIdError("is no object")
    fields = cast("dict[str, Any]", item)
    reads = {column.name: _read_column(column, keys, fields) for column, keys in _candidates(scope.name, tuple(fields))}
    values = {name: read.value for name, read in reads.items() if read.key is not None}
    if "entity_id" not in values:
        raise MissingIdError(f"has no {scope.api_id} that can be used")
    missing = [name for name in scope.parents[-1:] if reads.get(name, _NOT_THERE) == _NOT_THERE]
    attributes, repaired = _keep(fields, {read.key for read in reads.values()})
    # Last what is said of columns: a value that none takes may also have had to be repaired for the attributes.
    odd = [*map(_missing_parent, missing), *repaired, *chain.from_iterable(read.odd for read in reads.values())]
    return Entity(
        scope,
        project_id or values["entity_id"],
        attributes=attributes,
        odd_fields=tuple({each.field: each for each in odd}.values()),
        unread_columns=frozenset(missing) | {name for name, read in reads.items() if read.odd and read.key is None},
        **values,
    )


class _Read(NamedTuple):
    """What a column got of an item: a value and the key it stood under, or neither; and what was odd on the way."""

    value: Any
    key: str | None
    odd: tuple[OddField, ...] = ()


@lru_cache(maxsize=64)
def _candidates(scope_name: str, keys: tuple[str, ...]) -> Sequence[tuple[_Column, Sequence[str]]]:
    """Each column that may be among an item's ``keys``, with those it may stand under: alike for a whole list."""
    return [(column, found) for column in _COLUMNS[scope_name] if (found := _stands_under(column, keys))]


def _stands_under(column: _Column, keys: Iterable[str]) -> Sequence[str]:
    """Those of ``keys`` that are spellings of the column, best first; of several that are alike, the first."""
    spelled = {_plain(key): key for key in reversed(tuple(keys))}
    return [spelled[spelling] for spelling in column.spellings if spelling in spelled]


_NOT_THERE: Final = _Read(None, None)


def _read_column(column: _Column, keys: Sequence[str], fields: dict[str, Any]) -> _Read:
    """The first value that the column takes, of those under ``keys``. Null and empty are not there."""
    refused: list[tuple[str, str]] = []
    for key in keys:
        sent = fields[key]
        if sent is None or sent == "":
            continue
        try:
            value = column.read(sent)
        except ValueError as fault:
            refused.append((key, str(fault)))
            continue
        if isinstance(sent, str) and isinstance(value, str) and sent != value and storable_text(sent) != sent:
            refused.append((key, _REPAIRED))
        return _Read(value, key, _all_odd(refused, fields))
    return _Read(None, None, _all_odd(refused, fields))


def _all_odd(found: Sequence[tuple[str, str]], fields: dict[str, Any]) -> tuple[OddField, ...]:
    return tuple([_odd(key, problem, fields[key]) for key, problem in found]) if found else ()


def _missing_parent(column: str) -> OddField:
    """The nearest parent is promised of every item; those above it are not."""
    return OddField(SCOPES[column.removesuffix("_id")].api_id, "is missing", "")


def _keep(fields: dict[str, Any], taken: Collection[str | None]) -> tuple[dict[str, Any], list[OddField]]:
    """What no column took, as any store takes it, and which of it had to be repaired for that."""
    kept = {key: storable_json({key: value}) for key, value in fields.items() if key not in taken}
    attributes = {name: value for pair in kept.values() for name, value in pair.items()}
    return attributes, [_odd(key, _REPAIRED, fields[key]) for key, pair in kept.items() if pair != {key: fields[key]}]


def _odd(key: str, problem: str, sent: Any) -> OddField:
    return OddField(printable_line(key), problem, brief(sent))


def _read_text(sent: Any) -> str:
    if isinstance(sent, bool) or not isinstance(sent, str | int):
        raise ValueError("is no text; put aside")  # noqa: TRY004 - what is wrong is the value that was sent
    return storable_text(str(sent))


def _read_currency(sent: Any) -> str:
    """``usd`` and `` USD `` are the one code that ISO 4217 has: two spellings are not two currencies."""
    text = _read_text(sent)
    code = text.strip().upper()
    return code if _CURRENCY.fullmatch(code) else text


def _read_id(sent: Any) -> str:
    if isinstance(sent, bool) or not isinstance(sent, str | int) or not is_usable_id(str(sent)):
        raise ValueError("is no id that can be used; put aside")
    return str(sent)


def _read_instant(sent: Any) -> datetime:
    try:
        instant = in_utc(_DATETIME.validate_python(sent))
    except ValueError:
        raise ValueError("is no instant of the calendar; put aside") from None
    if not _FIRST_INSTANT <= instant <= _LAST_INSTANT:
        raise ValueError("is no instant of the calendar; put aside")
    return instant


def _read_cents(sent: Any) -> int:
    try:
        cents = None if isinstance(sent, bool) else _INTEGER.validate_python(sent)
    except ValueError:
        cents = None
    if cents is None or not _SMALLEST <= cents <= _LARGEST:
        raise ValueError("is no whole number of 64 bits; put aside")
    return cents


def _words(sent: Any) -> str | None:
    """A field of whoami that is shown; None where it is no text."""
    return printable_line(sent) or None if isinstance(sent, str) else None


def _plain(key: str) -> str:
    """``adAccountId``, ``ad_account_id`` and ``AdAccountID`` are one spelling."""
    return key.replace("_", "").lower()


def _columns(scope: Scope) -> tuple[_Column, ...]:
    own = _plain(scope.name)
    parents = tuple(
        _Column(name, (_plain(name), *(("accountid",) if name == "ad_account_id" else ())), _read_id)
        for name in scope.parents
    )
    text, instant, cents = _read_text, _read_instant, _read_cents
    external_ids = ("externalid", f"platform{own}id", f"external{own}id", "platformid", "nativeid", "platformnativeid")
    daily_budgets = ("dailybudgetcents", "dailybudget", "budgetdailycents", "budgetdaily")
    lifetime_budgets = ("lifetimebudgetcents", "lifetimebudget", "budgetlifetimecents", "budgetlifetime")
    return (
        _Column("entity_id", (_plain(scope.api_id), "id"), _read_id),
        *parents,
        _Column("platform", ("platform",), text),
        _Column("name", ("name", f"{own}name"), text),
        _Column("status", ("status", f"{own}status"), text),
        _Column("external_id", external_ids, text),
        _Column("currency", ("currency",), _read_currency),
        _Column("timezone", ("timezone",), text),
        _Column("token_status", ("tokenstatus",), text),
        _Column("token_last_validated_at", ("tokenlastvalidatedat",), instant),
        _Column("connected_at", ("connectedat",), instant),
        _Column("objective", ("objective",), text),
        _Column("daily_budget_cents", daily_budgets, cents),
        _Column("lifetime_budget_cents", lifetime_budgets, cents),
        _Column("created_at", ("createdat", "created", "createdtime", f"{own}createdat"), instant),
    )


_COLUMNS: Final = {scope.name: _columns(scope) for scope in SCOPES.values()}

_ORGANIZATION: Final = _Column("organization_id", ("organizationid", "workspaceid"), _read_id)
"""Both hold the same id; the older generation of the API's documentation has one that the newer need not have."""
