"""Starting the command as its users do, and a place for it to work in."""

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
from pathlib import Path

from layers_etl import __main__ as entry
from layers_etl.sandbox.entities import Project
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION

from .fresh import NOTHING_SET

EXECUTABLE = Path(sys.executable).with_name("layers-etl")
KEY = "lp_test_partner"
"""As good as the sandbox's default key, and found in no path or name: where it shows, it has leaked."""


LONGEST_SECONDS = 300
"""So long that even a loaded machine is well within it."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["layers_etl.cli.app", "layers_etl.cli.examination", "layers_etl.cli.launch"])


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
class Place:
    """A folder of its own for the warehouse, and the settings that lead to a simulated API."""

    folder: Path
    sandbox: SandboxServer
    settings: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def project(self) -> Project:
        """The one project of the simulated API."""
        (project,) = self.sandbox.world.projects(ORGANIZATION)
        return project

    @property
    def data_dir(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def published(self) -> Path:
        """The file analysts open."""
        return self.data_dir / "warehouse.duckdb"

    @property
    def build(self) -> Path:
        """The writer's file."""
        return self.data_dir / "build.duckdb"

    def environment(self, **settings: str | None) -> dict[str, str]:
        """What the process sees; None takes a setting away."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAYERS_", "DAGSTER_"))}
        ours: dict[str, str | None] = {
            **NOTHING_SET,
            "LAYERS_API_KEY": KEY,
            "LAYERS_BASE_URL": self.sandbox.url,
            "LAYERS_DATA_DIR": str(self.data_dir),
            "LAYERS_START_DATE": "2026-03-01",
            **self.settings,
            **settings,
        }
        return kept | {name: value for name, value in ours.items() if value is not None}

    def run(self, *arguments: str, **settings: str | None) -> Ended:
        """Run the command to its end, in a process of its own that has dagster imported already.

        Whatever the command does, it shows no traceback and no key.
        """
        with tempfile.TemporaryDirectory() as output:
            process = _FORKS.Process(
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


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    """Read what a started command logs until it says ``words``; what it has said until then."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
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
