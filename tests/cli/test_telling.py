"""What a run says at its end of promises that do not hold, and fail no run."""

from __future__ import annotations

from layers_etl.cli.telling import describe_warnings, describe_what_to_look_at
from layers_etl.ingest.summary import Warned

STANDS_STILL = Warned("every_source_moves", "ad_account_metrics", ("A stands still.", "B stands still."), "Look.")
MANY = Warned("every_account_is_refreshed", "ad_accounts", tuple(f"{number} is expired." for number in range(9)), "")
NOTHING_TO_DO = Warned("reported_ratios_agree", "campaign_metrics", (), "")


def test_each_thing_to_act_on_is_a_line_with_the_name_of_its_promise() -> None:
    assert list(describe_warnings([STANDS_STILL, NOTHING_TO_DO])) == [
        "warning: every_source_moves of ad_account_metrics: A stands still.",
        "warning: every_source_moves of ad_account_metrics: B stands still.",
    ]


def test_of_many_the_first_are_told_and_the_rest_is_counted() -> None:
    *first, rest = describe_warnings([MANY])
    assert len(first) == 3
    assert rest == "warning: every_account_is_refreshed of ad_accounts: 6 more"


def test_what_needs_nothing_done_is_named_in_one_line_and_where_to_look_in_another() -> None:
    named, look = describe_what_to_look_at([STANDS_STILL, NOTHING_TO_DO])
    assert named == "Does not hold everywhere, and needs nothing done: reported_ratios_agree of campaign_metrics."
    assert look.startswith("Look at: layers-etl status")
    assert list(describe_what_to_look_at([])) == []
    assert list(describe_what_to_look_at([], falls_short=True)) == [look]
