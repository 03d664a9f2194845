"""The systemd units are whole, and start what they name, with the settings they give."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import httpx
import pytest

from layers_etl.sandbox.server import SandboxServer

from ..harness.command import KEY, START_DATE
from ..harness.fresh import of_other_programs
from ..harness.worlds import SMALL, TODAY

ROOT: Final = Path(__file__).parents[2]
UNITS: Final = sorted((ROOT / "deploy" / "systemd").iterdir())
ANALYZE: Final = shutil.which("systemd-analyze")
LONGEST_SECONDS: Final = 200
LOADED: Final = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"


def placed(text: str, machine: Path) -> str:
    """A unit, or a command, for this machine: the code is this checkout, settings and data are in ``machine``."""
    places = {
        "/srv/layers_etl/.venv/bin": Path(sys.executable).parent,
        "/srv/layers_etl": ROOT,
        "/var/lib/layers-etl": machine / "data",
        "/etc/layers-etl.env": machine / "layers-etl.env",
        "/srv/backup": machine / "backup",
    }
    for place, here in places.items():
        text = text.replace(place, str(here))
    return text


@dataclass(frozen=True)
class Unit:
    """What a unit says of the process it starts."""

    command: list[str]
    environment: dict[str, str]
    folder: Path

    @staticmethod
    def read(name: str, machine: Path) -> Unit:
        text = placed((ROOT / "deploy" / "systemd" / f"{name}.service").read_text(encoding="utf-8"), machine)
        said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
        environment = dict(each.split("=", 1) for each in said["Environment"].split())
        return Unit(said["ExecStart"].split(), environment, Path(said["WorkingDirectory"]))

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=of_other_programs() | self.environment,
                stdout=output,
                stderr=output,
            )


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        (tmp_path / unit.name).write_text(placed(unit.read_text(encoding="utf-8"), tmp_path), encoding="utf-8")
    checked = subprocess.run(
        [str(ANALYZE), "verify", *(str(tmp_path / unit.name) for unit in UNITS)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_what_shows_the_numbers_listens_to_this_machine_alone() -> None:
    command = Unit.read("layers-etl-webserver", Path("/")).command
    assert command[command.index("--host") + 1] == "127.0.0.1"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """A folder with the settings of a machine and its first run, as the units start it."""
    data = tmp_path / "data"
    data.mkdir()
    with SandboxServer(SMALL, now=TODAY) as sandbox:
        (tmp_path / "layers-etl.env").write_text(
            f"LAYERS_API_KEY={KEY}\nLAYERS_BASE_URL={sandbox.url}\nLAYERS_START_DATE={START_DATE}\n", encoding="utf-8"
        )
        run = Unit.read("layers-etl-run", tmp_path).start(tmp_path / "run.log")
        assert run.wait(LONGEST_SECONDS) == 0, (tmp_path / "run.log").read_text()
        yield tmp_path


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + LONGEST_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(1)


def documented(title: str) -> list[str]:
    """The commands of docs/operating.md in the block that follows ``title``, without their comments."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    block = text.partition(title)[2].partition("```console\n")[2].partition("```")[0]
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in block.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_backup_is_made_and_put_back_as_the_document_says_and_the_next_run_goes_on_from_it(machine: Path) -> None:
    commands = [*documented("**Backup.**"), *documented("**Restore.**")]
    (day,) = {found for command in commands for found in re.findall(r"warehouse-(\d{4}-\d\d-\d\d)", command)}
    assert commands[-1] == "systemctl start layers-etl-run"
    for command in commands[:-1]:
        here = placed(command, machine).replace("$(date -u +%F)", day)
        subprocess.run(["sh", "-euc", here], check=True)
    assert not (machine / "data" / "build.duckdb").exists()
    assert Unit.read("layers-etl-run", machine).start(machine / "log").wait(LONGEST_SECONDS) == 0
    with duckdb.connect(str(machine / "data" / "build.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM ops.runs").fetchall() == [(2,)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_the_first_run_the_ui_and_the_daemon_begin_and_end_when_told(machine: Path, tmp_path: Path) -> None:
    assert (machine / "data" / "warehouse.duckdb").exists()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    web = Unit.read("layers-etl-webserver", machine)
    web = Unit([port if word == "3000" else word for word in web.command], web.environment, web.folder)
    daemon = Unit.read("layers-etl-daemon", machine)
    processes = [web.start(tmp_path / "web.log"), daemon.start(tmp_path / "daemon.log")]

    def loaded() -> bool:
        try:
            address = f"http://127.0.0.1:{port}/graphql"
            answer = httpx.post(address, json={"query": LOADED}, timeout=60, verify=False)
        except httpx.TransportError:
            return False
        return "RepositoryLocation" in answer.text

    try:
        wait_until(loaded)
        wait_until(lambda: "SchedulerDaemon" in (tmp_path / "daemon.log").read_text(encoding="utf-8"))
        assert [process.poll() for process in processes] == [None, None]
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert all(process.wait(LONGEST_SECONDS) in {0, -signal.SIGTERM} for process in processes)
