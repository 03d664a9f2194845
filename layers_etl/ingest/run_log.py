"""What a run writes down of itself: what it sent, what it could not read, how it ended."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from layers_etl.api.sender import KEPT_BODY_BYTES
from layers_etl.domain.entities import Entity, OddField
from layers_etl.domain.readings import RequestRecord
from layers_etl.domain.scopes import Scope
from layers_etl.domain.storable import printable_line, storable_text
from layers_etl.errors import EntityError, RefusedError, UntrustedAnswerError
from layers_etl.process.causes import is_interruption
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_entity_names
from layers_etl.warehouse.runs import (
    Failure,
    ListedOddly,
    RunStart,
    RunStatus,
    UntrustedAnswer,
    record_end,
    record_failures,
    record_odd_fields,
    record_progress,
    record_requests,
    record_start,
    record_untrusted_answers,
)

logger = logging.getLogger(__name__)


class RunLog:
    """One run's own record, kept in ``ops`` as it goes. Nothing is written before :meth:`begin`."""

    def __init__(self, warehouse: Warehouse, run_id: str, now: Callable[[], datetime]) -> None:
        """Prepare the record of ``run_id``."""
        self.run_id = run_id
        self.sent: deque[RequestRecord] = deque()
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
        for error in self._name_entities(list(errors)):
            context, at = error.context, self.now()
            place = (context.scope, context.project_id, context.entity_id, context.since, context.until)
            failures.append(Failure(at, *place, error.code, error.status, context.request_id, str(error)))
            if isinstance(error, UntrustedAnswerError):
                body = storable_text(error.body.decode("utf-8", errors="replace"), KEPT_BODY_BYTES)
                untrusted.append(UntrustedAnswer(at, *place, context.request_id, error.reason, body))
            logger.warning("%s", error)
        record_failures(self._warehouse, self.run_id, failures)
        record_untrusted_answers(self._warehouse, self.run_id, untrusted)
        return failures

    def _name_entities(self, errors: Sequence[EntityError]) -> Sequence[EntityError]:
        """Every error that is told or kept passes here: the one place where an entity's name joins its id."""
        ids = {error.context.entity_id for error in errors if error.context.entity_id}
        names = load_entity_names(self._warehouse, ids) if ids else {}
        for error in errors:
            context = error.context
            name = names.get((context.scope or "", context.project_id or "", context.entity_id or ""))
            error.context = replace(context, entity_name=printable_line(name or "") or None)
        return errors

    def note_odd_fields(
        self, scope: Scope, entities: Sequence[Entity], left_out: Iterable[tuple[str | None, Sequence[OddField]]]
    ) -> None:
        """Write down which fields of listed entities were put aside or repaired, and which items, by project, were left
        out: once a run."""
        odd = [entity for entity in entities if entity.odd_fields]
        rows = [(entity.project_id, entity.entity_id, each) for entity in odd for each in entity.odd_fields]
        if rows:
            noun = scope.nouns
            logger.warning(
                "%d fields of %d %s were put aside or repaired: see ops.odd_fields.", len(rows), len(odd), noun
            )
        items = [(project_id, None, each) for project_id, items in left_out for each in items]
        at = self.now()
        found = [
            ListedOddly(at, scope.name, project_id, entity_id, each.field, each.problem, each.value)
            for project_id, entity_id, each in (*items, *rows)
        ]
        record_odd_fields(self._warehouse, self.run_id, found)

    def note_windows(self, count: int) -> None:
        """Count windows that landed, and write down the requests so far."""
        self.windows_read += count
        self.flush()

    def flush(self) -> None:
        """Bring requests and counts in ``ops`` up to date."""
        # Others may be sent meanwhile, by another thread than the one that lands.
        sent = [self.sent.popleft() for _ in range(len(self.sent))]
        record_requests(self._warehouse, self.run_id, sent)
        if self._begun:
            record_progress(
                self._warehouse, self.run_id, windows_read=self.windows_read, entities_failed=self.entities_failed
            )

    def fail(self, message: str) -> None:
        """The run as a whole failed; the first reason counts."""
        self._end = self._end or (RunStatus.FAILED, message)

    def interrupt(self) -> None:
        """Somebody asked for the end; what had failed before that counts."""
        self._end = self._end or (RunStatus.INTERRUPTED, "Interrupted; the same request takes it up again.")

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
        except BaseException as error:
            if is_interruption(error):
                self.interrupt()
            else:
                self.fail(str(error))
            raise
