"""The API on loopback: whoami, projects, accounts, campaigns, metrics by day and week, without a rate limit.

Shares no code with the pipeline or its sandbox. Days and weeks that have settled are encoded once and answers cut out
of them, so that what is measured is the reader. ``GET /control/now?instant=…`` sets its clock, ``GET
/control/requests`` tells what was asked since it was last told.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from benchmarks.peers.world import (
    FINAL,
    ONE_DAY,
    PROJECT,
    SHARES,
    Numbers,
    World,
    account_id,
    campaign_id,
    platform_of,
    share_of,
    week_of,
)

MOST_A_PAGE = 200
MOST_CUT = 25_000
"""Entities whose settled days are kept encoded: of 180 days each a gigabyte. To encode one anew takes as long as ten
answers, and it would be the server that is measured."""

PROJECT_PATH = f"/v1/projects/{PROJECT}"


@dataclass(frozen=True, slots=True)
class Settled:
    """An entity's settled days, encoded side by side; ``ends`` are the bytes up to each, ``sums`` those of the days.

    ``weeks`` are encoded by their Mondays.
    """

    encoded: bytes
    ends: Sequence[int]
    sums: Mapping[str, Sequence[int]]
    weeks: Mapping[date, bytes]


@dataclass
class Asked:
    """How often something was asked, and when first and last, by the machine's monotonic clock."""

    count: int = 0
    first: float = 0.0
    last: float = 0.0


class Api:
    """From the target of a request to the body of its answer."""

    def __init__(self, world: World) -> None:
        """On the world's first morning."""
        self.world = world
        self.now = world.morning()
        self.asked: dict[str, Asked] = {}
        self.settled = lru_cache(maxsize=MOST_CUT)(self._settle)

    def answer(self, target: str) -> bytes | None:
        """The body; None for what there is not."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        path = unquote(url.path)
        fixed: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "/v1/whoami": self._whoami,
            "/v1/projects": self._projects,
            PROJECT_PATH: lambda _: _project(),
            f"{PROJECT_PATH}/ads/ad-accounts": self._accounts,
            f"{PROJECT_PATH}/ads/campaigns": self._campaigns,
            "/control/now": self._set_clock,
            "/control/requests": self._tell,
        }
        if path == f"{PROJECT_PATH}/ads-metrics":
            self._count(f"{query.get('granularity', 'day')} {query['scope']}")
            return self._metrics(query)
        if path not in fixed:
            return None
        if not path.startswith("/control"):
            self._count("listing")
        return json.dumps(fixed[path](query)).encode()

    def _count(self, kind: str) -> None:
        now = time.monotonic()
        asked = self.asked.setdefault(kind, Asked(first=now))
        asked.count += 1
        asked.last = now

    def _tell(self, _: Mapping[str, str]) -> Any:
        told = {kind: {"count": a.count, "first": a.first, "last": a.last} for kind, a in self.asked.items()}
        self.asked.clear()
        return told

    def _set_clock(self, query: Mapping[str, str]) -> Any:
        self.now = datetime.fromisoformat(query["instant"])
        return {}

    def _whoami(self, _: Mapping[str, str]) -> Any:
        return {
            "organizationId": "org_bench",
            "workspaceId": "org_bench",
            "organizationName": "Bench",
            "scopes": ["*"],
            "rateLimitTier": "partner",
            "apiKeyId": "key_bench",
            "creditBalance": 0,
        }

    def _projects(self, _: Mapping[str, str]) -> Any:
        return {"items": [_project()], "nextCursor": None}

    def _accounts(self, _: Mapping[str, str]) -> Any:
        return {
            "items": [
                {
                    "adAccountId": account_id(account),
                    "platform": platform_of(account),
                    "externalId": f"act_{account}",
                    "name": f"Account {account}",
                    "currency": "USD",
                    "timezone": "UTC",
                    "tokenStatus": "valid",
                    "connectedAt": "2025-01-01T00:00:00Z",
                }
                for account in range(self.world.accounts)
            ]
        }

    def _campaigns(self, query: Mapping[str, str]) -> Any:
        first = int(query.get("cursor", "0"))
        end = min(first + min(int(query.get("limit", "100")), MOST_A_PAGE), self.world.campaigns)
        return {
            "items": [
                {
                    "campaignId": campaign_id(campaign),
                    "adAccountId": account_id(campaign // 100),
                    "platform": platform_of(campaign // 100),
                    "externalId": str(campaign),
                    "name": f"Campaign {campaign}",
                    "status": "archived" if self.world.has_ended(campaign) else "active",
                    "objective": "SALES",
                    "dailyBudgetCents": 10_000,
                    "createdAt": "2025-01-01T00:00:00Z",
                    "metricsSnapshot7d": {},
                }
                for campaign in range(first, end)
            ],
            "nextCursor": str(end) if end < self.world.campaigns else None,
        }

    # Metrics ------------------------------------------------------------------------------------------------------

    def _metrics(self, query: Mapping[str, str]) -> bytes:
        scope, entity = query["scope"], query["id"]
        number = int(entity[4:])
        today = self.now.date()
        since, until = (date.fromisoformat(query[name][:10]) for name in ("since", "until"))
        until = min(until, today + ONE_DAY)
        granularity = query.get("granularity", "day")
        platform = platform_of(number if scope == "ad_account" else number // 100)
        if granularity == "week":
            series, totals = self._weeks(scope, number, since, until), b"{}"
        else:
            series, totals = self._days(scope, number, since, until, today)
        return (
            b'{"scope":"%b","id":"%b","platform":"%b","window":{"since":"%bT00:00:00Z","until":"%bT00:00:00Z",'
            b'"granularity":"%b"},"series":[%b],"totals":%b}'
        ) % (
            *(text.encode() for text in (scope, entity, platform, str(since), str(until), granularity)),
            series,
            totals,
        )

    def _days(self, scope: str, number: int, since: date, until: date, today: date) -> tuple[bytes, bytes]:
        """Settled days of the world cut out of what is encoded, the others encoded anew; the totals of all."""
        settled_until = min(max(today - len(SHARES) * ONE_DAY + ONE_DAY, since), until, self.world.until)
        if since < self.world.since:
            settled_until = since
        parts: list[bytes] = []
        sums = dict.fromkeys(("impressions", "clicks", "conversions", "cents"), 0)
        if since < settled_until:
            settled = self.settled(scope, number)
            first, last = (since - self.world.since).days, (settled_until - self.world.since).days
            parts.append(settled.encoded[settled.ends[first] : settled.ends[last] - 1])
            for name in sums:
                sums[name] += settled.sums[name][last] - settled.sums[name][first]
        for offset in range((until - max(settled_until, since)).days):
            day = max(settled_until, since) + offset * ONE_DAY
            known = self._numbers(scope, number, day, share_of(day, today))
            parts.append(_encode_day(day, known, has_frequency=_has_frequency(scope, number)))
            for name in sums:
                sums[name] += getattr(known, name)
        totals = b'{"spend":%.2f,"impressions":%d,"clicks":%d,"conversions":%d}' % (
            sums["cents"] / 100,
            sums["impressions"],
            sums["clicks"],
            sums["conversions"],
        )
        return b",".join(parts), totals

    def _settle(self, scope: str, number: int) -> Settled:
        days = [self.world.since + offset * ONE_DAY for offset in range(self.world.days)]
        known = [self._numbers(scope, number, day, FINAL) for day in days]
        has_frequency = _has_frequency(scope, number)
        encoded = [_encode_day(day, each, has_frequency=has_frequency) for day, each in zip(days, known, strict=True)]
        return Settled(
            b",".join(encoded) + b",",
            array("q", accumulate((len(each) + 1 for each in encoded), initial=0)),
            {
                name: array("q", accumulate((getattr(each, name) for each in known), initial=0))
                for name in ("impressions", "clicks", "conversions", "cents")
            },
            {
                days[first]: _encode_day(days[first], week_of(known[first : first + 7]), has_frequency=has_frequency)
                for first in range(-self.world.since.weekday() % 7, self.world.days - 6, 7)
            },
        )

    def _weeks(self, scope: str, number: int, since: date, until: date) -> bytes:
        today = self.now.date()
        settled = self.settled(scope, number).weeks
        weeks: list[bytes] = []
        for offset in range(0, (until - since).days, 7):
            monday = since + offset * ONE_DAY
            days = [monday + each * ONE_DAY for each in range(7)]
            if monday in settled and share_of(days[-1], today) == FINAL:
                weeks.append(settled[monday])
                continue
            known = [self._numbers(scope, number, day, share_of(day, today)) for day in days]
            weeks.append(_encode_day(monday, week_of(known), has_frequency=_has_frequency(scope, number)))
        return b",".join(weeks)

    def _numbers(self, scope: str, number: int, day: date, share: int) -> Numbers:
        if scope == "campaign":
            return self.world.numbers(number, day, share)
        return self.world.account_numbers(number, day, share)


def _project() -> dict[str, object]:
    return {"id": PROJECT, "name": "Bench", "status": "active", "timezone": "UTC", "createdAt": "2025-01-01T00:00:00Z"}


def _has_frequency(scope: str, number: int) -> bool:
    return platform_of(number if scope == "ad_account" else number // 100) == "meta_ads"


def _encode_day(day: date, known: Numbers, *, has_frequency: bool) -> bytes:
    spend = known.cents / 100
    frequency = b"%.4f" % (known.impressions / known.reach) if has_frequency and known.reach else b"null"
    return (
        b'{"bucket":"%b","spend":%.2f,"impressions":%d,"clicks":%d,"conversions":%d,"cpa":%.6f,"cpc":%.6f,"cpm":%.6f,'
        b'"ctr":%.8f,"roas":%.6f,"reach":%d,"frequency":%b}'
    ) % (
        day.isoformat().encode(),
        spend,
        known.impressions,
        known.clicks,
        known.conversions,
        spend / max(known.conversions, 1),
        spend / max(known.clicks, 1),
        spend / max(known.impressions, 1) * 1000,
        known.clicks / max(known.impressions, 1),
        known.value / 10_000 / max(spend, 0.01),
        known.reach,
        frequency,
    )


class Connection(asyncio.Protocol):
    """As much of HTTP/1.1 as clients that only ever ask need."""

    def __init__(self, api: Api) -> None:
        """One for each client's connection."""
        self._api = api
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it for the answers."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request whose head has come; there are no bodies."""
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            body = self._api.answer(head.split(b" ", 2)[1].decode())
            status = b"404 Not Found" if body is None else b"200 OK"
            body = b'{"error":{"code":"NOT_FOUND","message":"There is none."}}' if body is None else body
            self._transport.write(
                b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: %b\r\n"
                b"X-Request-Id: req_1\r\n\r\n%b" % (status, len(body), self._date(), body)
            )

    def _date(self) -> bytes:
        return format_datetime(self._api.now, usegmt=True).encode()


async def serve(world: World) -> None:
    """Serve on a free port, which is printed once it can be asked."""
    api = Api(world)
    for campaign in range(min(world.campaigns, MOST_CUT - world.accounts)):
        api.settled("campaign", campaign)
    for account in range(world.accounts):
        api.settled("ad_account", account)
    gc.freeze()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(api), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--campaigns", type=int, required=True)
    options.add_argument("--days", type=int, required=True)
    options.add_argument("--one-live-of", type=int, default=1)
    arguments = options.parse_args()
    asyncio.run(serve(World(arguments.campaigns, arguments.days, arguments.one_live_of)))
