"""Every failure this project names, as a tree. The message of each is one sentence with what to do.

LayersEtlError                  exit code 1
├── ConfigurationError          wrong use or setting; exit code 2
│   └── WarehouseError          the build file or the data folder cannot be used
│       ├── DamagedFileError    a file of the warehouse is there and is no whole DuckDB file
│       └── LakeError           the lake cannot be read or published to; exit code 1
├── StorageError                the machine did not take what was written: a full disk, a quota, a device that fails
└── ApiError                    the Layers API did not give what was asked
    ├── RefusedError            the key or its organisation is refused: the run stops, what landed is kept; exit code 3
    └── EntityError             costs one entity (or one listing) alone
        ├── NotFoundError       gone, or not in this organisation
        ├── InvalidRequestError VALIDATION: a parameter or a metric is not accepted
        ├── UnavailableError    5xx, time-outs, cut connections, rate limits: retries were used up
        └── UntrustedAnswerError the answer arrived and cannot be believed; its body is kept apart
            └── ContradictedAnswerError its series does not add up to its own totals
"""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Self

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date
    from pathlib import Path


class ExitCode(enum.IntEnum):
    """What the command line ends with (design, Commands)."""

    OK = 0
    INCOMPLETE = 1
    CONFIGURATION = 2
    REFUSED = 3


REPORT_IT: Final = (
    "send this line, and what `layers-etl --version` and `layers-etl doctor` print, to the maintainers of layers_etl"
)
"""What to do about what should not have happened."""


class LayersEtlError(Exception):
    """Base of all errors raised on purpose; ``str()`` is one plain sentence that says what to do.

    ``exit_code`` is what the command line ends with where the error ends it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INCOMPLETE


class ConfigurationError(LayersEtlError):
    """A setting, an argument or the environment is wrong; nothing was read or written."""

    exit_code = ExitCode.CONFIGURATION


class WarehouseError(ConfigurationError):
    """The data folder or ``build.duckdb`` cannot be used as it is."""


class DamagedFileError(WarehouseError):
    """A file of the warehouse is not what was written: torn, cut off, or overwritten with something else."""


class LakeError(WarehouseError):
    """The lake could not be read or published to. The local warehouse is as it was, and the next run catches up."""

    exit_code = ExitCode.INCOMPLETE


_RUN_AGAIN: Final = "What had landed is kept, and the same command takes it up again."

_REFUSED_WRITES: Final = {
    errno.ENOSPC: f"The disk of {{folder}} is full ({{reason}}): make room there. {_RUN_AGAIN}",
    errno.EDQUOT: f"The disk quota of this user is used up in {{folder}} ({{reason}}): make room there, or have it "
    f"raised. {_RUN_AGAIN}",
    errno.EFBIG: f"A file in {{folder}} may not grow further ({{reason}}): raise the limit (ulimit -f), or move the "
    f"folder to a file system that takes larger files. {_RUN_AGAIN}",
    errno.EIO: f"The disk of {{folder}} failed, or is full ({{reason}}): see what is free there, and the system's log. "
    f"{_RUN_AGAIN}",
    errno.EROFS: f"The file system of {{folder}} is read-only ({{reason}}), as one becomes whose disk fails: see the "
    f"system's log, and make it writable or set LAYERS_DATA_DIR to another folder. {_RUN_AGAIN}",
}
"""By what the system calls it."""

_WORDS: Final = {
    "no space left on device": errno.ENOSPC,
    "database or disk is full": errno.ENOSPC,
    "failed to offload data block": errno.ENOSPC,
    "disk quota exceeded": errno.EDQUOT,
    "file too large": errno.EFBIG,
    "input/output error": errno.EIO,
    "disk i/o error": errno.EIO,
    "read-only file system": errno.EROFS,
}
"""How DuckDB and SQLite say it; also within what they say of a database that was given up for it."""

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""There is no more room, whatever else is right."""

TAKES_NO_MORE: Final = FULL | {errno.EFBIG, errno.EIO}
"""There is no more room, or a device says so in its way."""


class StorageError(LayersEtlError):
    """The machine did not take what was written: the disk is full, a quota is used up, the device fails.

    Nothing is wrong with the settings: what landed is kept, and once the machine takes it the same command goes on.
    """

    @classmethod
    def of(
        cls, error: BaseException, folder: Path | str, among: Collection[int] = frozenset(_REFUSED_WRITES)
    ) -> Self | None:
        """What the machine did not take in ``folder``, if that is what ``error`` says; else None.

        ``error`` is the system's own, or one of a database, which has it in its words alone. ``among`` are the numbers
        that count: the same one can mean something else to whoever only opens a file.
        """
        if isinstance(error, OSError):
            number, reason = error.errno, error.strerror
        else:
            said = str(error).lower()
            reason = next((words for words in _WORDS if words in said), "")
            number = _WORDS.get(reason)
        if number is None or number not in among:
            return None
        return cls(_REFUSED_WRITES[number].format(folder=folder, reason=reason))


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a request was about, so that an error can name it. Never holds the key.

    ``since``/``until`` are the half-open window asked for; ``request_id`` is the API's own, for its support. What the
    entity is called is known to the warehouse alone, and added where an error is written down.
    """

    what: str
    project_id: str | None = None
    scope: str | None = None
    entity_id: str | None = None
    since: date | None = None
    until: date | None = None
    request_id: str | None = None
    entity_name: str | None = None

    @property
    def entity(self) -> str:
        """Its name with its id in brackets, or the id alone."""
        return f"{self.entity_name} ({self.entity_id})" if self.entity_name else str(self.entity_id)

    def describe(self) -> str:
        """The known parts as ``what, project …, campaign Name (…), 2026-04-01 until 2026-04-05, request req_…``."""
        parts = [
            self.what,
            f"project {self.project_id}" if self.project_id else None,
            f"{self.scope.replace('_', ' ')} {self.entity}" if self.scope and self.entity_id else None,
            f"{self.since} until {self.until}" if self.since and self.until else None,
            f"request {self.request_id}" if self.request_id else None,
        ]
        return ", ".join(part for part in parts if part)


@dataclass(eq=False)
class ApiError(LayersEtlError):
    """The API did not give what was asked.

    ``code`` is the API's error code (layers-api.md, Errors) or one of ours where no envelope came
    (``TIMEOUT``, ``CONNECTION``, ``CERTIFICATE``, ``PROXY``, ``HTTP_502``, ``MALFORMED``).
    """

    reason: str
    context: RequestContext
    code: str
    status: int | None = None

    def __str__(self) -> str:
        """One sentence: why it failed and what to do, then what was asked, of which entity and window."""
        return f"{self.reason[:1].upper()}{self.reason[1:]} ({self.context.describe()})"


class RefusedError(ApiError):
    """401, 403 FORBIDDEN_SCOPE or KILL_SWITCH: the key, its scopes or its organisation are refused by the API itself.

    No later request of the kind can succeed with this key. Nothing else refuses: what whoami says of a key is no proof.
    """

    exit_code = ExitCode.REFUSED


class EntityError(ApiError):
    """One entity or one listing could not be read; the rest of the run goes on (rule 4 of the design)."""


class NotFoundError(EntityError):
    """404 NOT_FOUND: gone, or not in this organisation."""


@dataclass(eq=False)
class InvalidRequestError(EntityError):
    """VALIDATION: a parameter, window or metric is not accepted. ``details`` is the envelope's, if any."""

    details: dict[str, object] = field(default_factory=dict)


class UnavailableError(EntityError):
    """5xx, 429, time-outs and failed connections, after the bounded retries where these can be of use."""


@dataclass(eq=False)
class UntrustedAnswerError(EntityError):
    """An answer that arrived whole and cannot be believed. ``body`` is what came, size-bounded, for ``ops``."""

    body: bytes = field(default=b"", repr=False)


@dataclass(eq=False)
class ContradictedAnswerError(UntrustedAnswerError):
    """An answer whose series does not add up to its own totals of ``metric``.

    ``rows`` is how many buckets the series has; it ``is_full`` where that is one for every day asked for.
    """

    metric: str = ""
    rows: int = 0
    is_full: bool = False
