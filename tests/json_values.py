"""JSON that no one would write by hand, as the text that goes over the wire.

Texts, not Python values: half an emoji, an integer of five thousand digits, an array ten thousand deep and a key given
twice can be sent, and most encoders refuse to write them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from hypothesis import strategies as st

ODD_VALUES: Final = (
    "null",
    "true",
    "false",
    '""',
    "{}",
    "[]",
    "0",
    "-0.0",
    "-1",
    "12.5",
    "1e400",
    "18446744073709551615",
    "-9223372036854775809",
    "9" * 5000,
    "1e-400",
    r'"Spring \ud83d"',
    r'"\udc00\ud800"',
    r'"nul \u0000 in the middle"',
    r'"\u001b[31mred\u0007"',
    r'"\u202eleft to right\u2028and a line"',
    '"\U0001f680 whole"',
    r'{"\ud83d": {"\u0000": "\ud83d"}}',
    '{"a": 1, "a": 2}',
    '"9999-12-31T23:59:59-08:00"',
    '"0001-01-01T00:00:00+14:00"',
    '"2026-02-30"',
    '"-2026-01-01T00:00:00Z"',
    '"999999-01-01T00:00:00Z"',
    "253402300800000",
    '"' + "x" * 100_000 + '"',
    '"' + "🚀" * 25_000 + '"',
    "[" * 10_000 + "]" * 10_000,
    '{"a":' * 10_000 + "1" + "}" * 10_000,
    "[" + ",".join(["0"] * 5_000) + "]",
    '"NaN"',
    '".."',
    '"a/b?c=d&e#f%00"',
)
"""One of each kind that some part of some pipeline could not take."""


def numbers() -> st.SearchStrategy[str]:
    """Integers of any size, and every number a double can be."""
    integers = st.integers() | st.integers(-(2**80), 2**80)
    return integers.map(str) | st.floats(allow_nan=False, allow_infinity=False).map(json.dumps)


def texts() -> st.SearchStrategy[str]:
    """Any characters, halves of pairs and controls too, escaped as an API would."""
    return st.text(st.characters(exclude_categories=()), max_size=20).map(json.dumps)


def odd_json(most_leaves: int = 8) -> st.SearchStrategy[str]:
    """The text of one JSON value of any kind."""
    leaves = st.sampled_from(ODD_VALUES) | numbers() | texts()
    return st.recursive(leaves, lambda values: _arrays(values) | _objects(values), max_leaves=most_leaves)


def object_text(fields: Mapping[str, str]) -> str:
    """The text of an object from its keys and the texts of its values."""
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in fields.items()) + "}"


def array_text(values: list[str]) -> str:
    """The text of an array from the texts of its values."""
    return "[" + ",".join(values) + "]"


def _arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=4).map(array_text)


def _objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    keys = texts().map(json.loads)
    return st.dictionaries(keys, values, max_size=4).map(object_text)
