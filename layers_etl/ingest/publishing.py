"""Publishing what a run landed, with up to which day it is final."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from layers_etl.ingest.outstanding import OpenDays, Outstanding, find_open_days
from layers_etl.ingest.publisher import publishers_of
from layers_etl.ingest.run import Run
from layers_etl.warehouse.changed_days import count_changed_days
from layers_etl.warehouse.publishing import Publication, load_state_id
from layers_etl.warehouse.restated_days import count_restated_days

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublicationOutcome:
    """What publishing gave. ``is_new``: readers lacked something before; ``open_days``: up to where it is final.

    ``changed_days`` are the entity-days that may differ from the publication before, by ``ops.changed_days``; None
    where that is not there, or not known any more. ``restated_days`` are those whose numbers this run found changed;
    None where it has read nothing.
    """

    is_new: bool
    changed_days: int | None
    restated_days: int | None
    open_days: OpenDays


def publish(run: Run, outstanding: Outstanding) -> PublicationOutcome:
    """Publish the warehouse, with what is ``outstanding`` in it; nothing is new where readers have everything.

    Raises :class:`StorageError` where it cannot be written, :class:`LakeError` where the lake cannot: the file beside
    it is published by then.
    """
    run.log.record_end()
    open_days = find_open_days(run.warehouse, outstanding)
    restated_days = count_restated_days(run.warehouse, run.settings.scopes, run.fresh_since) if run.has_begun else None
    publication = Publication(
        load_state_id(run.warehouse),
        run.log.run_id,
        run.log.now(),
        run.instant,
        open_days.oldest,
        open_days.oldest_but_for_doubtful,
    )
    publishers = tuple(publishers_of(run.settings))
    last = publishers[0].published()
    changed_days = count_changed_days(run.warehouse, last.state_id) if last else None
    is_new = False
    for publisher in publishers:
        took_something = publisher.publish(run.warehouse, publication)
        logger.info("Published %s." if took_something else "%s already has everything.", publisher.name)
        is_new |= took_something
    return PublicationOutcome(is_new, changed_days, restated_days, open_days)
