"""The way out of this machine, as its own settings say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Network:
    """What the machine's own settings say of the way out.

    ``proxies`` are for https, by the name of their setting: the first counts. One may have a password: they are
    secrets. ``no_proxy`` are the hosts that need none. The certificates of ``authority_file`` and ``authority_folder``
    are trusted besides those that OpenSSL finds. ``object_store`` is where S3 answers, if not at AWS.
    """

    proxies: Mapping[str, SecretStr] = field(default_factory=lambda: MappingProxyType({}))
    no_proxy: str = ""
    authority_file: Path | None = None
    authority_folder: str | None = None
    object_store: str | None = None
