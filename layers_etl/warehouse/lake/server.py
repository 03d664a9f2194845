"""The Postgres that has a lake's catalog: how it is reached, and who may publish there. Needs the extra ``lake``."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from layers_etl.domain.lake import Lake
from layers_etl.errors import ConfigurationError, LakeError

logger = logging.getLogger(__name__)

SECONDS_TO_WAIT: Final = 60.0
"""For another publication to end: one takes seconds, and whoever waits for longer is better told."""

SECONDS_BETWEEN_TRIES: Final = 0.5

_PATIENCE: Final = {
    "connect_timeout": "15",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "application_name": "layers_etl",
}
"""A server that is gone without a word is given up within a minute or so; what the setting says goes before."""

_OURS: Final = 0x1A7E5
"""The first half of the lock's number; the second is made of the schema's name."""


def connection_string(lake: Lake) -> str:
    """How libpq is told of the server; ``ConfigurationError`` where it could make nothing of the setting."""
    try:
        said = conninfo_to_dict(lake.catalog.server or "")
        return make_conninfo("", **{**_PATIENCE, **said})
    except psycopg.Error as error:
        raise ConfigurationError(f"LAYERS_WAREHOUSE names no Postgres server ({str(error).strip()}).") from None


@contextlib.contextmanager
def hold_advisory_lock(lake: Lake) -> Generator[Callable[[], None]]:
    """Keep every other process from publishing to ``lake``; what is given raises :class:`LakeError` once that is lost.

    DuckLake alone does not keep two of them apart: of two transactions that each find nothing to replace and write the
    same key, both commit. Waits for a minute; raises :class:`LakeError` where the server is not there, or another still
    publishes.
    """
    try:
        session = psycopg.connect(connection_string(lake), autocommit=True)
    except psycopg.Error as error:
        raise _unreachable(lake, error) from None
    with contextlib.closing(session):
        _take(session, lake)

        def ensure_held() -> None:
            try:
                session.execute("SELECT 1")
            except psycopg.Error as error:
                raise _unreachable(lake, error) from None

        yield ensure_held


def _take(session: psycopg.Connection, lake: Lake) -> None:
    given_up_at = time.monotonic() + SECONDS_TO_WAIT
    told = False
    while not _is_ours(session, lake):
        if time.monotonic() > given_up_at:
            raise LakeError(
                f"Another machine has been publishing to the lake {lake.name} for more than {SECONDS_TO_WAIT:.0f} s: "
                "see that only one runs this key, and try again. What had landed is kept."
            )
        if not told:
            logger.warning("Another machine is publishing to %s; waiting for it to finish.", lake.name)
            told = True
        time.sleep(SECONDS_BETWEEN_TRIES)


def _is_ours(session: psycopg.Connection, lake: Lake) -> bool:
    try:
        rows = session.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_OURS, lake.catalog.schema]).fetchall()
    except psycopg.Error as error:
        raise _unreachable(lake, error) from None
    return bool(rows[0][0])


def _unreachable(lake: Lake, error: Exception) -> LakeError:
    reason = " ".join(str(error).split())
    return LakeError(
        f"The catalog of the lake {lake.name} cannot be reached ({reason}): see that Postgres runs there and lets this "
        "user in (PGPASSWORD, ~/.pgpass), and try again. What had landed is kept."
    )
