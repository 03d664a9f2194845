from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.alerts import (
    LATE_AFTER,
    LONGEST_SENTENCE,
    MOST_TOLD,
    Alert,
    Kind,
    Trouble,
    describe_alerts,
    find_news,
    judge_lateness,
    standing_after,
)

SUBJECTS = st.sampled_from(["the run", "keys_are_unique of campaigns", "every_source_moves of campaign_metrics"])
TROUBLES = st.builds(
    Trouble,
    kind=st.sampled_from([Kind.RUN_FAILED, Kind.CHECK_FAILED, Kind.NEW_WARNING]),
    sentence=st.text(max_size=20),
    cause=st.sampled_from(["", "RefusedError", "StorageError"]),
    extent=st.integers(1, 3),
)
OBSERVED = st.dictionaries(SUBJECTS, st.none() | TROUBLES)
NOW = datetime(2026, 3, 12, 7, tzinfo=UTC)


@given(st.lists(OBSERVED, min_size=1, max_size=8), OBSERVED)
def test_what_was_told_is_not_told_again_while_it_stands(
    earlier: list[dict[str, Trouble | None]], observed: dict[str, Trouble | None]
) -> None:
    told: dict[str, Trouble] = {}
    for before in earlier:
        told = standing_after(told, before)
    told = standing_after(told, observed)
    assert find_news(told, observed) == ()


@given(st.lists(OBSERVED, max_size=12))
def test_each_recovery_follows_something_that_was_told_and_is_told_once(
    mornings: list[dict[str, Trouble | None]],
) -> None:
    told: dict[str, Trouble] = {}
    wrong: set[str] = set()
    for observed in mornings:
        for alert in find_news(told, observed):
            if alert.kind is Kind.RECOVERED:
                assert alert.subject in wrong
                wrong.remove(alert.subject)
            else:
                wrong.add(alert.subject)
        told = standing_after(told, observed)
        assert wrong == set(told)


@given(st.dictionaries(SUBJECTS, TROUBLES), OBSERVED)
def test_nothing_is_told_or_forgotten_of_what_was_not_looked_at(
    told: dict[str, Trouble], observed: dict[str, Trouble | None]
) -> None:
    assert {alert.subject for alert in find_news(told, observed)} <= set(observed)
    unseen = {subject: trouble for subject, trouble in told.items() if subject not in observed}
    assert unseen.items() <= standing_after(told, observed).items()


def test_a_run_that_fails_of_something_else_is_told_again() -> None:
    told = {"the run": Trouble(Kind.RUN_FAILED, "The key is refused.", "RefusedError")}
    same = {"the run": Trouble(Kind.RUN_FAILED, "The key is refused (req_2).", "RefusedError")}
    other = {"the run": Trouble(Kind.RUN_FAILED, "The disk is full.", "StorageError")}
    assert find_news(told, same) == ()
    assert find_news(told, other) == (Alert(Kind.RUN_FAILED, "the run", "The disk is full."),)


def test_a_warning_that_becomes_an_error_is_told_and_the_other_way_round_is_not() -> None:
    warning, error = Trouble(Kind.NEW_WARNING, "It may be."), Trouble(Kind.CHECK_FAILED, "It is.")
    assert find_news({"it": warning}, {"it": error}) == (Alert(Kind.CHECK_FAILED, "it", "It is."),)
    assert find_news({"it": error}, {"it": warning}) == ()
    assert standing_after({"it": error}, {"it": warning}) == {"it": warning}


def test_a_warning_is_told_again_when_it_is_of_more_things_and_not_when_it_is_of_fewer() -> None:
    one, two = Trouble(Kind.NEW_WARNING, "A.", extent=1), Trouble(Kind.NEW_WARNING, "A. B.", extent=2)
    assert [alert.sentence for alert in find_news({"it": one}, {"it": two})] == ["A. B."]
    assert find_news({"it": two}, {"it": one}) == ()


@given(st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), max_size=3))
def test_the_publication_is_late_only_if_every_sign_of_it_is_too_old(known: list[datetime | None]) -> None:
    signs = [instant for instant in known if instant]
    is_late = bool(signs) and all(NOW - instant > LATE_AFTER for instant in signs)
    assert (judge_lateness(NOW, *known) is not None) is is_late


def test_how_late_it_is_is_said() -> None:
    late = judge_lateness(NOW, NOW - timedelta(hours=31), None)
    assert late
    assert "since 2026-03-11 00:00Z, 31 hours ago" in late.sentence


def test_a_message_says_first_what_it_is_about_and_of_which_warehouse() -> None:
    alerts = [
        Alert(Kind.NEW_WARNING, "a", "One."),
        Alert(Kind.NEW_WARNING, "b", "Two."),
        Alert(Kind.RECOVERED, "c", ""),
    ]
    headline, *lines = describe_alerts(alerts, "host:/data").splitlines()
    assert headline == "layers_etl: new warning (2), recovered, host:/data"
    assert lines[0] == "- new warning: a: One."


@given(st.lists(st.builds(Alert, st.sampled_from(Kind), SUBJECTS, st.text()), min_size=1, max_size=60))
def test_a_message_is_of_bounded_length_whatever_there_is_to_tell(alerts: list[Alert]) -> None:
    lines = describe_alerts(alerts, "host:/data").splitlines()
    assert len(lines) <= MOST_TOLD + 2
    assert all(len(line) < LONGEST_SENTENCE + 200 for line in lines)
