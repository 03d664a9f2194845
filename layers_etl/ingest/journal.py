"""What a run writes down of itself: what it sent, what it could not read, how it ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime

from layers_etl.domain.readings import RequestRecord
from layers_etl.errors import EntityError, RefusedError, UntrustedAnswerError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.runs import (
    Failure,
    RunStart,
    RunStatus,
    UntrustedAnswer,
    record_end,
    record_failures,
    record_progress,
    record_requests,
    record_start,
    record_untrusted_answers,
)

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """This machine's clock; passed in everywhere else."""
    return datetime.now(UTC)


class Journal:
    """One run's own record, kept in ``ops`` as it goes. Nothing is written before :meth:`begin`."""

    def __init__(self, warehouse: Warehouse, run_id: str, now: Callable[[], datetime]) -> None:
        """Prepare the record of ``run_id``."""
        self.run_id = run_id
        self.sent: list[RequestRecord] = []
        self.failures: list[Failure] = []
        self.windows_read = 0
        self.now = now
        self._warehouse = warehouse
        self._begun = False
        self._end: tuple[RunStatus, str] | None = None

    @property
    def status(self) -> RunStatus:
        """How the run stands."""
        if self._end:
            return self._end[0]
        return RunStatus.INCOMPLETE if self.failures else RunStatus.SUCCEEDED

    @property
    def entities_failed(self) -> int:
        """Entities and listings that could not be read."""
        return len({(failure.scope, failure.project_id, failure.entity_id) for failure in self.failures})

    def begin(self, start: RunStart) -> None:
        """Write the run down before it does anything, so that a kill is noticed."""
        record_start(self._warehouse, start)
        self._begun = True

    def note_failures(self, errors: Iterable[EntityError]) -> None:
        """Write down what could not be read, and put answers that can't be trusted aside. The run is not complete."""
        self.failures += self._write_down(errors)

    def note_shortfalls(self, errors: Iterable[EntityError]) -> None:
        """Write down in the same way what a run is complete without."""
        self._write_down(errors)

    def _write_down(self, errors: Iterable[EntityError]) -> list[Failure]:
        failures: list[Failure] = []
        untrusted: list[UntrustedAnswer] = []
        for error in errors:
            context, at = error.context, self.now()
            place = (context.scope, context.project_id, context.entity_id, context.since, context.until)
            failures.append(Failure(at, *place, error.code, error.status, context.request_id, str(error)))
            if isinstance(error, UntrustedAnswerError):
                body = error.body.decode("utf-8", errors="replace")
                untrusted.append(UntrustedAnswer(at, *place, context.request_id, error.reason, body))
            logger.warning("%s", error)
        record_failures(self._warehouse, self.run_id, failures)
        record_untrusted_answers(self._warehouse, self.run_id, untrusted)
        return failures

    def note_windows(self, count: int) -> None:
        """Count windows that landed, and write down the requests so far."""
        self.windows_read += count
        self.flush()

    def flush(self) -> None:
        """Bring requests and counts in ``ops`` up to date."""
        sent, self.sent[:] = list(self.sent), []
        record_requests(self._warehouse, self.run_id, sent)
        if self._begun:
            record_progress(
                self._warehouse, self.run_id, windows_read=self.windows_read, entities_failed=self.entities_failed
            )

    def fail(self, message: str) -> None:
        """The run as a whole failed; the first reason counts."""
        self._end = self._end or (RunStatus.FAILED, message)

    def record_end(self) -> None:
        """Write down how the run stands now; the last call counts."""
        self.flush()
        if self._begun:
            record_end(
                self._warehouse, self.run_id, self.status, self.now(), message=self._end[1] if self._end else None
            )

    @contextlib.contextmanager
    def noting_the_end(self) -> Generator[None]:
        """Remember the first error that ends the run; it goes on up."""
        try:
            yield
        except RefusedError as error:
            self._end = self._end or (RunStatus.REFUSED, str(error))
            raise
        except Exception as error:
            self.fail(str(error))
            raise
        except BaseException:
            self._end = self._end or (RunStatus.INTERRUPTED, "Interrupted; the same request takes it up again.")
            raise
