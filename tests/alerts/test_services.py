"""Apprise sends what it is given, and nothing of the address shows; with the package itself, where it can be had."""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from layers_etl.alerts.services import send_text
from layers_etl.alerts.telling import send_test
from layers_etl.errors import ConfigurationError, LayersEtlError
from layers_etl.settings import load_settings

from ..harness.hooks import TOKEN, Hook
from ..packages import installed

APPRISE = ("apprise==2.3.0", "markdown", "requests-oauthlib", "oauthlib")
"""The extra, and of what it needs that which Dagster does not bring."""

HALF_A_SECOND = 0.5


@pytest.fixture
def apprise(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is there, for this process and for those it starts."""
    assert request.config.cache
    folder = installed(request.config.cache, "alerts", *APPRISE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)


def of_apprise(hook: Hook, kind: str = "json") -> SecretStr:
    """The same address as Apprise has it."""
    return SecretStr(hook.address.replace("http://", f"{kind}://"))


@pytest.mark.slow
def test_a_message_arrives_and_wakes_nobody(apprise: None, hook: Hook) -> None:
    assert send_text(of_apprise(hook), "Hello <!channel> & @everyone") is None
    ((method, target, body),) = hook.requests
    assert method == "POST" and TOKEN in target
    said = msgspec.json.decode(body)["message"]
    assert said.startswith("Hello ") and "<" not in said and "@everyone" not in said


@pytest.mark.slow
def test_what_is_not_taken_is_told_without_the_address(
    apprise: None, hook: Hook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    hook.refuse(403)
    assert send_text(of_apprise(hook), "Hello") == "Apprise could not deliver it"
    told = send_text(SecretStr(f"nonsense://{TOKEN}"), "Hello")
    assert told == "it is no address that Apprise understands"
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.slow
def test_a_redirect_of_a_service_is_not_followed(apprise: None, hook: Hook) -> None:
    hook.answer = f"HTTP/1.1 307 Elsewhere\r\nLocation: {hook.address}/more\r\nContent-Length: 0\r\n\r\n".encode()
    assert send_text(of_apprise(hook), "Hello") is not None
    assert len(hook.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("address", ["json://example.com/T0", "mailto://ann:word@mail.example.com"])
def test_nothing_is_sent_unencrypted_to_another_machine(apprise: None, address: str) -> None:
    told = send_text(SecretStr(address), "Hello")
    assert told == "it would send a secret unencrypted; use the kind that ends in s, like mailtos://"


@pytest.mark.slow
def test_a_service_that_stalls_is_waited_for_no_longer_than_was_said(apprise: None, hook: Hook) -> None:
    hook.stalls = True
    assert send_text(of_apprise(hook), "Hello", HALF_A_SECOND) == "it did not answer within 0.5 seconds"


@pytest.mark.slow
def test_an_address_of_a_service_is_a_setting_and_takes_the_test(
    apprise: None, hook: Hook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAYERS_NOTIFY_URL", of_apprise(hook).get_secret_value())
    settings = replace(load_settings(), data_dir=tmp_path)
    assert send_test(settings) == "LAYERS_NOTIFY_URL took the test: see that it arrived."
    assert len(hook.requests) == 1
    hook.refuse(500)
    with pytest.raises(LayersEtlError, match="did not take the test: Apprise could not deliver it"):
        send_test(settings)


@pytest.mark.skipif(find_spec("apprise") is not None, reason="the extra is installed here")
def test_without_the_extra_another_kind_of_address_is_refused_in_a_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAYERS_NOTIFY_URL", f"tgram://{TOKEN}/123")
    with pytest.raises(ConfigurationError, match="the extra alerts, which is not installed") as refused:
        load_settings()
    assert TOKEN not in str(refused.value)
