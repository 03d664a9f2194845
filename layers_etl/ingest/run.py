"""One run: what it is asked, what it works with, and what it learnt as it began."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from layers_etl.api.client import LayersClient
from layers_etl.errors import EntityError
from layers_etl.ingest.clock import ServerClock, utc_now
from layers_etl.ingest.identity import Connect, layers_client
from layers_etl.ingest.progress import Progress
from layers_etl.ingest.request import RunRequest
from layers_etl.ingest.run_log import RunLog
from layers_etl.ingest.runner import InterruptibleRunner
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run learnt as it began.

    ``instant`` is the one it stands for; what was read at or after ``fresh_since`` is not asked for again by a run;
    ``continues`` is the interrupted or retried run whose landed answers count as this one's. ``listed_projects`` are
    those whose entities are listed; ``read_projects`` those whose metrics are read: in a run, also archived ones, until
    what was begun of them has settled. ``unlisted_projects`` tell what the list of projects did not.
    """

    clock: ServerClock
    instant: datetime
    fresh_since: datetime
    continues: str | None
    listed_projects: tuple[str, ...]
    read_projects: tuple[str, ...]
    unlisted_projects: tuple[EntityError, ...] = ()


class Run:
    """A run in progress. What it learns lands in ``warehouse`` as it goes; :meth:`close` writes down how it ended.

    It has ``facts`` once it has begun (``beginning.py``). Deriving and publishing need none, and no key.
    """

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        request: RunRequest,
        *,
        run_id: str,
        now: Callable[[], datetime] = utc_now,
        connect: Connect = layers_client,
        progress: Progress | None = None,
    ) -> None:
        """Prepare a run; nothing is read or written yet. ``connect`` makes the client.

        ``progress`` is for whoever shows it; None: nobody does.
        """
        self.settings = settings
        self.warehouse = warehouse
        self.request = request
        self.log = RunLog(warehouse, run_id, now)
        self.progress = progress or Progress()
        self._connect = connect
        self._runner = InterruptibleRunner()
        self._client: LayersClient | None = None
        self._facts: Facts | None = None

    @property
    def client(self) -> LayersClient:
        """The client for the API, connected at the first use. ``ConfigurationError`` where there is no key."""
        if self._client is None:
            client = self._connect(self.settings, self.log.sent.append)
            if proxy := client.route.proxy:
                logger.info("Reaching the API through %s.", proxy)
            self.wait_for(client.__aenter__())
            self._client = client
            self.progress.pace = lambda: client.pace
        return self._client

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What it returns; whoever asks the process to end ends the wait, with ``KeyboardInterrupt``."""
        return self._runner.run(coroutine)

    def begin_with(self, facts: Facts) -> None:
        """From now on the run has ``facts``, and may write."""
        self._facts = facts

    @property
    def has_begun(self) -> bool:
        """Whether the API has said who we are: before that nothing is written."""
        return self._facts is not None

    @property
    def facts(self) -> Facts:
        """What it learnt as it began."""
        assert self._facts is not None, "the run has not begun"
        return self._facts

    @property
    def instant(self) -> datetime:
        """The instant the run stands for; this machine's clock where it has not begun."""
        return self._facts.instant if self._facts else self.log.now()

    @property
    def fresh_since(self) -> datetime:
        """What was read at or after this is this run's own, or that of the run it continues."""
        return self._facts.fresh_since if self._facts else self.log.now()

    def close(self, *, interrupted: bool = False) -> None:
        """Write down how the run ended and let go of the connection to the API.

        ``interrupted`` is whether somebody asked for the end, which may have been between two of its steps.
        """
        try:
            if interrupted:
                self.log.interrupt()
            self.log.record_end()
        finally:
            if self._client:
                self.wait_for(self._client.__aexit__(None, None, None))
            self._runner.close()
