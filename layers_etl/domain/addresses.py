"""Where the key, and what people are alerted of, may be sent: https anywhere, plain http to this machine only."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from yarl import URL

_HOST: Final = re.compile(r"[\w.:-]+")
_SERVICE: Final = re.compile(r"(?!https?:)[a-z][a-z0-9]*://\S+", re.IGNORECASE)
_UNUSABLE: Final = re.compile(r"[\s\0-\x1f\x7f\\]")


def check_address(text: str) -> str:
    """The API's address without a slash at its end.

    ``ValueError`` for one that cannot or must not be used; it never repeats the text, which may hold a password.
    """
    url, host = _taken_apart(text)
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(host) or not _is_plain(url):
        raise ValueError("is no address like https://api.layers.com")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError("would send the key unencrypted; use https (http is for this machine only)")
    return str(url).rstrip("/")


def check_webhook(text: str) -> str:
    """The address of a webhook, which may have a query, and a name and password before its host.

    ``ValueError`` for one that cannot or must not be used; it never repeats the text, all of which is a secret.
    """
    url, host = _taken_apart(text)
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(host) or url.fragment:
        raise ValueError("is no address of a webhook like https://hooks.example.com/services/…")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError("would send a secret unencrypted; use https (http is for this machine only)")
    return text


def is_of_a_service(text: str) -> bool:
    """Whether it looks like one of Apprise's addresses (``mailtos://…``), which are no links and are judged there."""
    return bool(_SERVICE.fullmatch(text)) and not _UNUSABLE.search(text)


def _taken_apart(text: str) -> tuple[URL, str]:
    """The address and its host; empty where it is none."""
    if _UNUSABLE.search(text):
        return URL(), ""
    try:
        url = URL(text)
        host = url.host or ""
        _ = host.encode("idna")  # what no resolver is ever asked for
        return url, host
    except ValueError:
        return URL(), ""


def _is_plain(url: URL) -> bool:
    return not (url.user or url.password or url.query_string or url.fragment)


def is_loopback(host: str) -> bool:
    """Whether it is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
