"""Killed at any point at which it touches a file, and run again: as if nothing had happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import dagster as dg
import pytest

from .child import WITHOUT_DAGSTER
from .scenes import WAITING, Scene, Stage, contents, differences, sample, without_doubles
from .tripwire import Point, Trap

TELLING: Final = (
    "COMMIT build.duckdb in land_batch done",
    "CHECKPOINT build.duckdb in publish done",
    "open warehouse.duckdb.unfinished",
)
"""What a run does to the warehouse, in its order: half landed, whole on the disk, half a copy."""


def assert_taken_up(scene: Scene, stage: Stage) -> None:
    """A run in the folder that a killed one left does the rest of its work, and nothing of it twice."""
    landed = stage.landed
    with_dagster = scene.command != WITHOUT_DAGSTER
    killed = stage.statuses if (stage.place.data_dir / "dagster").exists() else []
    if stage.place.published.exists():
        before = contents(scene.start / stage.place.published.name) if scene.start.exists() else {}
        seen = contents(stage.place.published)
        assert not differences(seen, before) or not differences(seen, scene.expected), "analysts see half a run"

    ended = stage.run_again()
    asked = stage.asked

    assert ended.code == 0, ended
    assert differences(contents(stage.place.published), scene.expected) == {}
    assert differences(contents(stage.place.build), scene.expected) == {}
    assert not asked & landed
    assert stage.files == scene.undisturbed.files
    if not with_dagster:
        return
    *earlier, last = stage.statuses
    assert last is dg.DagsterRunStatus.SUCCESS
    assert not WAITING & {*earlier}, "a run that is over waits for ever"
    if killed and killed[-1] in WAITING:
        assert earlier[-1] is dg.DagsterRunStatus.FAILURE
    assert stage.materialized == scene.undisturbed.materialized


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_killed_on_the_way_is_taken_up_again(morning_without_dagster: Scene) -> None:
    scene = morning_without_dagster
    points = scene.undisturbed.runs[0].points
    for name in TELLING:
        assert name in {point.name for point in points}
    # Half landed and half a copy.
    on_the_way = [point for point in sample(points) if point.name in (TELLING[0], TELLING[-1])]
    for copy in scene.interrupted(on_the_way):
        assert_taken_up(scene, scene.stage(copy))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_that_is_really_killed_is_taken_up_again(morning: Scene) -> None:
    stage = morning.stage()
    assert stage.run(Trap((Point("COMMIT build.duckdb in derive_daily_mart"),))).ended is None
    assert_taken_up(morning, stage)


def choose(scene: str, request: pytest.FixtureRequest) -> list[Point]:
    """The middle one of each name.

    With Dagster, of what that is told; without it, of what is done to the warehouse. Of the first run every other one
    of what the morning does not come to, and of what tells most: where nothing was published yet it may be taken up in
    another way.
    """
    points = undisturbed_points(request, scene)
    match scene:
        case "morning":
            # Every 13th one: they differ in what Dagster was told last, and nothing lies between two of them.
            return sample(point for point in points if point.name.startswith("event "))[::13]
        case "first_run_without_dagster":
            later = {point.name for point in undisturbed_points(request, "morning_without_dagster")} - {*TELLING}
            return sample(point for point in points if point.name not in later)[::2]
        case _:
            # Every 13th one: of neighbours, one leaves what the other finds.
            return sample(points)[::13]


def undisturbed_points(request: pytest.FixtureRequest, scene: str) -> Sequence[Point]:
    """What the run of a scene comes to."""
    found: Scene = request.getfixturevalue(scene)
    return found.undisturbed.runs[0].points


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_killed_between_its_making_and_its_beginning_is_over_too(morning: Scene) -> None:
    (killed,) = morning.interrupted([Point("event PIPELINE_START")])
    stage = morning.stage(killed)
    assert stage.run_again().code == 0
    assert not WAITING & {*stage.statuses}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scene", ["first_run_without_dagster", "morning_without_dagster", "morning"])
def test_a_run_killed_at_any_point_is_taken_up_again(request: pytest.FixtureRequest, scene: str) -> None:
    found: Scene = request.getfixturevalue(scene)
    points = choose(scene, request)
    failures: dict[str, str] = {}
    for copy in without_doubles(found.interrupted(points)):
        try:
            assert_taken_up(found, found.stage(copy))
        except AssertionError as failure:
            failures[str(points[int(copy.name)])] = str(failure)
    assert failures == {}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["CHECKPOINT build.duckdb in publish", "COMMIT build.duckdb in land_batch"])
@pytest.mark.parametrize("later_by", [0.0003, 0.003])
def test_a_run_killed_while_duckdb_writes_is_taken_up_again(
    morning_without_dagster: Scene, name: str, later_by: float
) -> None:
    stage = morning_without_dagster.stage()
    stage.run(Trap((Point(name),), later_by=later_by))
    assert_taken_up(morning_without_dagster, stage)
