"""A disk that is full, wherever it shows: one sentence, exit code 1, and with room the same command goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layers_etl.sandbox.server import SandboxServer

from ..harness.command import CommandLine
from ..harness.worlds import SMALL, TODAY
from .test_interrupted import contents

pytestmark = pytest.mark.slow

SIZE = 64 * 2**20
KIB = 1024


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[CommandLine]:
    """A data folder on a small file system of its own."""
    place_folder = tmp_path / "place"
    data = place_folder / "data"
    data.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", data], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        with SandboxServer(SMALL, now=TODAY) as server:
            yield CommandLine(server, place_folder / "data")
    finally:
        subprocess.run(["umount", "--lazy", data], check=True)


def leave_room(folder: Path, room: int) -> Path:
    """Fill the file system but for ``room`` bytes; the file that does it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 64 * KIB):
                pass
        except OSError:
            file.truncate(max(filler.stat().st_size - room, 0))
    return filler


@pytest.mark.parametrize("room", [0, 6144 * KIB])
def test_a_full_disk_ends_with_1_and_one_sentence_and_with_room_the_same_command_goes_on(
    cramped: CommandLine, room: int
) -> None:
    assert cramped.run("run", "--as-of", "2026-03-06T06:00:00Z").code == 0
    published = cramped.published.read_bytes()
    filler = leave_room(cramped.data_dir, room)
    result = cramped.run("run")
    if result.code:
        assert result.code == 1
        assert " is full (" in result.complaint, result.complaint
        assert "What had landed is kept, and the same command takes it up again." in result.complaint
        assert cramped.published.read_bytes() == published
    filler.unlink()

    assert cramped.run("run").code == 0
    rows = contents(cramped.published)
    assert len({row["day"] for row in rows["marts.campaign_daily"]}) == 11
