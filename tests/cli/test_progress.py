"""How a run shows how far it is: at once, in one line of a terminal or a few dated ones, and why it waits."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from layers_etl.cli.progress import Display, describe_seconds, describe_stand, draw_stand
from layers_etl.ingest.progress import Phase, Progress, Stand

from ..harness.command import CommandLine
from ..harness.terminal import at_a_terminal
from .test_interrupted import started_telling_its_imports

READING = Stand(Phase.READING, 1204, 20154)


def test_a_line_says_how_far_how_fast_how_long_and_what_is_waited_for() -> None:
    said = describe_stand(READING, seconds=700, per_second=2.0, waits_for="at the key's pace")
    assert said == "reading: 1,204 of 20,154 requests, 120 a minute, 2 h 38 min left, at the key's pace"


def test_the_drawn_line_has_a_bar_and_says_first_what_is_waited_for() -> None:
    drawn = draw_stand(Stand(Phase.READING, 5, 20), seconds=9, per_second=1.0, waits_for="tries again in 2 s: 503")
    assert drawn == "reading [#####---------------] 5/20  tries again in 2 s: 503  60/min  15 s left"


def test_a_phase_that_counts_nothing_says_how_long_it_has_lasted() -> None:
    assert describe_stand(Stand(Phase.DERIVING), seconds=31, per_second=None) == "deriving: for 31 s"
    assert draw_stand(Stand(Phase.DERIVING), seconds=31, per_second=None) == "deriving 31 s"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (7_260, "2 h 1 min")])
def test_a_time_is_as_exact_as_it_matters(seconds: float, said: str) -> None:
    assert describe_seconds(seconds) == said


@example(0, 1, 5e-324)
@given(st.integers(0, 400), st.integers(1, 200), st.one_of(st.none(), st.floats(0, 1e6)))
def test_more_answers_than_windows_never_show_as_more_than_all(done: int, expected: int, rate: float | None) -> None:
    drawn = draw_stand(Stand(Phase.READING, done, expected), seconds=1, per_second=rate)
    found = re.fullmatch(r"reading \[(#*)-*\] (\d+)/(\d+)(  [\d,]+/min  .* left)?", drawn)
    assert found
    assert int(found[2]) == min(done, expected) <= int(found[3]) == expected
    assert (len(found[1]) == 20) == (done >= expected)


def test_a_phase_that_goes_on_has_as_many_requests_more_to_come() -> None:
    begun: list[None] = []
    progress = Progress(lambda: begun.append(None))
    progress.enter(Phase.REACH)
    progress.enter(Phase.REACH, 3)
    progress.answered()
    progress.enter(Phase.REACH, 5)
    assert progress.stand == Stand(Phase.REACH, 1, 8)
    progress.enter(Phase.DERIVING)
    assert progress.stand == Stand(Phase.DERIVING)
    assert len(begun) == 2


def test_without_a_terminal_a_phase_leaves_a_line_only_if_it_took_a_while(capfd: pytest.CaptureFixture[str]) -> None:
    seconds = [0.0]
    with Display(clock=lambda: seconds[0]) as display:
        display.progress.enter(Phase.LISTING, 2)
        seconds[0] += 29
        display.progress.enter(Phase.READING, 20154)
        seconds[0] += 9_000
        display.progress.enter(Phase.DERIVING)
        display.say("An account\nstands still.")
    lines = [line.partition("Z ") for line in capfd.readouterr().err.splitlines()]
    assert [said for _, _, said in lines] == ["starting", "reading took 2 h 30 min", "An account stands still."]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", dated) for dated, _, _ in lines)


def test_quiet_says_what_has_to_be_said_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    seconds = [0.0]
    with Display(quiet=True, clock=lambda: seconds[0]) as display:
        seconds[0] += 9_000
        display.progress.enter(Phase.READING, 20154)
        display.say("An account stands still.")
    assert capfd.readouterr().err.endswith("Z An account stands still.\n")


@pytest.mark.slow
def test_something_is_said_before_anything_is_imported_that_takes_time(place: CommandLine) -> None:
    with started_telling_its_imports(place, "run") as process:
        _, err = process.communicate()
    lines = err.splitlines()
    said = next(number for number, line in enumerate(lines) if line.endswith("Z starting"))
    modules = {line.split("|")[-1].strip(): number for number, line in enumerate(lines) if line.startswith("import ")}
    assert said < min(modules[name] for name in ("dagster", "duckdb", "polars", "httpx"))


@pytest.mark.slow
def test_a_morning_without_a_terminal_is_two_lines_and_a_quiet_one_none(place: CommandLine) -> None:
    told, quiet = place.run("run"), place.run("run", "--quiet")

    assert (told.code, quiet.code) == (0, 0)
    assert len((told.err + told.out).splitlines()) <= 4
    assert (quiet.err, quiet.out) == ("", "")


@pytest.mark.slow
def test_at_a_terminal_one_line_is_drawn_again_and_gone_in_the_end(place: CommandLine) -> None:
    text = at_a_terminal(place, ["run"]).decode().replace("\r\n", "\n")
    *drawn, told = text.split("\r")
    assert {"\n" in line for line in drawn} == {False}
    assert {line.split()[0] for line in drawn if line.strip()} >= {"starting", "listing", "reading", "deriving"}
    assert any("reading [" in line for line in drawn)
    assert drawn[-1].strip() == ""
    assert told.startswith("2026-03-01 until 2026-03-12: read ")
