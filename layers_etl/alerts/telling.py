"""Telling people how a run ended and what stands: from the command line and from Dagster, by the same functions.

What is told is made of three things: how the run ended, what the published file says of itself, and what was told
before. No run fails by it, or waits for long.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import SecretStr

from layers_etl.alerts.memory import keep_memory, load_memory, sole_teller
from layers_etl.alerts.services import send_text
from layers_etl.alerts.webhook import ping, post_text
from layers_etl.domain.addresses import is_of_a_service
from layers_etl.domain.alerts import (
    PUBLICATION,
    RUN,
    Kind,
    Memory,
    RunEnd,
    Trouble,
    describe_alerts,
    find_news,
    judge_lateness,
    standing_after,
)
from layers_etl.errors import ConfigurationError, LayersEtlError, WarehouseError
from layers_etl.ingest.publisher import nearest_publisher
from layers_etl.settings import Settings, load_network
from layers_etl.warehouse.findings import StandingFinding, load_findings

logger = logging.getLogger(__name__)

Observed = Mapping[str, Trouble | None]

_NO_PLACE: Final = "What was told could not be remembered (%s): it may be told again."


def tell_end(settings: Settings, end: RunEnd) -> None:
    """Tell how a run ended, and what it found, as far as people do not know it; ping, if it ended well.

    Nothing for an end before the last one that was told of: two processes may tell of the same run. Never raises.
    """
    if settings.notify_url is None and settings.ping_url is None:
        return
    with _only_one(settings):
        memory = load_memory(settings.data_dir)
        if memory.ended_at and end.at <= memory.ended_at:
            return
        memory = replace(memory, ended_at=end.at, well_at=end.at if end.is_well else memory.well_at)
        _tell(settings, memory, {RUN: end.trouble, **_look_at_published(settings, memory, end.at)})
        if end.is_well and end.is_daily:
            _ping(settings)


def tell_lateness(settings: Settings, now: datetime) -> None:
    """Tell that nothing was published for too long, for whoever is still there when no run is. Never raises."""
    if settings.notify_url is None:
        return
    with _only_one(settings):
        memory = load_memory(settings.data_dir)
        observed = _look_at_published(settings, memory, now)
        _tell(settings, memory, {subject: observed[subject] for subject in (PUBLICATION,) if subject in observed})


def send_test(settings: Settings) -> str:
    """Send a message that says it is a test, and that it was taken. ``ConfigurationError`` where no address is set,
    :class:`LayersEtlError` where it was not taken."""
    if settings.notify_url is None:
        raise ConfigurationError("LAYERS_NOTIFY_URL is not set: put the address of a webhook there to be alerted.")
    text = f"layers_etl: a test, {_place(settings)}\nIf you can read this, alerts arrive."
    if refused := _send(settings.notify_url, text):
        raise LayersEtlError(
            f"LAYERS_NOTIFY_URL did not take the test: {refused}. Copy the address again from where it was made."
        )
    return "LAYERS_NOTIFY_URL took the test: see that it arrived."


def cause_of(error: BaseException) -> str:
    """By which one failure is known from another."""
    return type(error).__name__


def _look_at_published(settings: Settings, memory: Memory, now: datetime) -> Observed:
    """What the published file says of the checks, and whether it is late; nothing of either where it can't be read."""
    with contextlib.suppress(WarehouseError, OSError), nearest_publisher(settings).open() as published:
        if published and published.publication:
            late = judge_lateness(now, published.publication.published_at, memory.well_at)
            return {PUBLICATION: late, **dict(map(_judge_finding, load_findings(published)))}
    return {}


def _judge_finding(finding: StandingFinding) -> tuple[str, Trouble | None]:
    """A check by its name and asset. One that has nothing to say to people warns of what is no news to them."""
    subject = f"{finding.check_name} of {finding.asset}"
    if finding.passed or not (finding.is_error or finding.message):
        return subject, None
    kind = Kind.CHECK_FAILED if finding.is_error else Kind.NEW_WARNING
    said = (finding.message or "It does not hold.").splitlines()
    return subject, Trouble(kind, " ".join([*said, finding.remedy or ""]), extent=len(said))


def _tell(settings: Settings, memory: Memory, observed: Observed) -> None:
    """Tell the news, and remember it once it was taken: what did not arrive is told with the next end."""
    news = find_news(memory.standing, observed)
    refused = None
    if news and settings.notify_url:
        refused = _send(settings.notify_url, describe_alerts(news, _place(settings)))
    if refused:
        logger.warning("LAYERS_NOTIFY_URL did not take an alert: %s. It is tried again with the next run.", refused)
    else:
        memory = replace(memory, standing=standing_after(memory.standing, observed))
    keep_memory(settings.data_dir, memory)


def _send(address: SecretStr, text: str) -> str | None:
    """Send ``text`` by what the address is of; why it was not taken, None if it was."""
    if is_of_a_service(address.get_secret_value()):
        return send_text(address, text)
    return post_text(address, text, load_network())


def _ping(settings: Settings) -> None:
    if settings.ping_url and (refused := ping(settings.ping_url, load_network())):
        logger.warning("LAYERS_PING_URL did not take the ping: %s.", refused)


def _place(settings: Settings) -> str:
    return f"{socket.gethostname()}:{settings.data_dir.absolute()}"


@contextlib.contextmanager
def _only_one(settings: Settings) -> Generator[None]:
    """One process at a time, and whatever goes wrong within is said in a line: no run fails by it."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(sole_teller(settings.data_dir))
        except OSError as error:
            logger.warning(_NO_PLACE, error.strerror or "another process tells for too long")
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has ended and its outcome stands
            logger.warning("Nobody could be alerted (%s).", type(error).__name__)
