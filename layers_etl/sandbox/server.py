"""The sandbox as a server: in a thread for tests and demos, or in the foreground for people."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette

from layers_etl.sandbox.app import create_app
from layers_etl.sandbox.auth import DEFAULT_KEY
from layers_etl.sandbox.clock import Clock
from layers_etl.sandbox.entities import Platform, timestamp
from layers_etl.sandbox.faults import Fault, Faults
from layers_etl.sandbox.journal import Journal, RequestRecord
from layers_etl.sandbox.ratelimit import RateLimiter
from layers_etl.sandbox.world import ORGANIZATION, World, WorldConfig

LOOPBACK: Final = "127.0.0.1"


class SandboxServer:
    """The simulated API on the loopback interface, in a daemon thread, for the length of a `with` block.

    `now` is the instant the clock stands still at (None: it follows the real time); `port` 0 takes any free one.
    `requests_per_minute` enforces a rate limit of that allowance and that `burst` (None: a minute's allowance);
    without it none is enforced. What goes wrong and how the world changes is steered through this object or, over
    HTTP, through `/sandbox`.
    """

    def __init__(
        self,
        config: WorldConfig = WorldConfig(),  # noqa: B008 - frozen, so sharing it is safe
        *,
        now: datetime | None = None,
        port: int = 0,
        requests_per_minute: int | None = None,
        burst: int | None = None,
    ) -> None:
        """Build the world; nothing is served before the block is entered."""
        self.world = World(config)
        self.clock = Clock(now)
        self.url = ""
        self._port = port
        self._faults = Faults(config.seed)
        self._journal = Journal()
        limiter = RateLimiter(requests_per_minute, burst)
        app = create_app(self.world, self.clock, limiter=limiter, faults=self._faults, journal=self._journal)
        self._server = _QuietServer(_uvicorn_config(app))
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Listen and start serving; OSError if the port is taken."""
        listener = socket.create_server((LOOPBACK, self._port))
        self.url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="layers-sandbox", daemon=True)
        # The socket listens already: whoever connects before the thread is ready waits in its queue.
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def set_clock(self, now: datetime) -> None:
        """Stand still at `now` (aware; ValueError if it is not)."""
        self.clock.set(now)

    def pause_syncing(
        self,
        since: datetime,
        until: datetime | None = None,
        *,
        platform: Platform | None = None,
        account_id: str | None = None,
    ) -> None:
        """Let what is served stand still, from the sync at or before `since` to the first at or after `until`."""
        self.world.pause_syncing(since, until, platform=platform, account_id=account_id)

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force, inside those there are."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Lift all faults."""
        self._faults.clear()

    def requests(self) -> list[RequestRecord]:
        """The requests received under `/v1`, oldest first."""
        return self._journal.records()

    def clear_requests(self) -> None:
        """Forget the requests received."""
        self._journal.clear()


def serve(
    config: WorldConfig,
    *,
    port: int,
    now: datetime | None,
    requests_per_minute: int | None,
    host: str = LOOPBACK,
    burst: int | None = None,
) -> None:
    """Serve in the foreground until SIGINT or SIGTERM; prints where, with which key, and an example.

    OSError if the port is taken.
    """
    world, clock = World(config), Clock(now)
    app = create_app(world, clock, limiter=RateLimiter(requests_per_minute, burst))
    with socket.create_server((host, port)) as listener:
        print(_greeting(world, clock, f"http://{host}:{listener.getsockname()[1]}"), flush=True)
        server = uvicorn.Server(_uvicorn_config(app))
        # uvicorn stops cleanly on either signal, then raises it anew; for a server asked to stop, that is success.
        previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with suppress(KeyboardInterrupt):
            server.run([listener])
        _ = signal.signal(signal.SIGTERM, previous)


class _QuietServer(uvicorn.Server):
    """A server in a thread: it may not touch the process's signal handlers, and it stops when told to, at once.

    uvicorn's own looks ten times a second whether it is to stop, and waits for what is still being answered.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Called from another thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Whoever came before the line above has said so without the event.
        if not self.should_exit:
            _ = await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()


def _uvicorn_config(app: Starlette) -> uvicorn.Config:
    """The `Date` header is the sandbox's own; a cut connection is a fault on purpose, not an error to be logged."""
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )


def _greeting(world: World, clock: Clock, url: str) -> str:
    now = clock.now()
    lines = [f"Layers sandbox at {url}", f"  key    {DEFAULT_KEY}", f"  clock  {timestamp(now)}"]
    for project in world.projects(ORGANIZATION)[:1]:
        campaign = next(world.campaigns(project.id, now), None)
        if campaign is not None:
            since = timestamp(now - timedelta(days=7))[:10]
            query = f"scope=campaign&id={campaign.id}&since={since}"
            lines += [
                "  try",
                f'    curl "{url}/v1/projects/{project.id}/ads-metrics?{query}" \\',
                f'      -H "Authorization: Bearer {DEFAULT_KEY}"',
            ]
    return "\n".join(lines)
