"""Whatever arrives, it is read in bounded memory and time, and costs its entity or its listing alone."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import unicodedata
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api import Timeouts, paging
from layers_etl.api.pacing import LONGEST_TOLD_SECONDS, parse_bucket_state, parse_http_date, parse_retry_after
from layers_etl.api.paging import EndlessListingError, ParsedPage, fetch_all_pages
from layers_etl.api.sender import MOST_ERROR_BYTES, MOST_HEADER_CHARACTERS, MOST_METRICS_BYTES
from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.storable import printable_line
from layers_etl.errors import ApiError, EntityError, UnavailableError, UntrustedAnswerError
from tests.api.conftest import CAMPAIGN_KEY, UNHURRIED, WEEK, Asked, Reply, answer_for, error, talking

Run = Callable[[Any], Any]
MIB = 2**20
"""What is tested here is size, however busy the machine."""


async def read_one(answer: Callable[[Asked], Reply], timeouts: Timeouts = UNHURRIED) -> Any:
    """The outcome of one entity, what was asked, and the records."""
    async with talking(answer, timeouts=timeouts) as talk:
        try:
            outcome: Any = await anext(talk.client.fetch_metrics(CAMPAIGN_KEY, WEEK))
        except ApiError as failure:
            outcome = failure
        return outcome, talk.server.asked, talk.records


def bomb(mebibytes: int) -> bytes:
    """A compressed body that unpacks to so many MiB of spaces, which JSON may begin with."""
    packer = zlib.compressobj(9, wbits=31)
    spaces = b" " * MIB
    return b"".join([packer.compress(spaces) for _ in range(mebibytes)]) + packer.flush()


GZIPPED = {"Content-Encoding": "gzip"}


@pytest.mark.slow
def test_a_body_that_unpacks_to_more_than_an_answer_can_be_costs_its_entity_in_bounded_memory(run: Run) -> None:
    body = bomb(512)
    tracemalloc.start()
    try:
        outcome, asked, (record,) = run(
            read_one(lambda _: Reply(raw=body, headers=GZIPPED | {"X-Request-Id": "req_1"}))
        )
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(outcome, UntrustedAnswerError) and "longer than 8 MiB" in str(outcome)
    assert outcome.context.request_id == "req_1" and len(asked) == 2 and record.code == "UNTRUSTED"
    assert most < 8 * MOST_METRICS_BYTES


def test_a_body_that_is_too_long_without_being_compressed_is_as_little_believed(run: Run) -> None:
    body = b" " * (MOST_METRICS_BYTES + 1)
    outcome, asked, _ = run(read_one(lambda _: Reply(raw=body)))
    assert isinstance(outcome, UntrustedAnswerError) and len(asked) == 2


def test_ten_years_of_days_with_every_metric_are_no_body_too_long(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        sane = answer_for(asked).json
        row = {name: value for name, value in sane["series"][0].items() if name != "bucket"}
        wordy = [row | {"bucket": day.isoformat(), "note": "x" * 1000} for day in WEEK]
        return Reply(sane | {"series": wordy, "padding": [wordy] * 520})

    outcome, _, (record,) = run(read_one(answer))
    assert isinstance(outcome, Reading) and record.bytes_received > 3640 * 1200


def test_an_error_whose_body_has_no_end_is_told_by_its_status(run: Run) -> None:
    outcome, asked, (record,) = run(read_one(lambda _: Reply(raw=bomb(64), status=409, headers=GZIPPED)))
    assert type(outcome) is EntityError and outcome.code == "HTTP_409" and len(asked) == 1
    assert record.bytes_received <= MOST_ERROR_BYTES


@pytest.mark.slow
def test_an_oversized_page_costs_its_listing(run: Run) -> None:
    async def ask() -> None:
        async with talking(lambda _: Reply(raw=bomb(64), headers=GZIPPED), timeouts=UNHURRIED) as talk:
            with pytest.raises(UntrustedAnswerError, match=r"longer than 32 MiB .*listing campaigns, project prj_1"):
                await talk.client.fetch_entities(CAMPAIGN, "prj_1")
            assert len(talk.server.asked) == 2

    run(ask())


@pytest.mark.slow
def test_a_body_that_comes_byte_by_byte_is_cut_by_the_total_time_of_each_of_few_attempts(run: Run) -> None:
    outcome, asked, (record,) = run(read_one(lambda _: Reply({"series": []}, pause=0.1), Timeouts(total=0.3)))
    assert isinstance(outcome, UnavailableError) and outcome.code == "TIMEOUT"
    assert len(asked) == record.attempts == 4


ODD_HEADERS = {
    "a value of a megabyte": {"X-Odd": "x" * MIB},
    "a name of a megabyte": {"x" * MIB: "odd"},
    "a thousand headers": {f"X-Odd-{number}": "odd" for number in range(1000)},
    "a control character": {"X-Odd": "a\x00b"},
    "two lengths": {"content-length": "17"},
    "an unknown coding": {"Transfer-Encoding": "smoke-signals"},
}


@pytest.mark.parametrize("odd", ODD_HEADERS)
def test_headers_that_nobody_can_read_cost_their_entity_and_are_a_sentence(run: Run, odd: str) -> None:
    outcome, _, (record,) = run(read_one(lambda _: Reply({}, headers=ODD_HEADERS[odd])))
    assert isinstance(outcome, EntityError) and len(str(outcome)) < 500
    assert record.code == outcome.code


def test_a_request_id_is_kept_as_far_as_it_can_be_printed(run: Run) -> None:
    long = {"X-Request-Id": "r" * 5000}
    outcome, _, (record,) = run(read_one(lambda asked: Reply(answer_for(asked).json, headers=long)))
    assert isinstance(outcome, Reading) and outcome.request_id == record.request_id
    assert outcome.request_id and outcome.request_id.startswith("rrr")
    assert len(outcome.request_id) == MOST_HEADER_CHARACTERS
    envelope = {"code": "CONFLICT", "message": "no", "requestId": "\x1b[2J" + "r" * 500_000}
    outcome, _, (record,) = run(read_one(lambda _: Reply({"error": envelope}, 409)))
    assert type(outcome) is EntityError and len(str(outcome)) < 2000 and str(outcome).isprintable()
    assert record.request_id and len(record.request_id) <= MOST_HEADER_CHARACTERS and record.request_id.isprintable()


@given(st.text())
def test_any_header_can_be_printed_and_stored(text: str) -> None:
    line = printable_line(text, MOST_HEADER_CHARACTERS)
    assert not any(unicodedata.category(character) == "Cc" for character in line)
    assert len(line) <= MOST_HEADER_CHARACTERS
    line.encode()


odd_numbers = st.sampled_from(["1e400", "-1e400", "-5", "nan", "inf", "1e308", "9" * 400, "0x10", "1_0", "", " "])
odd_texts = st.one_of(odd_numbers, st.text(), st.floats().map(str), st.integers().map(str))
now = datetime(2026, 4, 18, 6, tzinfo=UTC)


@given(odd_texts)
def test_any_told_wait_is_none_or_of_bounded_length(text: str) -> None:
    told = parse_retry_after(text, now=now)
    assert told is None or 0 <= told <= LONGEST_TOLD_SECONDS


@given(odd_texts, odd_texts)
def test_any_state_of_the_rate_limit_is_none_or_slows_by_less_than_a_minute(remaining: str, reset: str) -> None:
    state = parse_bucket_state({"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}, now=now)
    assert state is None or 0 <= state.spacing <= 60


@given(
    st.one_of(
        st.text(),
        st.builds(
            "Sat, {:02d} {} {:04d} {:02d}:{:02d}:{:02d} {}".format,
            st.integers(0, 99),
            st.sampled_from(["Jan", "Apr", "Dec", "Foo"]),
            st.integers(0, 99_999),
            st.integers(0, 99),
            st.integers(0, 99),
            st.integers(0, 99),
            st.sampled_from(["GMT", "+0000", "-2359", "+9999", "+99999999999999999999", "EST", ""]),
        ),
    )
)
def test_any_date_is_none_or_an_instant_in_utc(text: str) -> None:
    instant = parse_http_date(text)
    assert instant is None or instant.tzinfo is UTC


@pytest.mark.parametrize("wait", ["1e400", "-5", "nan", "soon", ""])
def test_a_told_wait_that_is_none_costs_no_more_than_one_that_was_not_told(run: Run, wait: str) -> None:
    outcome, asked, _ = run(read_one(lambda _: error(429, "RATE_LIMITED", headers={"Retry-After": wait})))
    assert isinstance(outcome, UnavailableError) and outcome.code == "RATE_LIMITED" and len(asked) == 4


def test_a_told_wait_beyond_all_measure_costs_the_request_and_is_a_short_sentence(run: Run) -> None:
    headers = {"Retry-After": "1" + "0" * 300}
    outcome, asked, _ = run(read_one(lambda _: error(429, "RATE_LIMITED", headers=headers)))
    assert isinstance(outcome, UnavailableError) and len(asked) == 1 and len(str(outcome)) < 300


def test_json_nested_without_end_costs_its_entity(run: Run) -> None:
    for depth in (500, 900, 1500, 100_000):
        nested = b'{"window": ' + b"[" * depth + b"]" * depth + b"}"
        outcome, _, _ = run(read_one(lambda _, body=nested: Reply(raw=body)))
        assert isinstance(outcome, UntrustedAnswerError)


def test_a_compressed_body_of_ever_new_members_is_read_in_bounded_time(run: Run) -> None:
    empty = gzip.compress(b"")
    outcome, _, _ = run(read_one(lambda _: Reply(raw=empty * 200_000, headers=GZIPPED)))
    assert isinstance(outcome, EntityError)


def endless(items: int, **bounds: Any) -> tuple[str, int]:
    """The sentence and the number of pages of a listing of ever new cursors, with so many new items on each page."""
    pages = 0

    async def fetch_page(_: str | None) -> ParsedPage[int]:
        nonlocal pages
        pages += 1
        page = range(pages * items, (pages + 1) * items)
        return ParsedPage({str(item): item for item in page}, str(pages), **bounds)

    clock = iter(range(1_000_000))
    with pytest.raises(EndlessListingError) as caught:
        asyncio.run(fetch_all_pages(fetch_page, clock=lambda: float(next(clock))))
    return str(caught.value), pages


@pytest.mark.parametrize(
    ("items", "size", "most_pages"),
    [(200, 0, paging.MOST_ITEMS // 200 + 1), (1, 0, paging.MOST_PAGES), (1, 32 * MIB, 9)],
)
def test_a_listing_of_ever_new_items_ends_by_its_items_its_pages_or_its_bytes(
    items: int, size: int, most_pages: int
) -> None:
    sentence, pages = endless(items, size=size)
    assert pages <= most_pages and "go on for ever" in sentence


def test_a_listing_whose_pages_come_too_slowly_ends_by_its_time() -> None:
    seconds = iter(range(0, 1_000_000, 600))

    async def fetch_page(cursor: str | None) -> ParsedPage[int]:
        following = int(cursor or 0) + 1
        return ParsedPage({str(following): following}, str(following))

    with pytest.raises(EndlessListingError, match="after 7 pages"):
        asyncio.run(fetch_all_pages(fetch_page, clock=lambda: float(next(seconds))))


@pytest.mark.slow
def test_an_endless_listing_names_its_project(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        number = int(asked.query.get("cursor", ["0"])[0])
        item = {"campaignId": f"cmp_{number}", "adAccountId": "acc_1", "note": "x" * 20 * MIB}
        return Reply({"items": [item], "nextCursor": str(number + 1)})

    async def ask() -> None:
        async with talking(answer, timeouts=UNHURRIED) as talk:
            with pytest.raises(UntrustedAnswerError, match=r"go on for ever.*listing campaigns, project prj_1"):
                await talk.client.fetch_entities(CAMPAIGN, "prj_1")
            assert len(talk.server.asked) == 13

    run(ask())
