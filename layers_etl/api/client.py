"""The Layers client: what a run asks of the API, in the warehouse's terms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import SecretStr
from yarl import URL

from layers_etl.api.answers import ContradictionError, DistrustError, MetricsQuestion, parse_reading
from layers_etl.api.failures import find_longest_window, find_refused_metric
from layers_etl.api.limits import Limits, LimitsBook
from layers_etl.api.network import find_route
from layers_etl.api.pacing import TIERS, UNKNOWN_TIER, Pace, Pacer
from layers_etl.api.paging import EndlessListingError, ParsedPage, fetch_all_pages
from layers_etl.api.parsing import EntityPage, parse_entity_page, parse_identity
from layers_etl.api.retries import UNTRUSTED, RetryPolicy
from layers_etl.api.sender import MOST_METRICS_BYTES, Answer, Request, Sender
from layers_etl.api.series import parse_metrics_answer
from layers_etl.api.transport import AiohttpTransport, Timeouts
from layers_etl.domain.addresses import check_address
from layers_etl.domain.days import ONE_DAY, DayWindow, day_start, format_instant, week_start
from layers_etl.domain.entities import Entity, Identity, Listing, OddField
from layers_etl.domain.keys import check_key
from layers_etl.domain.metrics import API_METRICS, GRANULARITIES, metrics_of
from layers_etl.domain.network import Network
from layers_etl.domain.readings import EntityKey, Reading, RefusedMetric, RequestRecord
from layers_etl.domain.scopes import AD, AD_ACCOUNT, ADSET, CAMPAIGN, PROJECT, Scope
from layers_etl.errors import (
    ConfigurationError,
    ContradictedAnswerError,
    EntityError,
    InvalidRequestError,
    RefusedError,
    RequestContext,
    UntrustedAnswerError,
)

T = TypeVar("T")

MOST_IN_FLIGHT: Final = 64
"""Requests of :meth:`LayersClient.fetch_many` that may be under way. How many are, follows from the allowance
times the latency; this bounds memory and connections where the allowance is large and the server slow."""

MOST_PARTS: Final = 16
"""Into which a window is taken apart where its answers contradict themselves: more costs a slow key too much."""

PAGE_ITEMS: Final = 200
"""The most a listing gives per page."""

BelievedDate = Callable[[datetime | None], datetime | None]
"""From an answer's ``Date`` to when it counts as made; None for one that can't be believed."""

_LISTINGS: Final = {AD_ACCOUNT: "ad-accounts", CAMPAIGN: "campaigns", ADSET: "adsets", AD: "ads"}
_UNPAGED: Final = frozenset({AD_ACCOUNT})


class LayersClient:
    """Reads one organisation with one key. One per run and event loop; use as ``async with``.

    Every method raises :class:`RefusedError` once the key has been refused, without sending anything more, and
    :class:`EntityError` (or a kind of it) for what could not be read.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: SecretStr,
        organization: str | None = None,
        requests_per_minute: int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        on_request: Callable[[RequestRecord], None] | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        network: Network | None = None,
    ) -> None:
        """Nothing is sent yet; ``ConfigurationError`` for a base URL, key, proxy or file of certificates that must not
        or cannot be used.

        ``requests_per_minute`` None means the key's tier, as :meth:`fetch_identity` learns it, and 120 before that.
        ``transport`` is the seam for tests, ``network`` what the machine says of proxies and certificates.
        ``on_request`` gets one record per logical request, failed ones too.
        """
        _ = _checked("LAYERS_API_KEY", check_key, api_key.get_secret_value())
        origin = _checked("LAYERS_BASE_URL", check_address, base_url)
        self.route = find_route(URL(origin), network or Network())
        self._pace_is_set = requests_per_minute is not None
        self._pacer = Pacer(requests_per_minute or UNKNOWN_TIER)
        self._transport = transport or AiohttpTransport(
            timeouts or Timeouts(), connections=MOST_IN_FLIGHT, route=self.route
        )
        self._sender = Sender(
            origin=origin,
            api_key=api_key,
            organization=organization,
            transport=self._transport,
            pacer=self._pacer,
            retry=retry or RetryPolicy(),
            on_request=on_request,
        )
        self._limits = LimitsBook()
        self._believed_date: BelievedDate | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Bind to the running event loop."""
        if self._loop is not None:
            raise RuntimeError("a LayersClient serves one run; make another")
        self._loop = asyncio.get_running_loop()
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the connections."""
        await self._transport.__aexit__(exc_type, exc, traceback)

    @property
    def pace(self) -> Pace:
        """How fast requests may leave now. May be asked by any thread."""
        return self._pacer.pace

    async def fetch_identity(self) -> Identity:
        """Who the key is; from here on the pace is its tier's, unless one was set."""
        context = RequestContext("asking who the key is")

        def parse(answer: Answer) -> Identity:
            return parse_identity(answer.body, server_now=answer.server_now)

        identity = await self._get(Request("/v1/whoami", context), parse)
        if not self._pace_is_set:
            self._pacer.set_allowance(TIERS.get(identity.rate_limit_tier or "", UNKNOWN_TIER))
        return identity

    async def fetch_projects(self, *, status: str | None = "active") -> Listing:
        """The organisation's projects, all of them or an error; ``status`` None means any.

        A key that may not list them may still read one that is known: this refusal alone does not end the sending.
        """
        parameters = {"limit": str(PAGE_ITEMS)} | ({"status": status} if status else {})
        return await self._fetch_listing(PROJECT, None, parameters)

    async def fetch_entities(self, scope: Scope, project_id: str) -> Listing:
        """A project's ad accounts, campaigns, ad sets or ads: all of them or an error, never half."""
        return await self._fetch_listing(scope, project_id, {} if scope in _UNPAGED else {"limit": str(PAGE_ITEMS)})

    async def fetch_some(self, scope: Scope, project_id: str) -> Listing:
        """The first page of that list and no more: whether the key may read it, and something to ask about."""
        page = await self._fetch_page(scope, project_id, {} if scope in _UNPAGED else {"limit": "1"})
        return Listing(tuple(page.page.items.values()), page.left_out)

    def keep_time(self, believed_date: BelievedDate) -> None:
        """Hold the ``Date`` of metrics answers against the API's clock, once it is known."""
        self._believed_date = believed_date

    def recall(self, refused: Iterable[RefusedMetric]) -> None:
        """Ask for none of these, as learned by an earlier run; before the first metrics."""
        self._limits.recall(refused)

    @property
    def refused_metrics(self) -> frozenset[RefusedMetric]:
        """What the API refuses to give at a scope of a platform, recalled or found out since from several entities."""
        return self._limits.refused_metrics

    async def fetch_metrics(
        self,
        key: EntityKey,
        window: DayWindow,
        *,
        glimpse_until: date | None = None,
        granularity: str = "day",
        metrics: Collection[str] = API_METRICS,
    ) -> AsyncGenerator[Reading, None]:
        """Readings that together cover ``window``, each whole for its own part and yielded as it arrives.

        Weeks are ISO weeks, keyed by their Monday in column ``day``. One request for the whole window; more only where
        the API narrows it silently or refuses it as too long. A metric the API refuses to this entity is not among what
        it is asked for next, nor among the reading's columns; one it refuses to several of a scope and platform is
        left out for all of these from then on (:attr:`refused_metrics`). Where an answer begins late and the days
        before it, asked for alone, are not served either, they are yielded as a reading that is not ``served``, so that
        an API that knows nothing from before an entity's creation is not asked again for ever. An error ends the
        iteration: what was yielded before stands, its context names the part that failed.

        Up to ``glimpse_until`` more days are asked for in the same request, and may be left out: where they are served,
        the last reading reaches beyond ``window``; where they are refused, it is asked for without them. An answer that
        its own totals contradict is asked for in smaller parts, :data:`MOST_PARTS` at most; what stays contradicted is
        raised once the rest has been read.

        ``ConfigurationError`` before anything is sent for metrics and granularities the endpoint does not have.
        """
        _check_question(window, granularity, metrics)
        limits = self._limits.of(key)
        asked = [name for name in metrics_of(key.platform) if name in metrics]
        unread: list[tuple[DayWindow, datetime | None]] = [(window, None)]
        glimpse_refused: DayWindow | None = None
        parts = 0
        contradicted: ContradictedAnswerError | None = None
        while unread:
            part, clipped_at = unread.pop()
            beyond = DayWindow(part.since, max(glimpse_until or part.until, part.until))
            glimpsing = (
                part.until == window.until < beyond.until and part != glimpse_refused and not limits.refuses_glimpses
            )
            try:
                async with limits.turn():
                    reading = await self._fetch_part(
                        key, beyond if glimpsing else part, granularity, asked, limits, clipped_at, glimpsing=glimpsing
                    )
            except InvalidRequestError:
                if not glimpsing:
                    raise
                glimpse_refused = part
                unread.append((part, clipped_at))
                continue
            except ContradictedAnswerError as error:
                if error.is_full:
                    limits.totals_contradicted(error.metric, key)
                smaller = _split(part, error.rows)
                parts += len(smaller)
                if len(smaller) > 1 and parts <= MOST_PARTS:
                    unread += [(each, clipped_at) for each in reversed(smaller)]
                else:
                    contradicted = error
                continue
            limits.refuses_glimpses = limits.refuses_glimpses or reading.window == part == glimpse_refused
            yield reading
            if reading.window.until < part.until:
                unread.append((DayWindow(reading.window.until, part.until), clipped_at))
            if part.since < reading.window.since:
                unread.append((DayWindow(part.since, reading.window.since), reading.read_at))
        if contradicted:
            raise contradicted

    async def fetch_many(
        self,
        requests: Iterable[tuple[EntityKey, DayWindow] | tuple[EntityKey, DayWindow, date | None]],
        *,
        granularity: str = "day",
    ) -> AsyncGenerator[Reading | EntityError, None]:
        """The readings of many windows in the order they arrive, and an error for each window that could not be read.

        Each is ``(key, window)``, or with ``glimpse_until`` behind, as of :meth:`fetch_metrics`.

        ``requests`` is consumed as there is room, never all at once. A refused key stops the sending at once; what
        was under way is still yielded, then :class:`RefusedError` raised. Whoever stops iterating early should close
        the iterator (``contextlib.aclosing``), which cancels what is under way.
        """
        outcomes: asyncio.Queue[Reading | EntityError | None] = asyncio.Queue(maxsize=MOST_IN_FLIGHT)
        failures: list[Exception] = []
        waiting = iter(requests)

        async def work() -> None:
            for key, window, *glimpse in waiting:
                glimpse_until = glimpse[0] if glimpse else None
                try:
                    async for reading in self.fetch_metrics(
                        key, window, glimpse_until=glimpse_until, granularity=granularity
                    ):
                        await outcomes.put(reading)
                except EntityError as error:
                    await outcomes.put(error)
                except (ValueError, TypeError, LookupError, ArithmeticError) as error:
                    # Nobody has foreseen what was in that answer: it costs its entity, and is named.
                    await outcomes.put(_unforeseen(error, key, window))
                except RefusedError as error:
                    failures.append(error)
                    return

        async def run() -> None:
            try:
                async with asyncio.TaskGroup() as workers:
                    for _ in range(MOST_IN_FLIGHT):
                        workers.create_task(work())
            except Exception as failure:  # noqa: BLE001 - raised again by whoever iterates
                failures.append(failure)
            await outcomes.put(None)

        running = asyncio.create_task(run())
        try:
            while (outcome := await outcomes.get()) is not None:
                yield outcome
            if failures:
                raise failures[0]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _fetch_part(
        self,
        key: EntityKey,
        window: DayWindow,
        granularity: str,
        metrics: list[str],
        limits: Limits,
        clipped_at: datetime | None,
        *,
        glimpsing: bool,
    ) -> Reading:
        """One reading of ``window`` or of a part of it, learning from each VALIDATION what to ask for instead.

        A metric this entity is refused is taken out of ``metrics``; not if a shorter window is what the API wants,
        which costs requests and no numbers. Where one reaches further than need be, as it does where ``glimpsing``,
        only a number of days that the API names teaches anything of windows.
        """
        refused: set[str] = set()
        known_limit = limits.window.known()
        while True:
            part = limits.window.clip(window, multiple=_BUCKET_DAYS[granularity])
            accepted = tuple(name for name in metrics if name not in limits.refused_metrics)
            question = MetricsQuestion(key, part, granularity, accepted, clipped_at, limits.heard_totals)
            try:
                reading = await self._ask(question)
            except InvalidRequestError as error:
                metric, longest = find_refused_metric(error, accepted), find_longest_window(error)
                shorter_will_do = longest is not None and 0 < longest < len(part)
                if metric is not None and len(accepted) > 1 and not shorter_will_do:
                    metrics.remove(metric)
                    refused.add(metric)
                elif glimpsing and not longest:
                    raise
                elif clipped_at and longest is not None and not shorter_will_do:
                    return question.unserved(clipped_at, error.context.request_id)
                elif longest is None or not limits.window.refused(
                    len(part), longest=longest, multiple=_BUCKET_DAYS[granularity]
                ):
                    limits.window.restore(known_limit)
                    raise
            else:
                limits.learn(key, served=accepted if reading.served else (), refused=refused)
                if reading.served:
                    limits.window.accepted(len(reading.window))
                return reading
            finally:
                limits.window.tried(len(part))

    async def _ask(self, question: MetricsQuestion) -> Reading:
        key, window = question.key, question.window
        context = RequestContext(
            f"reading {_ADJECTIVES[question.granularity]} metrics",
            key.project_id,
            key.scope.name,
            key.entity_id,
            window.since,
            window.until,
        )
        target = (
            f"/v1/projects/{quote(key.project_id, safe='')}/ads-metrics"
            f"?scope={key.scope.name}&id={quote(key.entity_id, safe='')}"
            f"&{_question_parameters(window, question.granularity, question.metrics)}"
        )

        def parse(answer: Answer) -> Reading:
            try:
                return parse_reading(
                    question,
                    parse_metrics_answer(answer.body, question.metrics),
                    read_at=self._read_at(answer),
                    request_id=answer.request_id,
                )
            except ContradictionError as fault:
                raise answer.contradicted(fault) from None
            except DistrustError as fault:
                raise answer.untrusted(str(fault)) from None

        return await self._get(Request(target, context, MOST_METRICS_BYTES), parse)

    def _read_at(self, answer: Answer) -> datetime:
        if self._believed_date is None:
            return answer.read_at
        read_at = self._believed_date(answer.server_now)
        if read_at is None:
            raise DistrustError(f"Date: {answer.read_at:%Y-%m-%d %H:%M}Z is long past, so it is a copy, or misdated")
        return read_at

    async def _fetch_listing(self, scope: Scope, project_id: str | None, parameters: dict[str, str]) -> Listing:
        left_out: list[OddField] = []

        async def fetch_page(cursor: str | None) -> ParsedPage[Entity]:
            found = await self._fetch_page(scope, project_id, parameters | ({"cursor": cursor} if cursor else {}))
            left_out.extend(found.left_out)
            return found.page

        try:
            return Listing(tuple(await fetch_all_pages(fetch_page)), tuple(left_out))
        except EndlessListingError as fault:
            raise UntrustedAnswerError(str(fault), _listing_context(scope, project_id), UNTRUSTED) from None

    async def _fetch_page(self, scope: Scope, project_id: str | None, parameters: dict[str, str]) -> EntityPage:
        path = "/v1/projects"
        if project_id is not None:
            path += f"/{quote(project_id, safe='')}/ads/{_LISTINGS[scope]}"
        target = f"{path}?{urlencode(parameters)}" if parameters else path

        def parse(answer: Answer) -> EntityPage:
            found = parse_entity_page(answer.body, scope, project_id)
            return replace(found, page=replace(found.page, size=len(answer.body)))

        context = _listing_context(scope, project_id)
        return await self._get(Request(target, context, may_be_forbidden=scope is PROJECT), parse)

    async def _get(self, request: Request, parse: Callable[[Answer], T]) -> T:
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("a LayersClient is used inside its own `async with`, on the event loop that opened it")
        return await self._sender.get(request, parse)


def _unforeseen(error: Exception, key: EntityKey, window: DayWindow) -> UntrustedAnswerError:
    context = RequestContext(
        "reading metrics", key.project_id, key.scope.name, key.entity_id, window.since, window.until
    )
    reason = f"an answer could not be understood ({type(error).__name__}); nothing of it was used"
    return UntrustedAnswerError(reason, context, UNTRUSTED)


def _split(window: DayWindow, rows: int) -> list[DayWindow]:
    """``window`` in smaller parts: of as many days as came, where the series was cut, and no more than half."""
    days = max(min(max(rows, len(window) // 4), (len(window) + 1) // 2), 1)
    starts = range(0, len(window), days)
    edges = [window.since + start * ONE_DAY for start in starts]
    return [DayWindow(since, min(since + days * ONE_DAY, window.until)) for since in edges]


_ADJECTIVES: Final = {"day": "daily", "week": "weekly"}
_BUCKET_DAYS: Final = {"day": 1, "week": 7}


def _listing_context(scope: Scope, project_id: str | None) -> RequestContext:
    return RequestContext(f"listing {scope.nouns}", project_id)


def _check_question(window: DayWindow, granularity: str, metrics: Collection[str]) -> None:
    if granularity not in GRANULARITIES:
        raise ConfigurationError(
            f"granularity {granularity!r} does not exist for paid metrics: ask for day, the smallest, or week"
        )
    if unknown := sorted(set(metrics) - set(API_METRICS)):
        raise ConfigurationError(
            f"{', '.join(unknown)}: not among the paid metrics ({', '.join(API_METRICS)}); "
            "organic metrics are at /v1/metrics"
        )
    if not metrics:
        raise ConfigurationError("no metric was asked for")
    if granularity == "week" and (window.since != week_start(window.since) or window.until != week_start(window.until)):
        raise ConfigurationError(f"weekly windows run from Monday to Monday, {window} does not")


@lru_cache(maxsize=1024)
def _question_parameters(window: DayWindow, granularity: str, metrics: tuple[str, ...]) -> str:
    """The part of the query that most requests of a run share; array parameters are repeated, never comma lists."""
    return urlencode(
        [
            *(("metrics", name) for name in metrics),
            ("since", format_instant(day_start(window.since))),
            ("until", format_instant(day_start(window.until))),
            ("granularity", granularity),
        ],
        safe=":",
    )


def _checked(setting: str, check: Callable[[str], str], value: str) -> str:
    try:
        return check(value)
    except ValueError as error:
        raise ConfigurationError(f"{setting} {error}") from None
