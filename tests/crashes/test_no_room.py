"""A disk that is full from some point on: one sentence, nothing lost, and the next run goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from layers_etl.errors import ExitCode

from ..harness.command import CommandLine
from .scenes import Scene, Stage, contents, differences
from .tripwire import BALLAST, Deed, Point, Trap, copy_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FULL_AT: Final = (
    Point("event PIPELINE_START"),
    Point("COMMIT build.duckdb in land_batch"),
    Point("CHECKPOINT build.duckdb in publish"),
    Point("open warehouse.duckdb.unfinished"),
    Point("event PIPELINE_SUCCESS"),
)

NewStage = Callable[[Scene], Stage]


@pytest.fixture
def on_a_small_disk(tmp_path: Path) -> Iterator[NewStage]:
    """Make a scene's folder on a file system of its own, which can be filled."""
    disk = tmp_path / "data"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")

    def make(scene: Scene) -> Stage:
        if scene.start.exists():
            copy_folder(scene.start, disk / "start")
            for path in (disk / "start").iterdir():
                path.rename(disk / path.name)
            (disk / "start").rmdir()
        return Stage(CommandLine(scene.sandbox, tmp_path / "data", {"LAYERS_AUDIT_PERCENT": "0"}), scene.at)

    yield make
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("point", FULL_AT, ids=str)
def test_a_run_that_finds_no_room_says_so_and_the_next_one_goes_on(
    morning: Scene, on_a_small_disk: NewStage, point: Point
) -> None:
    stage = on_a_small_disk(morning)
    before = contents(stage.place.published)

    ended = stage.run(Trap((point,), Deed.FILL_THE_DISK)).ended

    assert ended
    assert (stage.place.data_dir / BALLAST).exists()
    assert ended.code == ExitCode.INCOMPLETE, ended
    assert ended.complaint
    published = contents(stage.place.published)
    assert not differences(published, before) or not differences(published, morning.expected)
    landed = stage.landed

    (stage.place.data_dir / BALLAST).unlink()
    again = stage.run_again()

    assert again.code == 0, again
    assert not stage.asked & landed
    assert differences(contents(stage.place.published), morning.expected) == {}
    assert stage.files == morning.undisturbed.files


def test_a_first_run_that_finds_no_room_leaves_nothing_that_the_next_one_trips_over(
    first_run: Scene, on_a_small_disk: NewStage
) -> None:
    stage = on_a_small_disk(first_run)
    ended = stage.run(Trap((Point("COMMIT build.duckdb.unfinished in migrate"),), Deed.FILL_THE_DISK)).ended
    assert ended
    assert ended.code == ExitCode.INCOMPLETE, ended
    (stage.place.data_dir / BALLAST).unlink()
    assert stage.run_again().code == 0
    assert differences(contents(stage.place.published), first_run.expected) == {}
