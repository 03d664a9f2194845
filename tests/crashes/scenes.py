"""A run about to happen: the folder it finds and the instant; how it goes undisturbed, and after it was broken off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import dagster as dg
import duckdb

from layers_etl.sandbox.server import SandboxServer

from ..harness.command import CommandLine, Ended
from ..harness.place import Entity
from ..warehouse.builders import STALE_WINDOWS
from .child import Lived, live
from .tripwire import Deed, Point, Trap, copy_folder

Rows = list[tuple[Any, ...]]
Contents = dict[str, Rows]

OF_OPS: Final = (
    "coverage",
    "doubtful_days",
    "failures",
    "horizon",
    "organization",
    "readings",
    "refused_metrics",
    "running_days",
    "settling",
    "sources",
)
"""What of ``ops`` follows from the answers alone, but for these columns."""

OF_ONE_RUN: Final = ("run_id", "request_id", "failed_at")

WAITING: Final = frozenset(dg.DagsterRunStatus) - {
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
}
"""Of a run that is not over: those that never end block the queue, or stay in the UI for ever."""


@dataclass
class Scene:
    """``start`` is a data folder that is only copied; the sandbox's clock stands ``at`` an instant.

    ``command`` are the arguments of every run.
    """

    sandbox: SandboxServer
    start: Path
    at: datetime
    folder: Path
    command: tuple[str, ...] = ("run",)
    _made: int = field(default=0)

    def stage(self, start: Path | None = None) -> Stage:
        """A folder of its own to run in, with a copy of ``start`` (that of the scene) for its data."""
        self._made += 1
        folder = self.folder / f"stage{self._made}"
        place = CommandLine(self.sandbox, folder / "data", {"LAYERS_AUDIT_PERCENT": "0"})
        copy_folder(start or self.start, place.data_dir)
        return Stage(place, self.at, self.command)

    @cached_property
    def undisturbed(self) -> Stage:
        """After a run that nothing disturbed."""
        stage = self.stage()
        ended = stage.run().ended
        assert ended and ended.code == 0, ended
        return stage

    @cached_property
    def expected(self) -> Contents:
        """What is published then."""
        return contents(self.undisturbed.place.published)

    def interrupted(self, points: Sequence[Point]) -> list[Path]:
        """The data folder as a kill at each of the ``points`` leaves it; only those that the run came to."""
        copies = self.folder / f"copies{self._made}"
        ended = self.stage().run(Trap(tuple(points), Deed.COPY, copies=copies)).ended
        assert ended and ended.code == 0, ended
        return sorted(copies.iterdir(), key=lambda path: int(path.name))


@dataclass
class Stage:
    """A folder of its own, and the instant of the runs in it."""

    place: CommandLine
    at: datetime
    command: tuple[str, ...] = ("run",)
    runs: list[Lived] = field(default_factory=list[Lived])

    def run(self, trap: Trap | None = None) -> Lived:
        """Run the command to its end, or to where the trap kills it."""
        self.place.sandbox.set_clock(self.at)
        self.place.sandbox.clear_requests()
        lived = live(self.command, self.place.folder, self.place.data_dir, self.place.environment(), trap)
        self.runs.append(lived)
        return lived

    def run_again(self) -> Ended:
        """The plain command, which nothing disturbs."""
        ended = self.run().ended
        assert ended
        return ended

    @property
    def asked(self) -> set[Entity]:
        """Whose days the last run asked for."""
        return {(scope, entity_id) for scope, entity_id, _ in self.place.asked()}

    @property
    def landed(self) -> set[Entity]:
        """Whose days were committed at the instant of the runs."""
        if not self.place.build.exists():
            return set()
        with duckdb.connect(str(self.place.build), read_only=True) as connection:
            if not connection.execute("FROM duckdb_tables() WHERE table_name = 'readings'").fetchall():
                return set()
            rows = connection.execute(
                "SELECT scope, entity_id FROM ops.readings WHERE read_at = ?", [self.at]
            ).fetchall()
        return {(scope, entity_id) for scope, entity_id in rows}

    @property
    def statuses(self) -> list[dg.DagsterRunStatus]:
        """How Dagster shows the runs, oldest first."""
        with dg.DagsterInstance.from_config(str(self.place.data_dir / "dagster")) as instance:
            return [run.status for run in reversed(instance.get_runs())]

    @property
    def materialized(self) -> set[str]:
        """The days that the UI shows as green."""
        with dg.DagsterInstance.from_config(str(self.place.data_dir / "dagster")) as instance:
            return set(instance.get_materialized_partitions(dg.AssetKey("campaign_metrics")))

    @property
    def files(self) -> set[str]:
        """What lies in the data folder."""
        return {path.name for path in self.place.data_dir.iterdir()}


def contents(path: Path) -> Contents:
    """Every row of a warehouse that follows from the answers alone."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() "
            "WHERE schema_name IN ('ads', 'marts') OR (schema_name = 'ops' AND table_name IN (SELECT unnest(?)))",
            [OF_OPS],
        ).fetchall()
        found = {f"{schema}.{table}": _rows(connection, f"{schema}.{table}") for schema, table in sorted(tables)}
        return found | {"what the marts lack": _rows(connection, STALE_WINDOWS)}


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> Rows:
    columns = connection.execute(f"SELECT column_name FROM (DESCRIBE {table})").fetchall()
    kept = ", ".join(name for (name,) in columns if name not in OF_ONE_RUN)
    return connection.execute(f"SELECT {kept} FROM {table} ORDER BY ALL").fetchall()


def differences(found: Contents, expected: Contents) -> dict[str, tuple[Rows, Rows]]:
    """By table, the rows that are there and should not be, and those that should and are not."""
    wrong: dict[str, tuple[Rows, Rows]] = {}
    for table in found.keys() | expected.keys():
        here, there = found.get(table, []), expected.get(table, [])
        if here != there:
            wrong[table] = ([row for row in here if row not in there], [row for row in there if row not in here])
    return wrong


def sample(points: Iterable[Point]) -> list[Point]:
    """Of those of each name the middle one, in order."""
    kept = tuple(points)
    last = {point.name: point.occurrence for point in kept}
    return [point for point in kept if point.occurrence == (last[point.name] + 1) // 2]


def without_doubles(folders: Iterable[Path]) -> list[Path]:
    """Of folders that hold the same, one."""
    return list({_digest(folder): folder for folder in folders}.values())


def _digest(folder: Path) -> str:
    digest = hashlib.blake2b()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()
