from __future__ import annotations

import logging
import socket

import pytest
from pydantic import SecretStr

from layers_etl.alerts.webhook import ping, post_text
from layers_etl.domain.network import Network

from ..harness.hooks import TOKEN, Hook

DIRECT = Network()
HALF_A_SECOND = 0.5


def test_a_message_is_posted_as_slack_takes_it_to_the_whole_address(hook: Hook) -> None:
    assert post_text(hook.secret, "Hello <!channel> & all", DIRECT) is None
    ((method, target, _),) = hook.requests
    assert (method, target) == ("POST", f"/services/{TOKEN}?key={TOKEN}")
    assert hook.texts == ["Hello &lt;!channel&gt; &amp; all"]


def test_a_ping_sends_nothing_but_the_question(hook: Hook) -> None:
    assert ping(hook.secret, DIRECT) is None
    assert hook.requests == [("GET", f"/services/{TOKEN}?key={TOKEN}", b"")]


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_refusal_is_told_by_its_status(hook: Hook, status: int) -> None:
    hook.refuse(status)
    assert post_text(hook.secret, "Hello", DIRECT) == f"it answered {status}"


def test_a_redirect_is_not_followed(hook: Hook) -> None:
    hook.answer = f"HTTP/1.1 307 Elsewhere\r\nLocation: {hook.address}/more\r\nContent-Length: 0\r\n\r\n".encode()
    assert post_text(hook.secret, "Hello", DIRECT) == "it answered 307"
    assert len(hook.requests) == 1


def test_a_webhook_that_stalls_is_waited_for_no_longer_than_was_said(hook: Hook) -> None:
    hook.stalls = True
    assert post_text(hook.secret, "Hello", DIRECT, HALF_A_SECOND) == "it did not answer within 0.5 seconds"


def test_an_answer_that_never_ends_is_not_read(hook: Hook) -> None:
    hook.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
    assert post_text(hook.secret, "Hello", DIRECT) is None


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff\xfe", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_not_taken(hook: Hook, garbage: bytes) -> None:
    hook.answer = garbage
    assert post_text(hook.secret, "Hello", DIRECT) == "it could not be reached, or answered what is no HTTP"


def test_a_port_at_which_nobody_is_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = post_text(SecretStr(f"http://127.0.0.1:{port}/{TOKEN}"), "Hello", DIRECT)
    assert refused == "it could not be reached, or answered what is no HTTP"


def test_a_host_that_nobody_knows_is_told_as_such_and_not_by_name() -> None:
    unknown = post_text(SecretStr(f"https://{TOKEN}.invalid/"), "Hello", DIRECT)
    assert unknown == "its host is not known"


def test_nothing_that_any_library_logs_holds_the_address(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in (Hook.answer, b"HTTP/1.1 307 Elsewhere\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", b"\x00"):
        hook.answer = answer
        post_text(hook.secret, "Hello", DIRECT)
        ping(hook.secret, DIRECT)
    assert TOKEN not in caplog.text
