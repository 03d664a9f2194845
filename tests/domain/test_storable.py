"""Whatever JSON holds, what is made of it can be written and printed; what could be already, stays as it is."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api.wire import parse_json
from layers_etl.domain.storable import (
    LONGEST_LINE,
    LONGEST_TEXT,
    one_line,
    printable_line,
    storable_json,
    storable_text,
    with_visible_controls,
)

from ..json_values import ODD_VALUES, odd_json
from .strategies import properties

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@properties
@given(ANY_TEXT)
def test_any_text_becomes_one_that_every_encoding_of_unicode_takes(text: str) -> None:
    made = storable_text(text)
    assert "\0" not in made
    assert made.encode("utf-8").decode("utf-8") == made
    assert len(made) == len(text)


def test_a_text_is_cut_only_where_it_is_longer_than_anyone_reads() -> None:
    assert storable_text("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    assert storable_text("x" * 100_000) == "x" * (LONGEST_TEXT - 1) + "…"


@pytest.mark.parametrize("text", ODD_VALUES)
def test_any_kind_of_json_can_be_written_and_read_again(text: str) -> None:
    made = storable_json(parse_json(text.encode()))
    assert json.loads(msgspec.json.encode(made)) == made


@properties
@given(odd_json())
def test_any_json_can_be_written_and_read_again(text: str) -> None:
    made = storable_json(parse_json(text.encode()))
    assert json.loads(msgspec.json.encode(made)) == made


@properties
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text("abc é🚀"), st.lists))
def test_json_that_is_storable_stays_as_it_is(value: Any) -> None:
    assert storable_json(value) == value


@properties
@given(ANY_TEXT)
def test_any_words_become_one_printable_line(text: str) -> None:
    line = printable_line(text)
    assert line.encode("utf-8").decode() == line
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line
    assert len(line) <= LONGEST_LINE


@properties
@given(ANY_TEXT)
def test_any_text_reaches_a_terminal_without_a_control_code_but_line_feed_and_tabulator(text: str) -> None:
    shown = with_visible_controls(text)
    assert {code for code in shown if unicodedata.category(code) == "Cc"} <= {"\n", "\t"}
    assert not set(shown) & set("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert len(one_line(text).splitlines()) <= 1


def test_a_control_code_is_shown_by_its_number() -> None:
    assert with_visible_controls("a\x1b[31mb\x9b\u202e") == r"a\u001b[31mb\u009b\u202e"
