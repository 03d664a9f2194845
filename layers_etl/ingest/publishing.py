"""Publishing what a run landed, with up to which day it is final."""

from __future__ import annotations

import logging

from layers_etl.ingest.outcomes import PublicationOutcome
from layers_etl.ingest.outstanding import find_open_days
from layers_etl.ingest.run import Run
from layers_etl.warehouse.publishing import Publication, publish_warehouse

logger = logging.getLogger(__name__)


def publish(run: Run) -> PublicationOutcome:
    """Publish the warehouse; nothing is new where the published file already has everything.

    Raises :class:`StorageError` where it cannot be written.
    """
    run.log.record_end()
    open_days = find_open_days(run.warehouse, run.settings, run.instant)
    publication = Publication(
        run.log.run_id, run.log.now(), run.instant, open_days.oldest, open_days.oldest_but_for_doubtful
    )
    target = run.settings.published_path
    is_new = publish_warehouse(run.warehouse, target, publication)
    logger.info("Published %s." if is_new else "%s already has everything.", target)
    return PublicationOutcome(is_new, open_days)
