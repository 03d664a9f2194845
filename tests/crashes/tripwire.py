"""Every point at which a run touches its files, named as it comes to it; at one of them something happens.

A point is the instant before an operation on a file of the data folder (opened for writing, renamed, removed, synced,
…), before and after one of DuckDB's transactions, checkpoints, openings and closings, and before a commit or an event
of Dagster's. What happens between two of them in DuckDB's own code is met by dying a little later than a point.
"""

from __future__ import annotations

import contextlib
import enum
import inspect
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import dagster as dg
import duckdb
from sqlalchemy import event
from sqlalchemy.engine import Engine

BALLAST: Final = "ballast"
"""What fills the disk, in the data folder."""

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TRANSACTIONAL: Final = ("COMMIT", "ROLLBACK", "CHECKPOINT")
_MAKING_TRANSACTIONS: Final = ("transaction", "change", "closed_file", "fold_long_log")
_CHANGING: Final = {
    "os.rename": "rename",
    "os.remove": "remove",
    "os.truncate": "truncate",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "os.chmod": "chmod",
    "os.utime": "date",
    "os.link": "link",
    "shutil.copyfile": "copy",
}
"""Audit events that change a file, whose arguments begin with the paths concerned."""

_OF_ONE_RUN: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{8}T\d{6}\S*|(?<=/compute_logs/)\w{8}|\d{4,}"
)
"""Parts of a file's name that are another in every run."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The so-manieth time, from 1, that a run comes to a point of this name."""

    name: str
    occurrence: int = 1

    def __str__(self) -> str:
        """For the names of tests."""
        return f"{self.name} ({self.occurrence})"


class Deed(enum.StrEnum):
    """What happens at a point."""

    DIE = "die"
    FILL_THE_DISK = "fill the disk"
    COPY = "copy"
    """The data folder, as a kill at this instant would leave it: files hold what was written to them, synced or not."""


@dataclass(frozen=True, slots=True)
class Trap:
    """A deed at some points, or so many seconds after them; with COPY, ``copies`` is where to, in the points' order."""

    at: tuple[Point, ...]
    deed: Deed = Deed.DIE
    later_by: float = 0.0
    copies: Path | None = None


class Tripwire:
    """Writes every point that this process comes to into ``journal``, and springs the ``trap``."""

    def __init__(self, folder: Path, journal: Path, trap: Trap | None) -> None:
        """Watch the files of ``folder``; nothing is watched before :meth:`install`."""
        self._folder = str(folder.resolve())
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._trap = trap
        self._seen: Counter[str] = Counter()

    def install(self) -> None:
        """From here on; for the rest of the process."""
        sys.addaudithook(self._hear)
        self._watch_syncing()
        self._watch_duckdb()
        self._watch_dagster()

    def reach(self, name: str) -> None:
        """Come to a point."""
        name = _OF_ONE_RUN.sub("…", name)
        self._seen[name] += 1
        os.write(self._journal, f"{name}\n".encode())
        point = Point(name, self._seen[name])
        if self._trap and point in self._trap.at:
            trap, self._trap = self._trap, None
            if trap.later_by:
                threading.Timer(trap.later_by, self._spring, [trap, point]).start()
            else:
                self._spring(trap, point)

    def _spring(self, trap: Trap, point: Point) -> None:
        match trap.deed:
            case Deed.DIE:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)
            case Deed.FILL_THE_DISK:
                fill_the_disk(Path(self._folder))
            case Deed.COPY:
                assert trap.copies
                copy_folder(Path(self._folder), trap.copies / str(trap.at.index(point)))
                self._trap = trap

    def _name(self, path: Any) -> str | None:
        """The name of a file of the folder, within it; None for all others."""
        try:
            whole = str(Path(os.fsdecode(path)).resolve())
        except (TypeError, ValueError):
            return None
        if whole == self._folder:
            return "the folder"
        return whole.removeprefix(f"{self._folder}/") if whole.startswith(f"{self._folder}/") else None

    def _hear(self, what: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if what == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING and (name := self._name(path)):
                self.reach(f"open {name}")
        elif verb := _CHANGING.get(what):
            names = [name for path in arguments[:2] if (name := self._name(path))]
            if names:
                self.reach(f"{verb} {' to '.join(names)}")

    def _watch_syncing(self) -> None:
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            with contextlib.suppress(OSError):
                if name := self._name(Path(f"/proc/self/fd/{descriptor}").readlink()):
                    self.reach(f"sync {name}")
            sync(descriptor)

        os.fsync = fsync

    def _watch_duckdb(self) -> None:
        connect = duckdb.connect

        def connect_watched(database: str = ":memory:", *arguments: Any, **options: Any) -> Any:
            name = self._name(database)
            if name is None:
                return connect(database, *arguments, **options)
            self.reach(f"connect {name}")
            return _WatchedConnection(self, name, connect(database, *arguments, **options))

        duckdb.connect = connect_watched

    def _watch_dagster(self) -> None:
        @event.listens_for(Engine, "commit")
        def _(connection: Any) -> None:
            database = self._name(connection.engine.url.database)
            if database and connection.info.get("wrote"):
                self.reach(f"commit {database}")
            connection.info["wrote"] = False

        @event.listens_for(Engine, "before_cursor_execute")
        def _(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
                connection.info["wrote"] = True

        handle = dg.DagsterInstance.handle_new_event

        def handle_new_event(instance: dg.DagsterInstance, entry: Any, **options: Any) -> None:
            if entry.is_dagster_event:
                self.reach(f"event {entry.dagster_event.event_type_value}")
            handle(instance, entry, **options)

        cast("Any", dg.DagsterInstance).handle_new_event = handle_new_event


class _WatchedConnection:
    """A connection of DuckDB's; coming to a point before and after everything that makes a file whole."""

    def __init__(self, tripwire: Tripwire, name: str, connection: duckdb.DuckDBPyConnection) -> None:
        self._tripwire = tripwire
        self._name = name
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: Any, *parameters: Any) -> Any:
        verb = statement.split(maxsplit=1)[0] if isinstance(statement, str) else ""
        if verb not in _TRANSACTIONAL:
            return self._connection.execute(statement, *parameters)
        of = f"{self._name} in {_function_of_ours()}"
        self._tripwire.reach(f"{verb} {of}")
        result = self._connection.execute(statement, *parameters)
        self._tripwire.reach(f"{verb} {of} done")
        return result

    def close(self) -> None:
        self._tripwire.reach(f"close {self._name}")
        self._connection.close()
        self._tripwire.reach(f"close {self._name} done")

    def __enter__(self) -> _WatchedConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _function_of_ours() -> str:
    """Whose transaction it is: the pipeline's own function that is furthest in, but for what makes transactions."""
    frame = inspect.currentframe()
    while frame:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("layers_etl.") and frame.f_code.co_name not in _MAKING_TRANSACTIONS:
            return frame.f_code.co_name
        frame = frame.f_back
    return "nowhere"


def copy_folder(source: Path, target: Path) -> None:
    """A copy of a data folder that may not be there yet."""
    target.mkdir(parents=True)
    if source.exists():
        shutil.copytree(source, target, dirs_exist_ok=True)


def fill_the_disk(folder: Path) -> None:
    """Leave no room for another byte: for tests in a small file system of their own."""
    with (folder / BALLAST).open("ab", buffering=0) as ballast:
        size = 1 << 20
        while size:
            try:
                ballast.write(bytes(size))
            except OSError:
                size //= 2
