"""Ids with and without their prefix, against the definition spelled out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.ids import find_same_id, match_ids, same_id

from .strategies import properties


def ids() -> st.SearchStrategy[str]:
    """Few letters, so that they often differ by a prefix alone."""
    return st.text("ab_1", min_size=1, max_size=5) | st.text(min_size=1)


def prefixes() -> st.SearchStrategy[str]:
    """``prj_`` and its like."""
    return st.from_regex(r"[a-z]{1,4}_", fullmatch=True)


@properties
@given(ids(), prefixes())
def test_an_id_is_the_same_with_a_prefix_and_without_it(bare: str, prefix: str) -> None:
    assert same_id(bare, prefix + bare)
    assert same_id(prefix + bare, bare)


@properties
@given(ids(), ids())
def test_ids_are_the_same_only_where_they_are_equal_or_one_is_the_other_and_a_prefix(one: str, other: str) -> None:
    longer, shorter = sorted((one, other), key=len, reverse=True)
    by_definition = one == other or (
        longer.endswith(shorter) and re.fullmatch(r"[a-z]+_", longer.removesuffix(shorter)) is not None
    )
    assert same_id(one, other) is by_definition


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cmp_1", "1", True),
        ("org_a", "a", True),
        ("a_b", "b", True),
        ("a_b_c", "b_c", True),
        ("a_b_c", "c", False),
        ("org_a", "prj_a", False),
        ("A_b", "b", False),
        ("cmp_", "", False),
        ("cmp_1", "cmp_1", True),
        ("cmp_1", "cmp_11", False),
    ],
)
def test_one_leading_prefix_of_small_letters_is_all_that_may_differ(one: str, other: str, same: bool) -> None:
    assert same_id(one, other) is same
    assert same_id(other, one) is same


def test_of_several_the_equal_id_is_meant_and_else_only_one_that_is_alone() -> None:
    assert find_same_id("b", ["a_b", "b"]) == "b"
    assert find_same_id("b", ["a_b", "c"]) == "a_b"
    assert find_same_id("a_b", ["b", "c"]) == "b"
    assert find_same_id("b", ["a_b", "c_b"]) is None
    assert find_same_id("b", []) is None


@properties
@given(st.sets(ids(), max_size=8), st.sets(ids(), max_size=8))
def test_each_id_is_stored_under_itself_or_under_the_only_other_that_it_can_be(
    incoming: set[str], stored: set[str]
) -> None:
    matched = match_ids(incoming, stored)
    assert matched.keys() == incoming
    assert len(set(matched.values())) == len(incoming), "two of one listing never become one"
    for one, under in matched.items():
        alike = {other for other in stored - incoming if same_id(one, other)}
        rivals = {other for other in incoming - stored if under in stored and same_id(other, under)}
        renamed = one not in stored and len(alike) == 1 and rivals == {one}
        assert under == (alike.pop() if renamed else one)
