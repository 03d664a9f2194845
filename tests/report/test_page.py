"""One file that says what it shows, whatever the data holds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.report.page import LONGEST_NAME, MOST_PANELS, compose, render, write_report
from layers_etl.report.queries import MOST_ACCOUNTS, MOST_CAMPAIGNS, MOST_CHANGES, Shown, load_shown
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.findings import StandingFinding
from layers_etl.warehouse.published_file import PublishedFile

from .conftest import LAST_DAY, Fill
from .pages import take_apart

LARGEST: Final = 300_000
SECTIONS: Final = 7
HOSTILE: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "حملة الربيع \u202e moc.elpmaxe",
    "🚀" * LONGEST_NAME,
    "<&\"'" * 100,
    "{{ 7 * 7 }}{% raw %}",
    "W" * 300,
    "",
)


def finding(message: str) -> StandingFinding:
    at = datetime(2026, 3, 12, tzinfo=UTC)
    return StandingFinding("campaigns", "keys_are_unique", False, True, message, message, {}, at, at)


def named(shown: Shown, name: str) -> Shown:
    """The same with ``name`` wherever the data holds words."""
    return replace(
        shown,
        publication=replace(shown.publication, projects=[name], run_status=name),
        findings=[finding(name)],
        campaigns=[
            replace(each, name=name, account=name, status=name, platform=name, currency=f"{each.currency}{name}")
            for each in shown.campaigns
        ],
        changes=[replace(each, name=name, platform=name, currency=name) for each in shown.changes],
        accounts=[replace(each, name=name, token_status=name, copy=name) for each in shown.accounts],
        weeks=[replace(each, currency=f"{each.currency}{name}") for each in shown.weeks],
        days=[replace(each, platform=name, currency=f"{each.currency}{name}") for each in shown.days],
        completion=[replace(each, platform=f"{name} {each.platform}") for each in shown.completion],
        samples=[replace(each, platform=name) for each in shown.samples],
    )


def test_the_page_has_every_section_and_each_drawing_says_what_it_shows(lived: Shown) -> None:
    taken = take_apart(render(lived))
    assert [tag for tag, _ in taken.tags].count("h2") == SECTIONS
    drawings = [attrs for tag, attrs in taken.tags if tag == "svg" and "aria-hidden" not in attrs]
    assert drawings
    assert all(attrs["aria-label"] for attrs in drawings)
    assert any(
        re.search(r"^Spend by day, Meta, USD: .* newest .*; \d+ days may still change\.$", label)
        for label in taken.labels
    )


def test_the_page_needs_nothing_beside_it(lived: Shown) -> None:
    page = render(lived)
    taken = take_apart(page)
    assert {tag for tag, _ in taken.tags} & {"script", "link", "img", "iframe", "object", "base"} == set()
    assert {name for _, attrs in taken.tags for name in attrs} & {"src", "href", "onclick"} == set()
    assert "url(" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_money_of_two_currencies_stands_apart(lived: Shown) -> None:
    page = compose(lived)
    currencies = {day.currency for day in lived.days}
    assert len(currencies) > 1
    assert {tile.currency for tile in page.tiles} == currencies
    assert {ranking.currency for ranking in page.rankings} == currencies


@pytest.mark.parametrize("name", HOSTILE)
def test_what_people_call_their_campaigns_is_text(lived: Shown, name: str) -> None:
    plain, hostile = take_apart(render(lived)), take_apart(render(named(lived, name)))
    assert {tag for tag, _ in hostile.tags} - {tag for tag, _ in plain.tags} <= {"b", "span"}
    assert not [attrs for _, attrs in hostile.tags if any(attribute.startswith("on") for attribute in attrs)]


@given(st.text(max_size=20))
def test_whatever_the_words_are_the_page_is_whole(lived: Shown, name: str) -> None:
    tags = {tag for tag, _ in take_apart(render(named(lived, name))).tags}
    assert "script" not in tags


def test_a_name_written_from_right_to_left_turns_nothing_around_it(lived: Shown) -> None:
    page = render(named(lived, "حملة الربيع"))
    assert "<bdi>حملة الربيع</bdi>" in page


@pytest.mark.parametrize(
    "name", ["🚀" * 400, *(pytest.param(name, marks=pytest.mark.slow) for name in ("<&\"'" * 100, "W" * 400))]
)
def test_the_page_stays_small_however_much_there_is_and_however_long_it_is_called(fill: Fill, name: str) -> None:
    shown = named(fill(400, currencies=40, open_days=3), name)
    page = render(replace(shown, findings=[finding(name)] * 30))
    assert len(page.encode()) < LARGEST
    composed = compose(shown)
    assert len(composed.panels) == MOST_PANELS
    assert sum(len(ranking.rows) for ranking in composed.rankings) <= MOST_CAMPAIGNS
    assert composed.other_panels == 40 - MOST_PANELS
    assert len(composed.accounts) == MOST_ACCOUNTS
    assert composed.other_accounts == 40 - MOST_ACCOUNTS


@pytest.mark.slow
def test_the_page_of_five_thousand_campaigns_is_small_and_says_how_many_more_there_are(fill: Fill) -> None:
    page = render(fill(5_000, currencies=3, open_days=3))
    assert len(page.encode()) < LARGEST
    assert f"And {5_000 // 3 + 1 - MOST_CAMPAIGNS // 3:,} more that spend less" in page


def test_a_page_of_nothing_says_so_in_every_section(warehouse: Warehouse) -> None:
    shown = load_shown(warehouse)
    assert shown
    taken = take_apart(render(shown))
    assert "Nothing has been read yet." in taken.text
    assert "No campaign has spent anything yet." in taken.text
    assert "Nothing that had been reported has changed." in taken.text
    assert "No account has been listed yet." in taken.text
    assert [tag for tag, _ in taken.tags].count("h2") == SECTIONS


def test_a_page_of_one_day_compares_it_with_nothing(fill: Fill) -> None:
    text = take_apart(render(fill(2, first=LAST_DAY))).text
    assert "week on week" not in text
    assert "201" in text


def test_what_checks_found_stands_at_the_top_with_what_to_do(lived: Shown) -> None:
    shown = replace(lived, findings=[finding("3 days are not the sum of their campaigns")])
    text = " ".join(take_apart(render(shown)).text.split())
    assert "Wrong since 12 Mar: 3 days are not the sum of their campaigns" in text


def test_an_account_whose_copy_stands_still_is_named_at_the_top(lived: Shown) -> None:
    first, *others = lived.accounts
    shown = replace(lived, accounts=[replace(first, copy="standing still", held_days=4), *others])
    text = " ".join(take_apart(render(shown)).text.split())
    assert f"1 stalled: {first.name}" in text
    assert "No account is stalled" in " ".join(take_apart(render(lived)).text.split())


def test_the_page_takes_the_place_of_the_last_one_in_one_step(published: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("the last one")
    with path.open() as reader, PublishedFile(published).open() as opened:
        assert opened
        assert write_report(opened, path)
        assert reader.read() == "the last one"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == [path]


def test_the_changes_that_are_shown_are_so_many_and_the_others_are_counted(lived: Shown) -> None:
    assert len(lived.changes) <= MOST_CHANGES
    assert f"of {lived.changes[0].changed:,} that did" in render(lived)


def test_a_budget_is_marked_where_an_active_campaign_is_far_from_it(lived: Shown) -> None:
    first, *_ = lived.campaigns
    pace = [
        compose(replace(lived, campaigns=[replace(first, status=status, pace=spent)]))
        for status, spent in (("active", 0.2), ("active", 1.0), ("active", 1.3), ("paused", 0.2), (None, 0.2))
    ]
    assert [page.rankings[0].rows[0].pace_class for page in pace] == ["under", "", "over", "", "under"]
