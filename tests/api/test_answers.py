"""What is asked of ads-metrics, and which answers are believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api.answers import MetricsQuestion, parse_reading
from layers_etl.api.limits import AGREEING, WindowLimit
from layers_etl.api.series import parse_metrics_answer
from layers_etl.domain.days import DayWindow
from layers_etl.domain.metrics import API_METRICS, derive_conversion_value
from layers_etl.domain.mismatches import find_mismatches
from layers_etl.domain.readings import FRAME_SCHEMA, EntityKey, Reading, RefusedMetric, frame_readings, pack_numbers
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.errors import ConfigurationError, EntityError, InvalidRequestError, UntrustedAnswerError
from tests.api.conftest import CAMPAIGN_KEY, KEY, WEEK, Asked, Reply, answer_for, bucket, error, talking

Run = Callable[[Any], Any]
DAYS = list(WEEK)
NOW = datetime(2026, 4, 20, tzinfo=UTC)


async def read(answer: Callable[[Asked], Reply], window: DayWindow = WEEK, key: EntityKey = CAMPAIGN_KEY) -> Any:
    """The readings, what was asked, and the records."""
    async with talking(answer) as talk:
        readings = [reading async for reading in talk.client.fetch_metrics(key, window)]
        return readings, talk.server.asked, talk.records


def with_buckets(*rows: dict[str, Any]) -> Callable[[Asked], Reply]:
    """Answers whose series is ``rows``."""
    return lambda asked: answer_for(asked, series=list(rows))


def test_a_window_is_one_request_that_spells_everything_out(run: Run) -> None:
    (reading,), (asked,), (record,) = run(read(answer_for))
    assert asked.path == "/v1/projects/prj_1/ads-metrics"
    assert asked.query == {
        "scope": ["campaign"],
        "id": ["cmp_1"],
        "metrics": list(API_METRICS),
        "since": ["2026-03-30T00:00:00Z"],
        "until": ["2026-04-06T00:00:00Z"],
        "granularity": ["day"],
    }
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert reading.window == WEEK and reading.request_id == "req_answer"
    frame = frame_readings([reading])
    assert frame.schema == FRAME_SCHEMA and frame["day"].to_list() == DAYS
    assert frame["conversion_value"][0] == Decimal("484.5")
    assert (record.code, record.attempts, record.status) == (None, 1, 200) and record.bytes_received > 100


def test_the_server_clock_says_when_it_was_read(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        reply = answer_for(asked)
        return Reply(reply.json, headers={"Date": "Sat, 18 Apr 2026 06:00:00 GMT"})

    (reading,), _, _ = run(read(answer))
    assert reading.read_at == datetime(2026, 4, 18, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("metrics", "granularity", "named"), [(["views"], "day", "/v1/metrics"), (["spend"], "hour", "day")]
)
def test_organic_metrics_and_hours_are_refused_before_sending(
    run: Run, metrics: list[str], granularity: str, named: str
) -> None:
    async def ask() -> None:
        async with talking(answer_for) as talk:
            with pytest.raises(ConfigurationError, match=named):
                await anext(talk.client.fetch_metrics(CAMPAIGN_KEY, WEEK, granularity=granularity, metrics=metrics))
            assert talk.server.asked == []

    run(ask())


def test_weeks_are_keyed_by_their_monday(run: Run) -> None:
    async def ask() -> list[Reading]:
        async with talking(answer_for) as talk:
            window = DayWindow(WEEK.since, WEEK.since + timedelta(days=14))
            return [reading async for reading in talk.client.fetch_metrics(CAMPAIGN_KEY, window, granularity="week")]

    (reading,) = run(ask())
    assert list(reading.columns["day"]) == [date(2026, 3, 30), date(2026, 4, 6)]


def test_weeks_that_begin_on_a_sunday_are_not_the_weeks_asked_for(run: Run) -> None:
    async def ask() -> None:
        async with talking(with_buckets(bucket(DAYS[-1]))) as talk:
            with pytest.raises(UntrustedAnswerError, match="2026-04-05 is no Monday"):
                await anext(talk.client.fetch_metrics(CAMPAIGN_KEY, WEEK, granularity="week"))

    run(ask())


def test_odd_but_honest_answers_are_believed(run: Run) -> None:
    rows = [
        bucket(DAYS[1], spend="12.50", impressions="9000", conversions=38.0, future_metric=True),
        bucket(DAYS[0], spend=None, roas=None),
        bucket(DAYS[1], spend="12.50", impressions="9000", conversions=38.0, future_metric=True),
    ]
    (reading,), _, _ = run(read(with_buckets(*rows)))
    assert list(reading.columns["day"]) == DAYS[:2]
    frame = frame_readings([reading])
    assert frame["spend"].to_list() == [None, Decimal("12.5")]
    assert frame["conversions"].to_list() == [38, 38]
    assert frame["conversion_value"].to_list() == [None, Decimal("42.5")]


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    """``row`` less one field."""
    return {key: value for key, value in row.items() if key != name}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (bucket(DAYS[0], spend="lots"), "spend"),
        (bucket(DAYS[0], spend=-0.01), "spend"),
        (bucket(DAYS[0], spend=1e14), "spend"),
        (bucket(DAYS[0], spend=True), "spend"),
        (bucket(DAYS[0], spend=float("nan")), "spend"),
        (bucket(DAYS[0], spend="NaN"), "spend"),
        (bucket(DAYS[0], spend=float("inf")), "spend"),
        (bucket(DAYS[0], spend=[1]), "spend"),
        (bucket(DAYS[0], spend={"amount": 1}), "spend"),
        (bucket(DAYS[0], clicks=-1), "clicks"),
        (bucket(DAYS[0], clicks=38.5), "clicks"),
        (bucket(DAYS[0], clicks="38.5"), "clicks"),
        (bucket(DAYS[0], clicks=10**16), "clicks"),
        (bucket(DAYS[0], clicks=10**400), "clicks"),
        (bucket(DAYS[0], clicks=False), "clicks"),
        (bucket(DAYS[0], clicks="9" * 5000), "clicks"),
        (bucket(DAYS[0], spend="null"), "spend"),
        (bucket(DAYS[0], spend="1_000"), "spend"),
        (bucket(DAYS[0], spend=50, roas=1e13), "roas"),
        (bucket(DAYS[0], roas="none"), "roas"),
        (without(bucket(DAYS[0]), "spend"), "spend: missing"),
    ],
)
def test_a_number_that_cannot_be_true_costs_its_day_alone(run: Run, row: dict[str, Any], reason: str) -> None:
    (reading,), asked, _ = run(read(with_buckets(bucket(DAYS[2]), row, bucket(DAYS[3]))))
    assert list(reading.columns["day"]) == DAYS[2:4]
    assert reading.window == WEEK
    assert reading.unread_days == {DAYS[0]}
    assert reason in reading.doubts[0].reason
    assert len(asked) == 1


def test_a_day_that_comes_twice_with_different_numbers_is_no_answer_and_costs_no_other(run: Run) -> None:
    (reading,), _, _ = run(read(with_buckets(bucket(DAYS[0]), bucket(DAYS[0], spend=1), bucket(DAYS[1]))))
    assert list(reading.columns["day"]) == [DAYS[1]]
    assert [(doubt.day, doubt.field) for doubt in reading.doubts] == [(DAYS[0], None)]
    assert "comes twice" in reading.doubts[0].reason


@pytest.mark.parametrize(
    ("name", "number"), [("reach", -1), ("reach", 1.5), ("frequency", "often"), ("cpa", None), ("ctr", [])]
)
def test_a_number_that_a_day_can_do_without_costs_itself_alone(run: Run, name: str, number: object) -> None:
    (reading,), _, _ = run(read(with_buckets(bucket(DAYS[0], **{name: number}))))
    assert list(reading.columns["day"]) == [DAYS[0]]
    assert reading.unread_days == frozenset()
    assert frame_readings([reading])[name].to_list() == [None]
    assert [(doubt.day, doubt.field) for doubt in reading.doubts] == ([] if number is None else [(DAYS[0], name)])


def test_an_amount_of_any_currency_that_its_column_holds_is_believed(run: Run) -> None:
    (reading,), _, _ = run(read(with_buckets(bucket(DAYS[0], spend=12_500_000_000, roas=None))))
    assert frame_readings([reading])["spend"].to_list() == [Decimal(12_500_000_000)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([without(bucket(DAYS[0]), "bucket")], "series.0.bucket"),
        ([bucket(DAYS[0]) | {"bucket": "tomorrow"}], "series.0.bucket"),
        ([bucket(DAYS[0]) | {"bucket": "2026-03-30T06:00:00Z"}], "series.0.bucket"),
        ([bucket(DAYS[0]) | {"bucket": 1774828800}], "series.0.bucket"),
        ([bucket(DAYS[0], spend=-1), "nonsense"], "series.1"),
        ([bucket(WEEK.until)], "outside the window"),
        ([bucket(WEEK.until, spend=-1), bucket(DAYS[0])], "outside the window"),
        ([bucket(DAYS[0], spend=-1), bucket(DAYS[1], spend=-1)], "spend"),
    ],
)
def test_where_it_is_not_known_which_day_is_wrong_or_all_are_the_answer_is_not_believed(
    run: Run, rows: list[Any], reason: str
) -> None:
    async def ask() -> None:
        async with talking(with_buckets(*rows)) as talk:
            with pytest.raises(UntrustedAnswerError) as caught:
                await anext(talk.client.fetch_metrics(CAMPAIGN_KEY, WEEK))
            sentence = str(caught.value)
            for part in (reason, "prj_1", "campaign cmp_1", "2026-03-30 until 2026-04-06", "req_answer"):
                assert part in sentence
            assert b"series" in caught.value.body and caught.value.code == "UNTRUSTED"
            assert len(talk.server.asked) == 2, "asked once more, not for ever"

    run(ask())


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "adset"},
        {"id": "cmp_2"},
        {"platform": "tiktok_ads"},
        {"window": {"since": "2026-03-29T00:00:00Z", "until": "2026-04-06T00:00:00Z"}},
        {"window": {"since": "2026-03-30T00:00:00Z", "until": "2026-04-07T00:00:00Z"}},
        {"window": {"since": "2026-03-30T00:00:00Z", "until": "2026-04-02T12:00:00Z"}},
        {"window": {"since": "2026-03-30T00:00:00Z", "until": "2026-03-30T00:00:00Z"}},
        {"window": {"since": "2026-03-30T00:00:00Z", "until": "2026-04-06T00:00:00Z", "granularity": "week"}},
        {"window": None},
        {"window": {"since": "yesterday", "until": "2026-04-06T00:00:00Z"}},
        {"window": {"since": 1774828800, "until": 1775433600}},
        {"series": None},
        {"series": {"2026-04-01": {}}},
    ],
)
def test_an_answer_to_another_question_is_not_believed(run: Run, changes: dict[str, Any]) -> None:
    with pytest.raises(UntrustedAnswerError):
        run(read(lambda asked: answer_for(asked, **changes)))


def test_a_running_day_may_be_served_as_far_as_it_has_come(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        echo = {"since": "2026-03-30T00:00:00Z", "until": "2026-04-05T15:22:10.123Z"}
        return Reply(answer_for(asked, window=echo).json, headers={"Date": "Sun, 05 Apr 2026 15:22:10 GMT"})

    (reading,), asked, _ = run(read(answer))
    assert reading.window == WEEK and len(asked) == 1


@pytest.mark.parametrize("keep_last", [False, True])
def test_a_narrowed_window_is_carried_on_from_where_it_stopped(run: Run, keep_last: bool) -> None:
    window = DayWindow(date(2025, 1, 1), date(2025, 12, 31))

    def answer(asked: Asked) -> Reply:
        asked_for = asked.window
        if len(asked_for) <= 90:
            return answer_for(asked)
        cut = timedelta(days=90)
        if keep_last:
            return answer_for(asked, served=DayWindow(asked_for.until - cut, asked_for.until))
        return answer_for(asked, served=DayWindow(asked_for.since, asked_for.since + cut))

    readings, asked, _ = run(read(answer, window))
    assert len(asked) == 5
    assert sorted(day for reading in readings for day in reading.columns["day"]) == list(window)


@given(limit=st.integers(1, 400), length=st.integers(1, 400), told=st.booleans())
def test_a_refused_window_is_split_to_cover_exactly_itself(limit: int, length: int, told: bool) -> None:
    learned, window = WindowLimit(), DayWindow(date(2024, 1, 1), date(2024, 1, 1) + timedelta(days=length))
    for _ in range(2):
        unread: DayWindow | None = window
        days: list[date] = []
        refusals = 0
        while unread is not None:
            part = learned.clip(unread)
            learned.tried(len(part))
            if len(part) > limit:
                refusals += 1
                assert learned.refused(len(part), longest=limit if told else 0)
                continue
            learned.accepted(len(part))
            days += list(part)
            unread = DayWindow(part.until, unread.until) if part.until < unread.until else None
        assert days == list(window)
        assert refusals <= (1 if told else 12)


@pytest.mark.parametrize("details", [{"maxDays": 30}, {}])
def test_a_limit_learned_from_a_refusal_holds_for_the_rest_of_the_run(run: Run, details: dict[str, Any]) -> None:
    window = DayWindow(date(2026, 1, 1), date(2026, 4, 1))

    def answer(asked: Asked) -> Reply:
        if len(asked.window) > 30:
            return error(400, "VALIDATION", "the window is too long", **details)
        return answer_for(asked)

    async def ask() -> tuple[int, int]:
        async with talking(answer) as talk:
            keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(20)]
            outcomes = [outcome async for outcome in talk.client.fetch_many((key, window) for key in keys)]
            assert sum(len(outcome) for outcome in outcomes if isinstance(outcome, Reading)) == 20 * 90
            return len(talk.server.asked), sum(record.code is not None for record in talk.records)

    _, refused = run(ask())
    assert refused == 1 if details else refused <= 8


REFUSALS = {
    "by the message": error(422, "VALIDATION", "Metric 'reach' is not available on tiktok_ads."),
    "in other quotes": error(400, "VALIDATION", "\u201creach\u201d is only available on meta_ads."),
    "in backticks": error(400, "VALIDATION", "`reach` is only available on meta_ads."),
    "beside others": error(400, "VALIDATION", "Not supported: use 'spend', 'impressions' or 'clicks', not 'reach'."),
    "by the details": error(400, "VALIDATION", "Invalid request", metric="reach"),
    "by the details' value": error(400, "VALIDATION", "Invalid request", field="metrics", value="reach"),
    "beside details that repeat the question": error(400, "VALIDATION", "No 'reach' here.", metrics=list(API_METRICS)),
}


@pytest.mark.slow
@pytest.mark.parametrize("named", REFUSALS)
def test_a_metric_that_several_entities_are_refused_is_asked_of_no_other_of_their_platform(
    run: Run, named: str
) -> None:
    def answer(asked: Asked) -> Reply:
        if "reach" in asked.query["metrics"] and asked.query["id"][0].startswith("tt"):
            return REFUSALS[named]
        return answer_for(asked, platform=None)

    async def ask(known: frozenset[RefusedMetric]) -> tuple[list[Reading], int, frozenset[RefusedMetric]]:
        async with talking(answer) as talk:
            talk.client.recall(known)
            keys = [EntityKey(CAMPAIGN, "prj_1", f"tt_{n}", "tiktok_ads") for n in range(50)]
            keys.append(EntityKey(CAMPAIGN, "prj_1", "mt_1", "meta_ads"))
            outcomes = [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]
            readings = [each for each in outcomes if isinstance(each, Reading)]
            return readings, len(talk.server.asked), talk.client.refused_metrics

    readings, asked, refused = run(ask(frozenset()))
    assert len(readings) == 51 and asked == 51 + AGREEING, "three refusals are paid for, not fifty"
    assert refused == {RefusedMetric(CAMPAIGN, "tiktok_ads", "reach")}
    assert run(ask(refused))[1:] == (51, refused), "and none by a client that is told"
    for reading in readings:
        tiktok = reading.key.platform == "tiktok_ads"
        frame = frame_readings([reading])
        assert (frame["reach"].null_count() == 7) == tiktok
        assert frame["spend"].null_count() == 0


def reach_of(outcomes: list[Any]) -> dict[str, bool]:
    """Which campaigns were read, and whether they were asked for their reach."""
    return {one.key.entity_id: "reach" in one.columns for one in outcomes if isinstance(one, Reading)}


@pytest.mark.parametrize("odd", [{"cmp_0"}, {"cmp_4"}, {"cmp_0", "cmp_1"}, {"cmp_3", "cmp_7"}])
def test_what_some_entities_are_refused_and_others_are_served_is_theirs_alone(run: Run, odd: set[str]) -> None:
    def answer(asked: Asked) -> Reply:
        refused = asked.query["id"][0] in odd and "reach" in asked.query["metrics"]
        return REFUSALS["by the message"] if refused else answer_for(asked)

    async def ask() -> tuple[list[Any], int, frozenset[RefusedMetric]]:
        async with talking(answer) as talk:
            keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(10)]
            outcomes = [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]
            return outcomes, len(talk.server.asked), talk.client.refused_metrics

    outcomes, asked, refused = run(ask())
    assert reach_of(outcomes) == {f"cmp_{n}": f"cmp_{n}" not in odd for n in range(10)}
    assert (asked, refused) == (10 + len(odd), frozenset())


@pytest.mark.parametrize(
    "message",
    [
        "out of reach: try again with another key",
        "This frequency of requests is out of range.",
        "reach is only available on meta_ads.",
        "It's the reach that isn't there.",
    ],
)
def test_a_word_in_prose_refuses_no_metric(run: Run, message: str) -> None:
    def answer(asked: Asked) -> Reply:
        return error(400, "VALIDATION", message) if asked.query["id"] == ["cmp_0"] else answer_for(asked)

    async def ask() -> tuple[list[Any], frozenset[RefusedMetric], list[int]]:
        async with talking(answer) as talk:
            keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(5)]
            outcomes = [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]
            windows = [len(asked.window) for asked in talk.server.asked if asked.query["id"] != ["cmp_0"]]
            return outcomes, talk.client.refused_metrics, windows

    outcomes, refused, windows = run(ask())
    assert reach_of(outcomes) == {f"cmp_{n}": True for n in range(1, 5)} and refused == frozenset()
    assert [type(each) for each in outcomes if not isinstance(each, Reading)] == [InvalidRequestError]
    assert windows == [7] * 4, "and no other entity's window is cut for it"


@pytest.mark.parametrize("message", ["out of reach: at most 3 days", "'reach' is served for at most 3 days."])
def test_a_window_is_cut_rather_than_a_metric_given_up(run: Run, message: str) -> None:
    def answer(asked: Asked) -> Reply:
        return error(400, "VALIDATION", message) if len(asked.window) > 3 else answer_for(asked)

    readings, _, _ = run(read(answer))
    assert sorted(day for reading in readings for day in reading.columns["day"]) == DAYS
    assert all("reach" in reading.columns for reading in readings)


def test_a_window_of_which_nothing_was_told_still_says_what_was_asked_for(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        return REFUSALS["by the message"] if "reach" in asked.query["metrics"] else answer_for(asked, series=[])

    (reading,), _, _ = run(read(answer))
    assert set(reading.columns) == {"day", *API_METRICS} - {"reach"} and len(reading) == 0


def test_a_refusal_nested_beyond_all_measure_is_an_error_like_any_other(run: Run) -> None:
    for depth in (50, 150, 5000):
        nested = b"[" * depth + b"]" * depth
        body = b'{"error": {"code": "VALIDATION", "message": "no", "details": {"x": ' + nested + b"}}}"
        with pytest.raises(EntityError):
            run(read(lambda _, body=body: Reply(raw=body, status=400)))


def test_frequency_is_asked_of_meta_alone(run: Run) -> None:
    for platform in ("meta_ads", "tiktok_ads", "apple_ads", "new_ads"):
        key = EntityKey(CAMPAIGN, "prj_1", "cmp_1", platform)
        _, (asked,), _ = run(read(lambda asked: answer_for(asked, platform=None), key=key))
        assert ("frequency" in asked.query["metrics"]) == (platform in ("meta_ads", "new_ads"))


@pytest.mark.parametrize("metric", ["spend", "impressions", "clicks", "conversions"])
def test_an_entity_is_not_read_without_a_primitive(run: Run, metric: str) -> None:
    with pytest.raises(InvalidRequestError, match=metric):
        run(read(lambda _: error(400, "VALIDATION", f"Metric '{metric}' is not available here.")))


def test_an_entity_that_is_refused_its_roas_costs_no_other_its_conversion_value(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        if "roas" in asked.query["metrics"] and asked.query["id"] == ["cmp_0"]:
            return error(400, "VALIDATION", "Metric 'roas' is not available here.")
        return answer_for(asked)

    async def ask() -> dict[str, int]:
        async with talking(answer) as talk:
            keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(10)]
            outcomes = [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]
            assert talk.client.refused_metrics == frozenset()
            readings = [outcome for outcome in outcomes if isinstance(outcome, Reading)]
            return {one.key.entity_id: frame_readings([one])["conversion_value"].null_count() for one in readings}

    assert run(ask()) == {f"cmp_{n}": 0 if n else 7 for n in range(10)}


def test_a_metric_that_is_not_what_was_wrong_is_not_done_without(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.query["id"] == ["cmp_0"]:
            return error(400, "VALIDATION", "Metric 'spend' is not available here. Use 'reach'.")
        return answer_for(asked)

    async def ask() -> tuple[frozenset[RefusedMetric], int]:
        async with talking(answer) as talk:
            keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(10)]
            outcomes = [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]
            return talk.client.refused_metrics, sum(isinstance(outcome, Reading) for outcome in outcomes)

    assert run(ask()) == (frozenset(), 9)


@pytest.mark.parametrize(
    ("words", "is_read"), [("since lies before the first day that is kept", True), ("bad request, try later", False)]
)
def test_days_left_out_count_as_read_only_if_it_is_for_their_date_that_they_are_refused(
    run: Run, words: str, is_read: bool
) -> None:
    kept = DayWindow(DAYS[4], WEEK.until)

    def answer(asked: Asked) -> Reply:
        return answer_for(asked, served=kept) if asked.window == WEEK else error(400, "VALIDATION", words)

    async def ask() -> list[Any]:
        async with talking(answer) as talk:
            return [outcome async for outcome in talk.client.fetch_many([(CAMPAIGN_KEY, WEEK)])]

    first, second = run(ask())
    assert first.window == kept
    assert isinstance(second, Reading if is_read else InvalidRequestError)
    assert not isinstance(second, Reading) or not second.served


def test_a_refusal_that_names_nothing_costs_the_entity(run: Run) -> None:
    with pytest.raises(InvalidRequestError, match="does not accept it: bad id"):
        run(read(lambda _: error(400, "VALIDATION", "bad id")))


def question() -> MetricsQuestion:
    """All metrics of the week."""
    return MetricsQuestion(CAMPAIGN_KEY, WEEK, "day", API_METRICS)


money = st.decimals(min_value=0, max_value=10**8, places=2, allow_nan=False, allow_infinity=False)
ratio = st.decimals(min_value=0, max_value=1000, places=4, allow_nan=False, allow_infinity=False)


@given(spend=money, roas=ratio, count=st.integers(0, 10**12), quoted=st.booleans())
def test_the_digits_sent_are_the_digits_stored(spend: Decimal, roas: Decimal, count: int, quoted: bool) -> None:
    quote = '"' if quoted else ""
    body = (
        '{"window":{"since":"2026-03-30","until":"2026-04-06"},"series":[{"bucket":"2026-03-30",'
        f'"spend":{quote}{spend:f}{quote},"roas":{roas:f},"impressions":{quote}{count}{quote},'
        f'"clicks":{count}.0,"conversions":null}}]}}'
    )
    now = datetime(2026, 4, 20, tzinfo=UTC)
    answer = parse_metrics_answer(body.encode(), API_METRICS)
    row = frame_readings([parse_reading(question(), answer, read_at=now, request_id=None)]).row(0, named=True)
    assert row["spend"] == spend and row["impressions"] == row["clicks"] == count and row["conversions"] is None
    assert row["conversion_value"] == derive_conversion_value(spend, roas)


@pytest.mark.parametrize("day", ["2026-03-30T00:00:00Z", "2026-03-30T00:00:00+00:00", "2026-03-30T02:00:00+02:00"])
def test_a_midnight_for_its_day_is_believed(run: Run, day: str) -> None:
    (reading,), _, _ = run(read(with_buckets(bucket(DAYS[0]) | {"bucket": day})))
    assert list(reading.columns["day"]) == [DAYS[0]]


@given(
    spend=st.floats(0, 1e6),
    counts=st.tuples(st.integers(0, 10**7), st.integers(0, 10**5), st.integers(0, 10**4)),
    places=st.integers(1, 6),
)
def test_rounding_alone_is_never_a_mismatch(spend: float, counts: tuple[int, int, int], places: int) -> None:
    impressions, clicks, conversions = counts
    numbers: dict[str, list[Any]] = {
        "spend": [round(spend, 2), 0.01],
        "impressions": [impressions, None],
        "clicks": [clicks, None],
        "conversions": [conversions, None],
        # A second row that shows how many places the API prints.
        "cpa": [round(spend / max(conversions, 1), places), 10**-places],
        "cpm": [round(spend / max(impressions, 1) * 1000, places), 10**-places],
        "ctr": [round(clicks / max(impressions, 1), places), 10**-places],
    }
    assert mismatches_of(two_days(numbers)) == []


@given(off=st.floats(0.0151, 1e6), conversions=st.integers(0, 10**4), spend=st.decimals(0, 10**6, places=2))
def test_more_than_rounding_is_a_mismatch(off: float, conversions: int, spend: Decimal) -> None:
    numbers: dict[str, list[Any]] = {
        "spend": [float(spend), 3.45],
        "conversions": [conversions, 1],
        "cpa": [round(float(spend) / max(conversions, 1) + off, 2), 3.45],
    }
    (found,) = mismatches_of(two_days(numbers))
    assert found[:2] == (DAYS[0], "cpa")


def two_days(numbers: dict[str, list[Any]]) -> Reading:
    """A reading of two buckets."""
    packed = {name: pack_numbers(values) for name, values in numbers.items()}
    return Reading(CAMPAIGN_KEY, WEEK, NOW, {"day": DAYS[:2], **packed})


def mismatches_of(*readings: Reading) -> list[tuple[Any, ...]]:
    """Day, metric, reported and recomputed number of each."""
    return [row[1:] for row in find_mismatches(frame_readings(readings)).rows()]


def test_a_ratio_its_primitives_do_not_give_is_kept_as_a_finding(run: Run) -> None:
    (reading,), _, _ = run(read(with_buckets(bucket(DAYS[0], cpa=3.85), bucket(DAYS[1]))))
    assert mismatches_of(reading) == [(DAYS[0], "cpa", 3.85, 3.75)]
    assert len(reading) == 2


def test_one_entity_costs_itself_alone(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        return error(404, "NOT_FOUND") if asked.query["id"] == ["cmp_3"] else answer_for(asked)

    async def ask() -> list[Reading | EntityError]:
        async with talking(answer) as talk:
            keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(200)]
            return [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]

    outcomes = run(ask())
    (failure,) = [outcome for outcome in outcomes if isinstance(outcome, EntityError)]
    assert failure.context.entity_id == "cmp_3" and failure.context.request_id == "req_error"
    assert sum(len(outcome) for outcome in outcomes if isinstance(outcome, Reading)) == 199 * 7
