"""The proxy and the certificates that this machine's programs use: found under the names they have everywhere."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from layers_etl.errors import UnavailableError
from layers_etl.ingest.identity import describe_route, layers_client
from layers_etl.settings import Settings, load_network, load_settings

from ..harness.fresh import sandbox_settings
from ..harness.pipeline import Pipeline

API: Final = "https://api.layers.test"
AUTHORITY: Final = Path(__file__).parents[1] / "api" / "certificates" / "authority.pem"
PROXY: Final = "http://reader:verysecret@proxy.test:3128"
SHOWN: Final = "the proxy http://proxy.test:3128"
NAMES: Final = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HTTP_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that says nothing of the way out, and a folder without ``.env``."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.chdir(tmp_path)


def settings_of(tmp_path: Path) -> Settings:
    """Those of a run against an API that is not on this machine."""
    return sandbox_settings(API, tmp_path)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_in_the_environment_is_used_and_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, PROXY)
    settings = settings_of(tmp_path)
    assert describe_route(settings) == f"{API} is reached through {SHOWN} ({name.upper()})."
    shown = [repr(settings), repr(load_network()), repr(vars(layers_client(settings)))]
    assert "verysecret" not in "".join(shown)


def test_a_proxy_for_https_comes_before_one_for_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://elsewhere.test")
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    assert f"{SHOWN} (HTTPS_PROXY)" in describe_route(settings_of(tmp_path))


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HTTP_PROXY": PROXY},
        {"HTTPS_PROXY": ""},
        {"HTTPS_PROXY": " "},
        {"HTTPS_PROXY": PROXY, "no_proxy": "layers.test"},
    ],
    ids=str,
)
def test_otherwise_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert describe_route(settings_of(tmp_path)) == f"{API} is reached without a proxy."


def test_all_of_it_may_stand_in_the_env_file(tmp_path: Path) -> None:
    lines = [f"LAYERS_BASE_URL={API}", "LAYERS_API_KEY=lp_test_partner", f"HTTPS_PROXY={PROXY}"]
    (tmp_path / ".env").write_text("\n".join([*lines, f"SSL_CERT_FILE={AUTHORITY}"]))
    route = layers_client(load_settings()).route
    assert str(route.proxy) == f"{SHOWN} (HTTPS_PROXY)"
    assert route.tls is not True
    assert "Authority of the tests" in str(route.tls.get_ca_certs())


def test_a_run_names_its_proxy_in_the_log_and_where_it_fails(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Nobody listens, and nobody else can.
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://reader:verysecret@{address}")
        pipeline.options |= {"base_url": API, "api_key": SecretStr("lp_test_partner")}
        with pytest.raises(UnavailableError) as caught:
            pipeline.run()
    assert str(caught.value).startswith(f"The connection to the proxy http://{address} (HTTPS_PROXY) is refused")
    assert f"Reaching the API through the proxy http://{address} (HTTPS_PROXY)." in caplog.text
    assert "verysecret" not in caplog.text + str(pipeline.rows("FROM ops.requests")) + str(
        pipeline.rows("FROM ops.runs")
    )
