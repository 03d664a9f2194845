"""One request to an address that a user has set: its answer is a status, and nothing of the address is ever told.

Whoever has such an address can write into someone's channel, so it is a secret: no exception of aiohttp leaves this
module, since each of them leads to the request.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
import msgspec
from pydantic import SecretStr
from yarl import URL

from layers_etl.api.network import find_route
from layers_etl.domain.network import Network
from layers_etl.errors import ConfigurationError

LONGEST_SECONDS: Final = 10.0
"""For which anyone waits for a webhook, from the first byte to the last."""

_TAKEN: Final = range(200, 300)
_MARKUP: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Slack's: a campaign named ``<!channel>`` wakes nobody."""


def post_text(address: SecretStr, text: str, network: Network, seconds: float = LONGEST_SECONDS) -> str | None:
    """Post ``{"text": …}``, as Slack and what is compatible with it take it; why it was not taken, None if it was."""
    return asyncio.run(_send("POST", address, {"text": text.translate(_MARKUP)}, network, seconds))


def ping(address: SecretStr, network: Network, seconds: float = LONGEST_SECONDS) -> str | None:
    """Ask for the address, by which a dead man's switch knows of a success; why it was not taken, None if it was."""
    return asyncio.run(_send("GET", address, None, network, seconds))


async def _send(method: str, address: SecretStr, body: object, network: Network, seconds: float) -> str | None:
    """Redirects are not followed: they would lead the secret, or what is told, elsewhere."""
    url = URL(address.get_secret_value())
    data = msgspec.json.encode(body) if body is not None else None
    headers = {"Content-Type": "application/json"} if data else {}
    try:
        route = find_route(url, network)
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=route.tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as session,
            session.request(
                method,
                url,
                data=data,
                headers=headers,
                allow_redirects=False,
                proxy=route.proxy.address if route.proxy else None,
                proxy_headers=route.proxy.headers if route.proxy else None,
            ) as answer,
        ):
            return None if answer.status in _TAKEN else f"it answered {answer.status}"
    except ConfigurationError:
        return "the proxy or the certificates that are set cannot be used: layers-etl doctor tells"
    except TimeoutError:
        return f"it did not answer within {seconds:g} seconds"
    except aiohttp.ClientConnectorCertificateError:
        return "its certificate is not accepted"
    except aiohttp.ClientConnectorDNSError:
        return "its host is not known"
    except (aiohttp.ClientError, OSError, ValueError):
        return "it could not be reached, or answered what is no HTTP"
