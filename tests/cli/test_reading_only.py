"""Whoever may only read sees how the warehouse stands, also while a run writes it, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..harness.command import EXECUTABLE, LONGEST_SECONDS, CommandLine, Ended, checked
from ..warehouse.processes import other_process

READ_ONLY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Even root then has no more rights than the modes of files give."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can give its rights away"
    ),
]


@pytest.fixture
def guarded(filled: CommandLine, tmp_path: Path) -> Iterator[CommandLine]:
    """A copy of a filled folder in which nobody may write."""
    place = CommandLine(filled.sandbox, tmp_path / "data")
    shutil.copytree(filled.data_dir, place.data_dir, copy_function=shutil.copy2)
    yield place
    for path in (place.data_dir, *place.data_dir.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def forbid_writing(place: CommandLine) -> None:
    for path in (*place.data_dir.rglob("*"), place.data_dir):
        path.chmod(0o555 if path.is_dir() else 0o444)


def read(place: CommandLine, *arguments: str) -> Ended:
    """What a command says that has no right to write."""
    ended = subprocess.run(
        [*READ_ONLY, EXECUTABLE, *arguments],
        cwd=place.folder,
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    return checked(Ended(ended.returncode, ended.stdout, ended.stderr))


def names(place: CommandLine) -> set[str]:
    return {str(path.relative_to(place.data_dir)) for path in place.data_dir.rglob("*")}


@pytest.mark.parametrize("while_a_run_writes", [False, True])
def test_status_sql_and_doctor_need_no_right_to_write(guarded: CommandLine, *, while_a_run_writes: bool) -> None:
    with other_process("-m", "tests.warehouse.writer", "hold", str(guarded.data_dir)) as writer:
        assert writer.hear_until("open")
        if not while_a_run_writes:
            writer.say("close")
            writer.wait()
        forbid_writing(guarded)
        before = names(guarded)
        status, sql = read(guarded, "status"), read(guarded, "sql", "SELECT count(*) AS days FROM ads.campaign_metrics")
        doctor = read(guarded, "doctor")
        assert names(guarded) == before
    assert status.code == 0
    assert "settled" in status.out
    assert sql.code == 0
    assert "days" in sql.out
    assert doctor.code == 2, "a run could not write here"
    assert "cannot be written" in doctor.out
    assert "was published" in doctor.out
