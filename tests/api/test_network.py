"""Where the key may go, through which proxy and trusting whom: found out before anything is sent."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from yarl import URL

from layers_etl.api import LayersClient
from layers_etl.api.network import DIRECT, find_route
from layers_etl.domain.network import Network
from layers_etl.errors import ConfigurationError
from tests.api.conftest import KEY
from tests.domain.strategies import properties

API: Final = "https://api.layers.test"


def proxied(proxy: str, no_proxy: str = "") -> Network:
    """A machine on which nothing but this is set."""
    return Network({"HTTPS_PROXY": SecretStr(proxy)}, no_proxy)


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("socks5://reader:verysecret@127.0.0.1:1080", "HTTPS_PROXY names a SOCKS proxy"),
        ("socks5h://127.0.0.1", "NO_PROXY to api.layers.test to go without"),
        ("ftp://proxy:21", "no address of a proxy"),
        ("http://reader:verysecret#1@proxy:3128", "no address of a proxy"),
        ("http://reader:verysecret/1@proxy:3128", "written like %40"),
        ("http://a%3Ab:verysecret@proxy:3128", "no address of a proxy"),
        ("http://proxy:notaport", "no address of a proxy"),
        (f"http://{'verysecret' * 7}", "no address of a proxy"),
        ("http://", "no address of a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(proxy: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        LayersClient(base_url=API, api_key=SecretStr(KEY), network=proxied(proxy))
    assert "verysecret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("proxy", ["proxy:3128", "http://proxy:3128/", " HTTP://proxy:3128", "http://a:b@proxy:3128"])
def test_a_proxy_is_known_by_its_address_however_it_is_written(proxy: str) -> None:
    route = find_route(URL(API), proxied(proxy.strip()))
    assert str(route.proxy) == "the proxy http://proxy:3128 (HTTPS_PROXY)"


@properties
@given(proxy=st.text(st.characters(codec="utf-8") | st.sampled_from(":/@#?%[]"), max_size=40))
def test_any_text_for_a_proxy_is_one_or_a_sentence(proxy: str) -> None:
    try:
        route = find_route(URL(API), Network({"ALL_PROXY": SecretStr(proxy)}))
    except ConfigurationError as error:
        sentence = str(error)
    else:
        assert route.proxy and route.proxy.address.user is None and route.proxy.address.password is None
        sentence = str(route.proxy)
    assert "ALL_PROXY" in sentence


@pytest.mark.parametrize(
    ("no_proxy", "is_direct"),
    [
        ("*", True),
        ("api.layers.test", True),
        ("API.layers.test", True),
        ("layers.test", True),
        (".layers.test", True),
        ("*.layers.test", True),
        ("localhost, 10.0.0.1,layers.test", True),
        ("localhost layers.test", True),
        ("api.layers.test:443", True),
        ("api.layers.test:8443", False),
        ("ayers.test", False),
        ("api", False),
        ("", False),
        (",.,:443,", False),
    ],
)
def test_no_proxy_names_hosts_and_domains(no_proxy: str, is_direct: bool) -> None:
    route = find_route(URL(API), proxied("proxy:3128", no_proxy=no_proxy))
    assert (route.proxy is None) is is_direct
    assert ("NO_PROXY keeps this from the proxy that HTTPS_PROXY names" in route.hint) is is_direct


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file or directory"),
        ("", "holds no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n", "holds no certificate in PEM form"),
    ],
)
def test_a_file_of_certificates_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=rf"SSL_CERT_FILE names {path}, which cannot be used \({words}\)"):
        find_route(URL(API), Network(authority_file=path))
    assert find_route(URL("http://127.0.0.1:1"), Network(authority_file=path)) == DIRECT


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "api..layers.test"])
def test_a_host_that_no_name_server_can_be_asked_for_is_refused_at_once(host: str) -> None:
    with pytest.raises(ConfigurationError, match="LAYERS_BASE_URL"):
        LayersClient(base_url=f"https://{host}", api_key=SecretStr(KEY))
