"""How the client fails: bounded, honest, and without telling the key."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import shutil
import ssl
import subprocess
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from layers_etl.api import LayersClient, Timeouts
from layers_etl.api.failures import ErrorResponse
from layers_etl.api.wire import parse_error_envelope
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.errors import (
    ApiError,
    ConfigurationError,
    EntityError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    RequestContext,
    UnavailableError,
    UntrustedAnswerError,
)
from tests.api.conftest import (
    CAMPAIGN_KEY,
    IMPATIENT,
    KEY,
    WEEK,
    Asked,
    Reply,
    Server,
    answer_for,
    error,
    in_turn,
    talking,
)
from tests.domain.strategies import properties
from tests.json_values import ODD_VALUES, object_text, odd_json

Run = Callable[[Any], Any]
HTML = Reply(raw=b"<html>one moment</html>", headers={"Content-Type": "text/html"})
TRUNCATED = Reply(raw=b'{"window": {"since": "2026-03-30T00:0')

TRANSIENT = {
    "500": error(500, "INTERNAL"),
    "502 of a proxy": Reply(raw=b"<html>bad gateway</html>", status=502, headers={"Content-Type": "text/html"}),
    "503": error(503, "UNAVAILABLE"),
    "504": error(504, "TIMEOUT"),
    "platform 502": error(502, "PLATFORM_ERROR", platformCode="17"),
    "cut mid-body": Reply({"series": []}, cut_at=5),
    "cut before an answer": Reply({"series": []}, headers={"Content-Length": "9999"}, cut_at=0),
    "stall": Reply({}, stall=4),
    "HTML with status 200": HTML,
    "wrong content type": Reply({}, headers={"Content-Type": "text/plain"}),
    "truncated JSON": TRUNCATED,
    "an empty body": Reply(raw=b""),
    "a body that is not compressed as said": Reply({}, headers={"Content-Encoding": "gzip"}),
    "JSON without an end": Reply(raw=b"[" * 100_000),
    "JSON with a NaN of its own": Reply(raw=b"NaN"),
    "429": error(429, "RATE_LIMITED", headers={"Retry-After": "0"}),
    "429 that does not say for how long": error(429, "RATE_LIMITED"),
    "no HTTP": Reply(raw=b"", headers={"Content-Length": "nonsense"}),
}


async def read_one(answer: Callable[[Asked], Reply], **settings: Any) -> Any:
    """The outcome of one entity: its reading or its error; with requests and records."""
    async with talking(answer, **settings) as talk:
        try:
            outcome: Any = await anext(talk.client.fetch_metrics(CAMPAIGN_KEY, WEEK))
        except ApiError as failure:
            outcome = failure
        return outcome, talk.server.asked, talk.records


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=pytest.mark.slow) if name == "stall" else name for name in TRANSIENT]
)
def test_a_transient_fault_is_retried_to_a_true_answer(run: Run, fault: str) -> None:
    replies = [TRANSIENT[fault]]
    hurry = {"timeouts": Timeouts(total=2)} if fault == "stall" else {}
    outcome, _, (record,) = run(read_one(lambda asked: replies.pop() if replies else answer_for(asked), **hurry))
    assert isinstance(outcome, Reading) and len(outcome) == 7
    assert record.attempts >= 2 and record.code is None and record.status == 200


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("503", UnavailableError, "UNAVAILABLE"),
        ("502 of a proxy", UnavailableError, "HTTP_502"),
        ("platform 502", UnavailableError, "PLATFORM_ERROR"),
        ("cut mid-body", UnavailableError, "CONNECTION"),
        ("truncated JSON", UntrustedAnswerError, "MALFORMED"),
        ("HTML with status 200", UntrustedAnswerError, "MALFORMED"),
        ("429", UnavailableError, "RATE_LIMITED"),
    ],
)
def test_retries_are_bounded(run: Run, fault: str, kind: type[ApiError], code: str) -> None:
    outcome, _, (record,) = run(read_one(lambda _: TRANSIENT[fault]))
    assert isinstance(outcome, kind) and outcome.code == record.code == code
    assert record.attempts == 4


def test_a_compressed_answer_is_read(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        body = gzip.compress(answer_for(asked).head_and_body()[1])
        return Reply(raw=body, headers={"Content-Encoding": "gzip"})

    outcome, (asked,), _ = run(read_one(answer))
    assert isinstance(outcome, Reading) and "gzip" in asked.headers["accept-encoding"]


@pytest.mark.slow
def test_a_stall_is_a_time_out(run: Run) -> None:
    outcome, _, _ = run(read_one(lambda _: Reply({}, stall=5), timeouts=Timeouts(total=0.3)))
    assert isinstance(outcome, UnavailableError) and outcome.code == "TIMEOUT"


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (error(401, "UNAUTHENTICATED"), RefusedError, "LAYERS_API_KEY"),
        (error(403, "FORBIDDEN_SCOPE", "Key lacks projects:read."), RefusedError, "Key lacks projects:read"),
        (error(403, "FORBIDDEN_SCOPE"), RefusedError, "projects:read, ads:read, metrics:read"),
        (error(401, "NEW_CODE"), RefusedError, "LAYERS_API_KEY"),
        (error(503, "KILL_SWITCH"), RefusedError, "suspended"),
        (error(429, "KILL_SWITCH"), RefusedError, "suspended"),
        (error(403, "FORBIDDEN"), EntityError, "403 FORBIDDEN"),
        (error(404, "NOT_FOUND"), NotFoundError, "not in this organisation"),
        (Reply(raw=b"<html>", status=404), EntityError, "LAYERS_BASE_URL"),
        (error(400, "PLATFORM_ERROR", platformCode="190"), EntityError, "190"),
        (error(409, "NEW_CODE"), EntityError, "NEW_CODE"),
        (
            Reply({}, 302, {"Location": "https://elsewhere.example/"}),
            EntityError,
            "redirect to https://elsewhere.example",
        ),
    ],
)
def test_what_no_retry_can_mend_is_sent_once(run: Run, reply: Reply, kind: type[ApiError], words: str) -> None:
    outcome, asked, _ = run(read_one(lambda _: reply))
    assert type(outcome) is kind and words in str(outcome) and len(asked) == 1
    for part in ("prj_1", "campaign cmp_1", "2026-03-30 until 2026-04-06"):
        assert part in str(outcome)


@pytest.mark.parametrize(
    ("reply", "organization", "cause"),
    [
        (
            error(401, "UNAUTHENTICATED", "Revoked."),
            None,
            "The API key is malformed, unknown or revoked (UNAUTHENTICATED",
        ),
        (error(503, "KILL_SWITCH", "Off."), None, "The organisation is suspended (KILL_SWITCH: Off) until someone"),
        (
            error(403, "FORBIDDEN_SCOPE", "Key lacks x."),
            None,
            "The API key may not do this (FORBIDDEN_SCOPE: Key lacks x)",
        ),
        (
            error(403, "FORBIDDEN_SCOPE", "Not yours."),
            "org_2",
            "The API key may not do this (FORBIDDEN_SCOPE: Not yours)",
        ),
        (error(404, "NOT_FOUND"), "org_2", "Gone, or not in this organisation (LAYERS_ORGANIZATION is org_2)"),
        (error(500, "INTERNAL"), None, "The API answered 500"),
    ],
)
def test_what_concerns_no_entity_says_its_cause_first_and_what_was_asked_last(
    run: Run, reply: Reply, organization: str | None, cause: str
) -> None:
    async def ask() -> str:
        async with talking(lambda _: reply, organization=organization) as talk:
            with pytest.raises(ApiError) as caught:
                await talk.client.fetch_identity()
            return str(caught.value)

    sentence = run(ask())
    assert sentence.startswith(cause)
    assert sentence.endswith(" (asking who the key is, request req_error)")
    assert (f"LAYERS_ORGANIZATION ({organization})" in sentence) is (organization is not None and reply.status == 403)


def assert_is_one_line(sentence: str) -> None:
    """What a terminal shows as it is meant."""
    assert sentence.encode("utf-8")
    assert len(sentence.splitlines()) == 1 and "\x1b" not in sentence and "\0" not in sentence


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NOT_FOUND", NotFoundError),
        (400, "VALIDATION", InvalidRequestError),
        (403, "FORBIDDEN_SCOPE", RefusedError),
        (503, "KILL_SWITCH", RefusedError),
        (400, "PLATFORM_ERROR", EntityError),
    ],
)
@pytest.mark.parametrize("field", ["message", "requestId", "details", "unknown"])
def test_of_an_error_only_its_code_is_needed(
    run: Run, status: int, code: str, kind: type[ApiError], field: str
) -> None:
    for odd in ODD_VALUES:
        envelope = {"code": json.dumps(code), "message": '"no"', "requestId": '"req_1"', "details": "{}", field: odd}
        body = object_text({"error": object_text(envelope)}).encode()
        failure = ErrorResponse(status, parse_error_envelope(body)).error(RequestContext("reading"))
        assert type(failure) is kind, odd[:50]
        assert_is_one_line(str(failure))


@properties
@given(odd=odd_json(), status=st.sampled_from([400, 401, 403, 404, 409, 429, 500, 503]))
def test_any_json_for_an_error_is_an_error_of_its_status(odd: str, status: int) -> None:
    for body in (odd, object_text({"error": odd}), object_text({"error": object_text({"code": odd})})):
        failure = ErrorResponse(status, parse_error_envelope(body.encode())).error(RequestContext("reading"))
        assert_is_one_line(str(failure))
        assert not isinstance(failure, NotFoundError) or status == 404
        assert isinstance(failure, RefusedError) is (status == 401)


def test_an_error_in_bytes_that_are_no_utf_8_is_understood_all_the_same() -> None:
    body = b'{"error": {"code": "NOT_FOUND", "message": "Caf\xe9 \x1b[31m is gone"}}'
    failure = ErrorResponse(404, parse_error_envelope(body)).error(RequestContext("reading"))
    assert isinstance(failure, NotFoundError)
    assert str(failure).endswith("Caf\N{REPLACEMENT CHARACTER} [31m is gone (reading)")


def test_a_request_id_in_bytes_that_are_no_utf_8_can_be_stored(run: Run) -> None:
    reply = error(404, "NOT_FOUND")
    del reply.json["error"]["requestId"]
    outcome, _, (record,) = run(read_one(lambda _: replace(reply, headers={"X-Request-Id": "req_\udce9"})))
    assert isinstance(outcome, NotFoundError)
    assert record.request_id and record.request_id.encode("utf-8") and record.request_id in str(outcome)


def test_a_key_revoked_in_mid_run_stops_the_sending_and_keeps_what_arrived(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        number = int(asked.query["id"][0].removeprefix("cmp_"))
        return error(401, "UNAUTHENTICATED") if number >= 100 else answer_for(asked)

    async def ask() -> tuple[int, int]:
        async with talking(answer) as talk:
            keys = (EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(1000))
            outcomes, arrived = talk.client.fetch_many((key, WEEK) for key in keys), 0
            try:
                async for outcome in outcomes:
                    arrived += isinstance(outcome, Reading)
            except RefusedError:
                pass
            else:
                pytest.fail("the refusal must end it")
            sent = len(talk.server.asked)
            with pytest.raises(RefusedError):
                await talk.client.fetch_identity()
            assert len(talk.server.asked) == sent, "nothing is sent with a refused key"
            return arrived, sent

    arrived, sent = run(ask())
    assert arrived == 100 and sent < 200


def test_stopping_early_cancels_what_is_under_way(run: Run) -> None:
    async def ask() -> None:
        async with talking(answer_for) as talk:
            keys = (EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(10_000))
            outcomes = talk.client.fetch_many((key, WEEK) for key in keys)
            await anext(outcomes)
            await outcomes.aclose()
            assert len(asyncio.all_tasks()) < 70 and len(talk.server.asked) < 300

    run(ask())


def test_a_fifth_of_all_requests_failing_loses_nothing(run: Run) -> None:
    faults = [TRANSIENT[name] for name in ("500", "cut mid-body", "truncated JSON", "502 of a proxy", "429")]
    count = 0

    def answer(asked: Asked) -> Reply:
        nonlocal count
        count += 1
        return faults[count // 5 % 5] if count % 5 == 0 else answer_for(asked)

    async def ask() -> list[Any]:
        async with talking(answer, retry=replace(IMPATIENT, attempts=10)) as talk:
            keys = (EntityKey(CAMPAIGN, "prj_1", f"cmp_{n}", "meta_ads") for n in range(200))
            return [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]

    outcomes = run(ask())
    assert len({outcome.key.entity_id for outcome in outcomes}) == 200


def test_retry_after_as_a_date_is_meant_by_the_servers_clock(run: Run) -> None:
    theirs = datetime(2031, 1, 1, tzinfo=UTC)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(hours=1), usegmt=True),
    }
    outcome, asked, _ = run(read_one(lambda _: error(429, "RATE_LIMITED", headers=headers)))
    assert isinstance(outcome, UnavailableError) and "3600 s" in str(outcome) and len(asked) == 1


def test_the_key_is_nowhere_but_in_the_header(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"your key {KEY} is bad"
    replies = in_turn(
        error(500, "INTERNAL", echo),
        Reply({"error": echo}, headers={"X-Request-Id": "req_1"}),
        error(400, "VALIDATION", echo),
    )

    async def ask() -> None:
        async with talking(replies) as talk:
            for _ in range(2):
                with pytest.raises(ApiError) as caught:
                    await anext(talk.client.fetch_metrics(CAMPAIGN_KEY, WEEK))
                told = [repr(caught.value), *traceback.format_exception(caught.value), repr(vars(caught.value))]
                assert KEY not in "".join(told)
            assert KEY not in repr(vars(talk.client)) + repr(talk.records)
            assert all(KEY not in asked.target for asked in talk.server.asked)

    run(ask())
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("http://api.layers.com", KEY, "https"),
        ("http://127.0.0.1.example.com", KEY, "https"),
        ("ftp://api.layers.com", KEY, "no address"),
        ("", KEY, "no address"),
        ("https://user:pass@api.layers.com", KEY, "no address"),
        ("https://api.layers.com", "", "LAYERS_API_KEY"),
        ("https://api.layers.com", "lp_live\nX: y", "LAYERS_API_KEY"),
    ],
)
def test_an_address_or_key_that_must_not_be_used_is_refused_at_once(url: str, key: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        LayersClient(base_url=url, api_key=SecretStr(key))
    assert "pass" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate that nobody trusts")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_nobody_vouches_for_is_told_nothing(run: Run, tmp_path: Path, host: str) -> None:
    certificate, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={host}"]
    subprocess.run([*make, "-keyout", private, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)

    async def ask() -> tuple[Any, list[Asked]]:
        server = Server(answer_for)
        listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
        base_url = f"https://{host}:{listener.sockets[0].getsockname()[1]}"
        outcome, _, _ = await read_one(answer_for, base_url=base_url)
        listener.close()
        return outcome, server.asked

    outcome, asked = run(ask())
    assert isinstance(outcome, UnavailableError)
    assert "is signed by nobody whom this machine trusts" in str(outcome)
    assert asked == []


def test_a_client_belongs_to_one_event_loop(run: Run) -> None:
    client = LayersClient(base_url="http://localhost:1", api_key=SecretStr(KEY))
    with pytest.raises(RuntimeError, match="event loop"):
        run(client.fetch_identity())


def test_an_unreachable_host_is_a_sentence(run: Run) -> None:
    outcome, _, _ = run(read_one(answer_for, base_url="http://127.0.0.1:9"))
    assert isinstance(outcome, UnavailableError) and "check LAYERS_BASE_URL" in str(outcome)
