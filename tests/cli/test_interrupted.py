"""Killed, interrupted, or started twice: what was committed stays, and nothing is asked for or counted again."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import dagster as dg
import pytest

from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer

from ..harness.command import LONGEST_SECONDS, CommandLine, ended, wait_for
from ..harness.place import rows_of
from ..harness.worlds import SMALL, TODAY
from .test_commands import asked

pytestmark = pytest.mark.slow

TABLES = (
    "ads.campaign_metrics",
    "ads.ad_account_metrics",
    "ads.campaigns",
    "ads.ad_accounts",
    "marts.campaign_daily",
    "marts.ad_account_daily",
)


def contents(path: Path) -> dict[str, list[dict[str, object]]]:
    """Every row that analysts see."""
    return {table: rows_of(path, f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES}


def statuses(place: CommandLine) -> list[dg.DagsterRunStatus]:
    """How Dagster shows the runs, oldest first."""
    with dg.DagsterInstance.from_config(str(place.data_dir / "dagster")) as instance:
        return [run.status for run in reversed(instance.get_runs())]


def wait_until_logged(place: CommandLine, words: str) -> None:
    """Until what the run logs, which Dagster keeps, has ``words`` in it."""
    until = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < until:
        if any(_has_logged(path, words) for path in place.data_dir.glob("dagster/history/runs/*.db")):
            return
        time.sleep(0.02)
    raise AssertionError(f"it never logged {words!r}")


def _has_logged(path: Path, words: str) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return bool(connection.execute("SELECT 1 FROM event_logs WHERE instr(event, ?)", [words]).fetchone())
        except sqlite3.OperationalError:  # It is being made.
            return False


def stall_after_the_first_landing(place: CommandLine) -> None:
    """Three answers at once, which are committed when no fourth comes for a while; then none for a minute."""
    place.sandbox.add_fault(Fault(effect="stalled", parameters={"seconds": 60}, path="ads-metrics", after=3))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    """What the same command leaves behind where nothing interrupts it."""
    with SandboxServer(SMALL, now=TODAY) as server:
        place = CommandLine(server, tmp_path_factory.mktemp("undisturbed") / "data")
        assert place.run("run").code == 0
        return contents(place.published)


def test_a_killed_run_is_taken_up_again_and_ends_as_if_nothing_had_happened(
    troubled: CommandLine, undisturbed: dict[str, list[dict[str, object]]]
) -> None:
    stall_after_the_first_landing(troubled)
    with troubled.started("run") as process:
        wait_until_logged(troubled, "answers landed")
        process.send_signal(signal.SIGKILL)
        process.wait()
    committed = {
        (row["scope"], row["entity_id"]) for row in rows_of(troubled.build, "SELECT scope, entity_id FROM ops.readings")
    }
    assert len(committed) == 3
    assert statuses(troubled) == [dg.DagsterRunStatus.STARTED]

    troubled.sandbox.clear_faults()
    troubled.sandbox.clear_requests()
    result = troubled.run("run")

    assert result.code == 0
    assert asked(troubled).isdisjoint(committed)
    assert contents(troubled.published) == undisturbed
    assert statuses(troubled) == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "asked to stop"]
)
def test_an_interrupted_run_says_so_in_one_sentence_and_keeps_what_had_landed(
    troubled: CommandLine, number: int, code: int
) -> None:
    stall_after_the_first_landing(troubled)
    with troubled.started("run") as process:
        wait_until_logged(troubled, "answers landed")
        process.send_signal(number)
        result = ended(process)

    assert result.code == code
    assert result.complaint == "interrupted. What had landed is kept; the same command takes it up again."
    assert len(rows_of(troubled.build, "SELECT DISTINCT entity_id FROM ops.readings")) == 3
    assert rows_of(troubled.build, "SELECT status FROM ops.runs") == [{"status": "interrupted"}]
    assert statuses(troubled)[0].value in ("CANCELED", "FAILURE")


@pytest.mark.slow
def test_a_second_run_waits_for_the_first_says_so_and_goes_on(troubled: CommandLine) -> None:
    troubled.sandbox.add_fault(Fault(effect="stalled", parameters={"seconds": 6}, path="ads-metrics", after=3, times=1))
    with troubled.started("run") as first:
        wait_until_logged(troubled, "Reading ")
        second = troubled.run("run")
        assert first.wait(30) == 0

    assert second.code == 0
    assert f"Another run is writing {troubled.build}; waiting for it to finish." in second.err.replace("\n", " ")
    assert "The other run has finished; going on." in second.err
    assert statuses(troubled) == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.SUCCESS]


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
SENTENCE = "layers-etl: interrupted. What had landed is kept; the same command takes it up again."


def started_telling_its_imports(place: CommandLine, *arguments: str) -> subprocess.Popen[str]:
    """The command, which tells every module on standard error as it is imported."""
    return subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "layers_etl", *arguments],
        cwd=place.folder,
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_of_it(err: str) -> list[str]:
    """What it told but for its imports, and that it is starting."""
    return [line for line in err.splitlines() if not (line.startswith("import time:") or line.endswith("Z starting"))]


@pytest.mark.parametrize(
    ("module", "number", "code"),
    [
        *((module, *SIGNALS[0]) for module in ("layers_etl.process.terminal", "typer", "duckdb", "polars", "dagster")),
        *((module, *SIGNALS[1]) for module in ("typer", "dagster._core")),
    ],
)
def test_a_signal_during_the_imports_ends_with_one_sentence(
    place: CommandLine, module: str, number: int, code: int
) -> None:
    with started_telling_its_imports(place, "run") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.split("|")[-1].strip() == module:
                process.send_signal(number)
                break
        _, err = process.communicate(timeout=LONGEST_SECONDS)
    assert (process.returncode, said_of_it(err)) == (code, [SENTENCE])


@pytest.mark.parametrize("seed", [3, 10])
def test_a_signal_at_any_moment_ends_well_or_with_one_sentence_and_the_same_command_finishes(
    troubled: CommandLine, undisturbed: dict[str, list[dict[str, object]]], seed: int
) -> None:
    draw = Random(seed)
    number, code = draw.choice(SIGNALS)
    words = draw.choice(["dagster", "Listed", "Reading ", "answers landed", "Published"])
    second = draw.random() < 0.3
    with troubled.started("run") if words != "dagster" else started_telling_its_imports(troubled, "run") as process:
        before = ""
        if words == "dagster":
            before = wait_for(process, words)
        else:
            wait_until_logged(troubled, words)
        time.sleep(draw.random())
        process.send_signal(number)
        if second:
            time.sleep(draw.random() / 5)
            process.send_signal(number)
        out, err = process.communicate(timeout=LONGEST_SECONDS)
    told = said_of_it(before + err)
    assert "Traceback" not in out + "".join(told)
    # While Python ends, a further signal may meet no handler any more: a shell makes the same code of that.
    assert process.returncode in (0, code, -number), told
    assert told.count(SENTENCE) <= 1
    assert told.count(SENTENCE) == 1 or process.returncode != code

    again = troubled.run("run")
    assert again.code == 0
    assert contents(troubled.published) == undisturbed
    assert {row["status"] for row in rows_of(troubled.build, "SELECT status FROM ops.runs")} <= {
        "succeeded",
        "interrupted",
    }


def test_a_run_that_waits_for_another_ends_at_a_signal_with_one_sentence(troubled: CommandLine) -> None:
    troubled.sandbox.add_fault(Fault(effect="stalled", parameters={"seconds": 60}, path="ads-metrics", after=3))
    with troubled.started("run"):
        wait_until_logged(troubled, "Reading ")
        with troubled.started("run") as second:
            wait_for(second, "waiting for")
            second.send_signal(signal.SIGTERM)
            result = ended(second)
    assert (result.code, result.complaint) == (143, SENTENCE.removeprefix("layers-etl: "))
