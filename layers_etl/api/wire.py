"""What the API sends besides metrics, typed. What is not needed may be missing, odd, or of another type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from reprlib import Repr
from typing import Any, Final, cast

from layers_etl.domain.storable import CUT_NESTING, DEEPEST, LONGEST_LINE, printable_line, storable_json, storable_text

_BRIEF_CHARACTERS: Final = 60
_BRIEF: Final = Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxlong, _BRIEF.maxother = 3, _BRIEF_CHARACTERS, 40, _BRIEF_CHARACTERS

_LONGEST_CODE: Final = 64

_DEEPEST_PARSED: Final = DEEPEST + 8
"""An item's fields lie a few levels down in its page; what they hold is bounded by their own depth."""

_BRACKETS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
"""A string, as a whole, or a bracket outside of strings."""


def in_utc(instant: datetime) -> datetime:
    """Instants of the API are UTC; a bare date means its midnight. ``ValueError`` where UTC has no such instant."""
    try:
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(f"{instant} lies beyond the calendar in UTC") from None


@dataclass(frozen=True, slots=True)
class ErrorEnvelope:
    """``{ "error": { code, message, requestId, details? } }``: only the code is needed. All of it can be printed.

    ``details`` that are no object stand under ``details``.
    """

    code: str
    message: str = ""
    request_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing, its items as they came. A null or absent ``nextCursor`` ends the list."""

    items: list[Any]
    next_cursor: str | None = None


class WrongTypeError(ValueError):
    """JSON that is not an answer, as ``field: what (got value)``."""


class NotJsonError(ValueError):
    """A body that is no JSON: cut short, a page of HTML, or with ``NaN`` where JSON has no such thing."""


def parse_object(body: bytes) -> dict[str, Any]:
    """The object that a body is; ``NaN`` in one of its fields is that field's matter.

    Raises :class:`NotJsonError` for a body that is no JSON, and :class:`WrongTypeError` for any other JSON.
    """
    answer = parse_json(body, allow_nan=True)
    if not isinstance(answer, dict):
        raise WrongTypeError(f"answer: no object (got {brief(answer)})")
    return cast("dict[str, Any]", answer)


def parse_page(body: bytes) -> Page:
    """One page of a listing; errors as of :func:`parse_object`."""
    answer = parse_object(body)
    items, cursor = answer.get("items"), answer.get("nextCursor")
    if not isinstance(items, list):
        raise WrongTypeError(f"items: no list (got {brief(items)})")
    if cursor is None:
        return Page(items)
    if isinstance(cursor, bool) or not isinstance(cursor, str | int):
        raise WrongTypeError(f"nextCursor: no text (got {brief(cursor)})")
    text = str(cursor)
    if storable_text(text) != text:
        raise WrongTypeError(f"nextCursor: no text that can be sent (got {brief(cursor)})")
    return Page(items, text)


def parse_error_envelope(body: bytes) -> ErrorEnvelope | None:
    """The envelope of a 4xx or 5xx, or None where something else came (a proxy's page)."""
    try:
        error = parse_object(body).get("error")
    except (NotJsonError, WrongTypeError):
        return None
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return None
    fields = cast("dict[str, Any]", error)
    code = printable_line(fields["code"], _LONGEST_CODE)
    message, request_id = _words(fields.get("message")), _words(fields.get("requestId"))
    return ErrorEnvelope(code, message or "", request_id, _details(fields.get("details"))) if code else None


def _details(value: Any) -> dict[str, Any]:
    details = storable_json(value)
    if isinstance(details, dict):
        return cast("dict[str, Any]", details)
    return {} if details is None else {"details": details}


def _words(value: Any) -> str | None:
    """A text, or a number where a text is expected, as it can be printed; None for all else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return printable_line(str(value), LONGEST_LINE) or None


def parse_json(body: bytes, *, allow_nan: bool = False) -> Any:
    """The JSON of a body, or :class:`NotJsonError`; ``allow_nan`` where what follows says which number is none.

    What spoils a part does not spoil the whole: bytes that are no UTF-8 become U+FFFD, control characters stand where
    JSON wants them escaped, integers of thousands of digits become text, and what is nested beyond all sense is cut.
    """
    text = body.decode(json.detect_encoding(body), errors="replace")
    constant = float if allow_nan else _refuse_constant
    try:
        return json.loads(text, strict=False, parse_constant=constant)
    except json.JSONDecodeError as fault:
        raise NotJsonError(str(fault)) from None
    except (ValueError, RecursionError):
        return _parse_extreme_json(text, constant)


def _parse_extreme_json(text: str, constant: Callable[[str], float]) -> Any:
    """As :func:`parse_json`, where an integer is too long for Python, or the nesting too deep."""
    try:
        return json.loads(_cut_nesting(text), strict=False, parse_constant=constant, parse_int=_parse_integer)
    except (ValueError, RecursionError) as fault:
        raise NotJsonError(str(fault)) from None


def _cut_nesting(text: str) -> str:
    """The JSON text with a word in place of what lies deeper than any answer does."""
    kept: list[str] = []
    depth, kept_to = 0, 0
    for token in _BRACKETS.finditer(text):
        if token[0] in ("[", "{"):
            if depth == _DEEPEST_PARSED:
                kept += [text[kept_to : token.start()], json.dumps(CUT_NESTING)]
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
            if depth == _DEEPEST_PARSED:
                kept_to = token.end()
    # Brackets that never close are no JSON, whatever they would hold.
    return "".join([*kept, text[kept_to:]]) if depth == 0 else text


def _parse_integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def _refuse_constant(name: str) -> float:
    raise ValueError(f"JSON has no {name}")


def brief(value: object) -> str:
    """A value as an error shows it: short, and printable whatever it is."""
    return _BRIEF.repr(value)[:_BRIEF_CHARACTERS]
