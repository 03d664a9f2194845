"""What every table, log and terminal takes, made of whatever came over the wire."""

from __future__ import annotations

import math
import re
from typing import Any, Final, cast

LONGEST_TEXT: Final = 4096
"""Characters of one text that are kept: several times the longest name or text an ad platform takes, and short enough
that no row makes a table unreadable."""

LONGEST_LINE: Final = 300
"""Characters of a server's words that are repeated in a sentence of ours."""

DEEPEST: Final = 32
"""Levels of nesting that are kept: more than any answer has, and far from where encoders and readers give up."""

CUT_NESTING: Final = f"[nested deeper than {DEEPEST} levels]"
"""What stands for the rest."""

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_UNPRINTABLE: Final = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")

_CONTROLS: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""All but the end of a line and the tabulator; those of Unicode too, that end a line or turn its direction."""

_LINE_ENDS: Final = re.compile("\\s*[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]\\s*")


def storable_text(text: str, most: int = LONGEST_TEXT) -> str:
    """``text`` with U+FFFD for NUL and for halves of surrogate pairs, which UTF-8 has no bytes for; cut at ``most``."""
    if len(text) <= most and not _UNSTORABLE.search(text):
        return text
    whole = _UNSTORABLE.sub(_REPLACEMENT, text[: most + 1])
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def storable_json(value: Any, depth: int = 0) -> Any:
    """A JSON value that any encoder writes and any reader reads: texts storable, numbers finite, nesting bounded.

    A number that is none (``NaN``, or too large for a double) becomes its name as text.
    """
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if not isinstance(value, dict | list):
        return value
    if depth == DEEPEST:
        return CUT_NESTING
    if isinstance(value, list):
        return [storable_json(item, depth + 1) for item in cast("list[Any]", value)]
    fields = cast("dict[str, Any]", value)
    return {storable_text(name): storable_json(item, depth + 1) for name, item in fields.items()}


def printable_line(text: str, most: int = LONGEST_LINE) -> str:
    """A server's words as part of a sentence: one line without control codes, cut at ``most`` characters."""
    words = _UNPRINTABLE.sub(" ", text[: 4 * most]).split()
    return storable_text(" ".join(words), most)


def with_visible_controls(text: str) -> str:
    """``text`` as a terminal may get it: every control code but line feed and tabulator as ``\\u001b``."""
    return _CONTROLS.sub(lambda code: f"\\u{ord(code[0]):04x}", text)


def one_line(text: str) -> str:
    """``text`` as one line of a log or a list: what data holds of line ends must not pass for lines of ours."""
    return _LINE_ENDS.sub(" ", text)
