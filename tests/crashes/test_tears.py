"""Torn when the power went: the run goes on from what is whole, and nothing torn is ever published."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import pytest

from layers_etl.errors import ExitCode

from .scenes import Scene, Stage, contents, differences
from .tears import (
    Tear,
    cut_short,
    cut_wal,
    garble_headers,
    garble_new_block,
    garble_old_block,
    garble_wal,
    lose_new_block,
)
from .tripwire import Point

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

AS_ANSWERS_LAND: Final = Point("COMMIT build.duckdb in land_batch done")
ALL_READ: Final = Point("COMMIT build.duckdb in settle_by_copies done")
WRITTEN_OUT: Final = Point("CHECKPOINT build.duckdb in publish done")
PUBLISHED: Final = Point("sync the folder")

TEARS: Final[list[tuple[Point, Tear]]] = [
    (AS_ANSWERS_LAND, cut_wal),
    (ALL_READ, cut_wal),
    (ALL_READ, garble_wal),
    (WRITTEN_OUT, garble_new_block),
    (WRITTEN_OUT, lose_new_block),
    (WRITTEN_OUT, garble_old_block),
    (WRITTEN_OUT, cut_short),
    (WRITTEN_OUT, garble_headers),
    (PUBLISHED, garble_new_block),
]


@pytest.fixture(scope="module")
def killed(morning_without_dagster: Scene) -> dict[Point, Path]:
    """The data folder of that morning, killed at each of these points: what Dagster keeps has no part in the file."""
    points = (AS_ANSWERS_LAND, ALL_READ, WRITTEN_OUT, PUBLISHED)
    return dict(zip(points, morning_without_dagster.interrupted(points), strict=True))


@pytest.fixture(scope="module")
def killed_command(morning: Scene) -> Path:
    """The data folder of that morning, lived by the command, killed when its build file was written out."""
    (killed,) = morning.interrupted([WRITTEN_OUT])
    return killed


def torn(scene: Scene, killed: Path, tear: Tear, seed: int = 1) -> Stage:
    """A copy of the folder of a killed run whose build file is torn."""
    stage = scene.stage(killed)
    tear(stage.place.build, scene.start / stage.place.build.name, Random(seed))
    return stage


def kept_aside(stage: Stage) -> list[str]:
    return [name for name in stage.files if name.startswith("build.duckdb.damaged-")]


@pytest.mark.parametrize(("point", "tear"), TEARS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_run_goes_on_from_what_is_whole(
    morning_without_dagster: Scene, killed: dict[Point, Path], point: Point, tear: Tear
) -> None:
    scene = morning_without_dagster
    stage = torn(scene, killed[point], tear)
    damaged = stage.place.build.read_bytes()

    ended = stage.run_again()

    assert ended.code == 0, ended
    assert differences(contents(stage.place.published), scene.expected) == {}
    assert differences(contents(stage.place.build), scene.expected) == {}
    for name in kept_aside(stage):
        if not name.endswith(".wal"):
            assert (stage.place.data_dir / name).read_bytes() == damaged
    assert stage.files - {*kept_aside(stage)} == scene.undisturbed.files


@pytest.mark.parametrize("tear", [garble_new_block, garble_headers], ids=lambda tear: tear.__name__)
def test_a_damaged_file_is_kept_aside_and_told_of(morning: Scene, killed_command: Path, tear: Tear) -> None:
    stage = torn(morning, killed_command, tear)
    ended = stage.run_again()
    assert ended.code == 0, ended
    (kept,) = (name for name in kept_aside(stage) if not name.endswith(".wal"))
    assert kept in ended.err.replace("\n", "")


def test_what_a_torn_file_had_beyond_the_published_one_is_read_again(morning_after_a_kill: Scene) -> None:
    scene = morning_after_a_kill
    lost = scene.stage()
    for path in lost.place.data_dir.glob("build.duckdb*"):
        path.unlink()
    assert lost.run_again().code == 0

    stage = scene.stage()
    garble_headers(stage.place.build, scene.start / stage.place.build.name, Random(2))
    assert stage.run_again().code == 0
    assert differences(contents(stage.place.published), contents(lost.place.published)) == {}


def test_a_torn_published_file_is_replaced_by_a_whole_one(morning: Scene) -> None:
    stage = morning.stage()
    garble_headers(stage.place.published, stage.place.published, Random(3))
    ended = stage.run_again()
    assert ended.code == 0, ended
    assert differences(contents(stage.place.published), morning.expected) == {}


def test_where_both_files_are_torn_nothing_is_overwritten(morning: Scene) -> None:
    stage = morning.stage()
    for path in (stage.place.build, stage.place.published):
        garble_headers(path, path, Random(4))
    damaged = {path.read_bytes() for path in (stage.place.build, stage.place.published)}
    ended = stage.run_again()
    assert ended.code in (ExitCode.INCOMPLETE, ExitCode.CONFIGURATION)
    assert ended.complaint
    there = {path.read_bytes() for path in stage.place.data_dir.glob("*.duckdb*") if path.is_file()}
    assert damaged <= there
