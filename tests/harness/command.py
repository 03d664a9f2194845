"""A pipeline whose runs are commands, started as its users start them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from layers_etl import __main__ as entry
from layers_etl.sandbox.entities import Project

from .fresh import of_other_programs, variables
from .place import Place

EXECUTABLE = Path(sys.executable).with_name("layers-etl")
KEY = "lp_test_partner"
"""As good as the sandbox's default key, and found in no path or name: where it shows, it has leaked."""

START_DATE = date(2026, 3, 1)

LONGEST_SECONDS = 300
"""So long that even a loaded machine is well within it."""

FORKS: Final = multiprocessing.get_context("forkserver")
PRELOADED: Final = (
    *("layers_etl.cli.app", "layers_etl.cli.examination", "layers_etl.cli.launch"),
    *("dagster._core.executor.in_process", "dagster._core.instance.factory", "dagster._core.workspace.context"),
    *("dagster._core.storage.legacy_storage", "dagster._core.storage.local_compute_log_manager"),
    *("dagster._core.storage.runs.sqlite", "dagster._core.storage.schedules.sqlite"),
    *("layers_etl.defs.event_log", "rich.traceback", "upath"),
)
"""What a run imports, Dagster's storage with it, which it does later on."""

FORKS.set_forkserver_preload([*PRELOADED])


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The sentence on stderr that begins with the command's name, after whatever it logged."""
        (sentence,) = (line for line in self.err.splitlines() if line.startswith("layers-etl: "))
        return sentence.removeprefix("layers-etl: ")


@dataclass
class CommandLine(Place):
    """Runs are commands, in processes of their own that work in the folder around ``data_dir``.

    ``extra`` are further settings, by their names in the environment.
    """

    extra: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def folder(self) -> Path:
        """Where the commands are given."""
        return self.data_dir.parent

    @property
    def project(self) -> Project:
        """The one project of the simulated API."""
        (project,) = self.projects
        return project

    def environment(self, **settings: str | None) -> dict[str, str]:
        """What the process sees; None takes a setting away."""
        ours = {"LAYERS_API_KEY": KEY, **self.extra, **settings}
        return of_other_programs() | variables(self.sandbox.url, self.data_dir, START_DATE, **ours)

    def run(self, *arguments: str, **settings: str | None) -> Ended:
        """Run the command to its end, in a process of its own that has dagster imported already.

        Whatever the command does, it shows no traceback and no key.
        """
        with tempfile.TemporaryDirectory() as output:
            process = FORKS.Process(
                target=_main, args=(arguments, self.folder, self.environment(**settings), Path(output))
            )
            process.start()
            process.join(LONGEST_SECONDS)
            if process.exitcode is None:
                process.kill()
                raise TimeoutError(f"{arguments} did not end within {LONGEST_SECONDS} seconds")
            out, err = ((Path(output) / name).read_text(encoding="utf-8") for name in ("out", "err"))
            return checked(Ended(process.exitcode, out, err))

    @contextmanager
    def started(self, *arguments: str, **settings: str | None) -> Generator[subprocess.Popen[str]]:
        """The executable while it runs; killed at the end of the block if it has not ended by then."""
        process = subprocess.Popen(
            [EXECUTABLE, *arguments],
            cwd=self.folder,
            env=self.environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


def take_the_commands_place(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], output: Path
) -> None:
    """Have this process stand as the executable would: its arguments, folder, environment, and where it writes to."""
    for descriptor, name in ((1, "out"), (2, "err")):
        with (output / name).open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [str(EXECUTABLE), *arguments]


def _main(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], output: Path) -> None:
    """What the executable does, in a process that is ready for it."""
    take_the_commands_place(arguments, folder, environment, output)
    entry.main()


def ended(process: subprocess.Popen[str], timeout: float = LONGEST_SECONDS) -> Ended:
    """Wait for a started command."""
    out, err = process.communicate(timeout=timeout)
    return checked(Ended(process.returncode, out, err))


def wait_for(process: subprocess.Popen[str], words: str, *, told: bool = False) -> str:
    """Read what a started command logs, or what it has ``told``, until it says ``words``; all it said until then."""
    stream = process.stdout if told else process.stderr
    assert stream is not None
    said: list[str] = []
    for line in stream:
        said.append(line)
        if words in line:
            return "".join(said)
    raise AssertionError(f"it never said {words!r}: {''.join(said)}")


def checked(result: Ended) -> Ended:
    """What holds of every command's output."""
    output = result.out + result.err
    assert "Traceback" not in output, output
    assert KEY not in output, output
    return result
