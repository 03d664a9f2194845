"""The command in a process of its own that has everything imported, with a tripwire around it."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from layers_etl import __main__ as entry
from layers_etl.defs.schedules import open_range
from layers_etl.ingest import fetching
from layers_etl.ingest.clock import fetch_time
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.settings import load_settings

from ..harness.command import FORKS, PRELOADED, Ended, checked, take_the_commands_place
from ..harness.runs import run_by_itself
from .tripwire import Point, Trap, Tripwire

LONGEST_SECONDS: Final = 300
"""However loaded the machine is."""

WINDOWS_PER_LANDING: Final = 3
"""So that even so few answers as these runs ask for land in several transactions."""

WITHOUT_DAGSTER: Final = ("what a run does without Dagster",)
"""Arguments of no command: all that a run does to the warehouse, in a tenth of the time that Dagster takes."""


@dataclass(frozen=True, slots=True)
class Lived:
    """A process that has ended, and the points that it came to, in order. ``ended`` is None where it was killed."""

    ended: Ended | None
    points: tuple[Point, ...]


def live(
    arguments: Sequence[str], folder: Path, data_dir: Path, environment: Mapping[str, str], trap: Trap | None = None
) -> Lived:
    """Run the command to its end, whichever that is."""
    # Of all tests: whoever starts the first process has it import what any of them needs.
    FORKS.set_forkserver_preload([__name__, *PRELOADED])
    with tempfile.TemporaryDirectory() as output:
        place = Path(output)
        process = FORKS.Process(target=_main, args=(arguments, folder, data_dir, environment, place, trap))
        process.start()
        process.join(LONGEST_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{arguments} did not end within {LONGEST_SECONDS} seconds")
        names = (place / "points").read_text(encoding="utf-8").splitlines()
        out, err = ((place / name).read_text(encoding="utf-8") for name in ("out", "err"))
        ended = Ended(process.exitcode, out, err)
        if process.exitcode == -signal.SIGKILL:
            assert trap, "nothing was to kill it"
            return Lived(None, _numbered(names))
        return Lived(checked(ended), _numbered(names))


def _numbered(names: Sequence[str]) -> tuple[Point, ...]:
    counted: dict[str, int] = {}
    points: list[Point] = []
    for name in names:
        counted[name] = counted.get(name, 0) + 1
        points.append(Point(name, counted[name]))
    return tuple(points)


def _main(
    arguments: Sequence[str],
    folder: Path,
    data_dir: Path,
    environment: Mapping[str, str],
    output: Path,
    trap: Trap | None,
) -> None:
    take_the_commands_place(arguments, folder, environment, output)
    fetching.WINDOWS_PER_LANDING, fetching.SECONDS_PER_LANDING = WINDOWS_PER_LANDING, threading.TIMEOUT_MAX
    Tripwire(data_dir, output / "points", trap).install()
    if arguments == WITHOUT_DAGSTER:
        _run_without_dagster()
    else:
        entry.main()


def _run_without_dagster() -> None:
    settings = load_settings()
    window = open_range(settings, fetch_time(settings))
    assert window
    run_by_itself(settings, RunRequest(RunKind.RUN, window=window), uuid4().hex)
