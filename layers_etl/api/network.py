"""The way from this machine to the API: where the key may go, through which proxy, and which certificates are trusted.

aiohttp is told each of these; it looks nothing up in the environment by itself, nor in ``.netrc``, whose passwords
would take the key's place.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Final, Literal

import aiohttp
from pydantic import SecretStr
from yarl import URL

from layers_etl.domain.addresses import is_loopback
from layers_etl.domain.network import Network
from layers_etl.errors import ConfigurationError

_SOCKS: Final = frozenset({"socks", "socks4", "socks4a", "socks5", "socks5h"})


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy: its ``address`` without the name and password, which are in ``authorization`` alone."""

    setting: str
    address: URL
    authorization: SecretStr | None

    @property
    def headers(self) -> dict[str, str] | None:
        """What it is sent of its own, beside where to connect to: nothing of what goes to the API."""
        return {"Proxy-Authorization": self.authorization.get_secret_value()} if self.authorization else None

    def __str__(self) -> str:
        """As people may see it."""
        return f"the proxy {self.address} ({self.setting})"


@dataclass(frozen=True, slots=True)
class Route:
    """How the API is reached. ``hint`` says what else to think of where it is not reached without a proxy."""

    proxy: Proxy | None = None
    tls: ssl.SSLContext | Literal[True] = field(default=True, repr=False)
    hint: str = ""


DIRECT: Final = Route()


def find_route(url: URL, network: Network) -> Route:
    """How ``url`` is reached; ``ConfigurationError`` for a proxy or a file of certificates that cannot be used.

    This machine itself is reached without a proxy, whatever is set: so nothing goes through one unencrypted.
    """
    if url.scheme == "http":
        return DIRECT
    tls = _trust(network)
    if is_loopback(url.host or ""):
        return Route(tls=tls)
    if not network.proxies:
        return Route(tls=tls, hint="if a proxy is needed here, set HTTPS_PROXY")
    setting, secret = next(iter(network.proxies.items()))
    if _needs_no_proxy(url, network.no_proxy):
        return Route(tls=tls, hint=f"NO_PROXY keeps this from the proxy that {setting} names")
    return Route(_parse_proxy(setting, secret.get_secret_value().strip(), url), tls)


def _parse_proxy(setting: str, text: str, target: URL) -> Proxy:
    """Nothing of a ``text`` that is wrong is repeated: it may hold a password anywhere."""
    try:
        url = URL(text if "://" in text else f"http://{text}")
        if url.scheme in _SOCKS:
            raise ConfigurationError(
                f"{setting} names a SOCKS proxy, and only HTTP proxies can be used: set HTTPS_PROXY to one, like "
                f"http://proxy.example.com:3128, or NO_PROXY to {target.host} to go without."
            )
        _ = (url.host or "").encode("idna")
        is_more = bool(url.path.strip("/") or url.query_string or url.fragment)
        if url.scheme in ("http", "https") and url.host and url.port and not is_more:
            return Proxy(setting, url.origin(), _authorization(url))
    except ValueError:
        pass
    raise ConfigurationError(
        f"{setting} is no address of a proxy like http://proxy.example.com:3128 or "
        "http://name:password@proxy.example.com:3128, where a sign that is neither letter nor digit is written like "
        "%40: correct it."
    ) from None


def _authorization(url: URL) -> SecretStr | None:
    if url.user is None and url.password is None:
        return None
    return SecretStr(aiohttp.encode_basic_auth(url.user or "", url.password or ""))


def _needs_no_proxy(url: URL, no_proxy: str) -> bool:
    """Whether a host, a domain with all its hosts, either with its port, or ``*`` for all, is in the list."""
    host = (url.host or "").lower()
    for entry in no_proxy.lower().replace(",", " ").split():
        name = entry.removesuffix(f":{url.port}")
        domain = name.removeprefix("*").lstrip(".")
        if name == "*" or host == domain or host.endswith(f".{domain}"):
            return True
    return False


def _trust(network: Network) -> ssl.SSLContext | Literal[True]:
    """True: aiohttp's own, which trusts what the system does."""
    if not network.authority_file and not network.authority_folder:
        return True
    context = ssl.create_default_context()
    context.set_alpn_protocols(("http/1.1",))
    try:
        context.load_verify_locations(network.authority_file, network.authority_folder)
    except OSError as error:
        reason = (
            "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else (error.strerror or "").lower()
        )
        raise ConfigurationError(
            f"SSL_CERT_FILE names {network.authority_file}, which cannot be used ({reason}): name the file with the "
            "certificate of your organisation's authority, or unset it."
        ) from None
    return context
