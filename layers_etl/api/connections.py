"""From what aiohttp raises where no whole answer comes, to httpx's error with a sentence for people: the cause first.

The sentences are made of names, ports and the words of OpenSSL and the system alone, never of what a server sent or
of the request: aiohttp's errors lead to its headers, and so to the key or to a proxy's password.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp
import httpx

from layers_etl.api.network import Proxy, Route
from layers_etl.domain.storable import printable_line

FAILURES: Final = (aiohttp.ClientError, OSError)
"""All that aiohttp raises where no whole answer comes: also for headers that are too long, too many or no headers. A
time-out is an OSError."""

_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21, 27})
_TOO_EARLY: Final = 9
_TOO_LATE: Final = 10
_OF_ANOTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's ``X509_V_ERR_…``."""

_NO_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
"""What OpenSSL makes of an answer that is no TLS."""

_PROXY_LOGIN_REQUIRED: Final = 407
_SERVER_ERRORS: Final = range(500, 600)


class CertificateError(httpx.ConnectError):
    """The certificate is not accepted, so nothing was sent; another try would find the same."""


def explain(failure: Exception, target: httpx.URL, route: Route) -> httpx.TransportError:
    """What was in the way to ``target``, and what to do: a ``ProxyError`` where the proxy refuses, a
    :class:`CertificateError`, a ``TimeoutException``, or another ``TransportError``.

    Nothing of ``failure`` itself is in it. Raise it outside the handler, so that not even its context leads to the key.
    """
    if isinstance(failure, aiohttp.ClientHttpProxyError) and route.proxy:
        return _refused_by_proxy(failure.status, target, route.proxy)
    if isinstance(failure, aiohttp.ClientConnectorError):
        return _not_connected(failure, _Party.of(failure, route), route)
    through = f" through {route.proxy}" if route.proxy else ""
    place = f"{_host_and_port(target.host, target.port or (443 if target.scheme == 'https' else 80))}{through}"
    if isinstance(failure, aiohttp.ConnectionTimeoutError):
        reason = f"there was no connection to {place} in time: it does not answer, or a firewall swallows what is sent"
        return httpx.ConnectTimeout(_sentence(reason, "check the network", route.hint))
    if isinstance(failure, TimeoutError):
        return httpx.ReadTimeout(f"there was no whole answer from {place} in time")
    if isinstance(failure, aiohttp.ClientPayloadError):
        return httpx.ReadError(f"the answer from {place} broke off, or is not encoded as it says")
    if isinstance(failure, aiohttp.ClientResponseError):
        doubt = ", with https:// if TLS is spoken there" if target.scheme == "http" else ""
        return httpx.RemoteProtocolError(f"what came from {place} is no HTTP answer; check LAYERS_BASE_URL{doubt}")
    if isinstance(failure, aiohttp.InvalidURL):
        return httpx.ConnectError(f"{target.host!r} is no host that can be called; correct LAYERS_BASE_URL")
    doubt = "check LAYERS_BASE_URL and the network" + ("; https:// if TLS is spoken" if target.scheme == "http" else "")
    return httpx.ReadError(f"the connection to {place} was cut before an answer was whole; {doubt}")


@dataclass(frozen=True, slots=True)
class _Party:
    """Whom a connection was meant for, and which setting names it."""

    place: str
    host: str
    setting: str
    is_proxy: bool

    @staticmethod
    def of(failure: aiohttp.ClientConnectorError, route: Route) -> _Party:
        """The proxy or the API: either's certificate, say, may be the wrong one."""
        host, proxy = failure.host, route.proxy
        if proxy and (host, failure.port) == (proxy.address.raw_host, proxy.address.port):
            return _Party(str(proxy), host, proxy.setting, is_proxy=True)
        through = f" through {proxy}" if proxy else ""
        return _Party(f"{_host_and_port(host, failure.port)}{through}", host, "LAYERS_BASE_URL", is_proxy=False)


def _not_connected(failure: aiohttp.ClientConnectorError, party: _Party, route: Route) -> httpx.TransportError:
    cause = failure.os_error
    check = f"check {party.setting} and the network"
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        reason = f"the name {party.host} is not known: there is no network or no name server here, or it is misspelt"
        return httpx.ConnectError(_sentence(reason, check, route.hint))
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return _not_trusted(failure.certificate_error, party)
    if isinstance(cause, ssl.SSLError):
        if cause.reason in _NO_TLS:
            reason = f"what listens at {party.place} does not speak TLS"
            what = "which then begins with http://" if party.is_proxy else "the port above all"
            return httpx.ConnectError(_sentence(reason, f"check {party.setting}, {what}"))
        words = printable_line((cause.reason or "no reason given").replace("_", " ").lower())
        return httpx.ConnectError(_sentence(f"the TLS handshake with {party.place} failed ({words})", check))
    number = _error_number(cause)
    if number == errno.ECONNREFUSED:
        reason = f"the connection to {party.place} is refused: nothing listens there, or a firewall is in the way"
    elif number in _UNREACHABLE:
        reason = f"there is no way from here to {party.place}: this machine has no network, or not that one"
    else:
        words = os.strerror(number).lower() if number else type(cause).__name__
        reason = f"there is no connection to {party.place} ({words})"
    return httpx.ConnectError(_sentence(reason, check, route.hint))


def _error_number(cause: OSError) -> int | None:
    """Of a host whose addresses fail each in its own way, that of one that there is a way to: to IPv6 there often is
    none."""
    if cause.errno is not None:
        return cause.errno
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\]", str(cause))]
    return next((number for number in numbers if number not in _UNREACHABLE), numbers[0] if numbers else None)


def _not_trusted(cause: Exception, party: _Party) -> CertificateError:
    code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else None
    said = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else str(cause)
    words = f" ({printable_line(said).rstrip('.')})"
    if code in (_TOO_EARLY, _TOO_LATE):
        problem, words = "has expired" if code == _TOO_LATE else "is not valid yet", ""
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z"
        remedy = f"if it is not {now}, set this machine's clock, else tell whoever runs {party.host}"
    elif code in _OF_ANOTHER_NAME:
        problem = "is for another name"
        remedy = f"correct {party.setting}, or find out what answers in its place"
    elif code in _UNTRUSTED:
        problem = "is signed by nobody whom this machine trusts"
        remedy = (
            "if that is your organisation's own authority, as where a proxy looks into what is encrypted, set "
            "SSL_CERT_FILE to the file with its certificate"
        )
    else:
        problem, remedy = "is not accepted", f"tell whoever runs {party.host}"
    return CertificateError(
        _sentence(f"the certificate of {party.place} {problem}{words}, so nothing was sent", remedy)
    )


def _refused_by_proxy(status: int, target: httpx.URL, proxy: Proxy) -> httpx.TransportError:
    place = _host_and_port(target.host, target.port or 443)
    if status in _SERVER_ERRORS:
        return httpx.ConnectError(f"{proxy} cannot reach {place} ({status}); check LAYERS_BASE_URL and the network")
    if status == _PROXY_LOGIN_REQUIRED:
        problem = "does not accept the name and password" if proxy.authorization else "asks for a name and password"
        remedy = f"set {proxy.setting} to http://name:password@{proxy.address.host}:{proxy.address.port}"
        return httpx.ProxyError(f"{proxy} {problem} ({status}); {remedy}")
    remedy = f"have {target.host} allowed there, or put it into NO_PROXY if it can be reached without"
    return httpx.ProxyError(f"{proxy} does not let anybody through to {place} ({status}); {remedy}")


def _sentence(reason: str, *remedies: str) -> str:
    return "; ".join(part for part in (reason, *remedies) if part)


def _host_and_port(host: str, port: int | None) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
