"""This pipeline, dlt, a Singer tap and the bare floor, each as a whole process, on the same answers.

Every table is held against the server's truth before its time counts. Medians of several rounds; ratios are those of
one round each, so that a machine that is busy with other things is busy with all of them. ``make bench`` runs the short
set; ``--rounds 1 --campaigns 20000 --days 180 --only layers-etl`` is the large one, ``--campaigns 20 --days 730`` a
backfill of two years. dlt and the Singer SDK go into an environment of their own, made at the first run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import duckdb
import polars as pl

from benchmarks.peers.world import TRUTH_COLUMNS, World, truth

HERE = Path(__file__).parent
REQUIREMENTS = HERE.parent / "requirements-peers.txt"
CACHE = Path("~/.cache/layers-etl-benchmarks").expanduser()
EXECUTABLE = Path(sys.executable).with_name("layers-etl")
BACKFILL, MORNING, NOTHING, FLOOR, DLT, SINGER = (
    "layers-etl backfill",
    "layers-etl run, a morning",
    "layers-etl run, nothing to do",
    "floor",
    "dlt",
    "Singer",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One whole process: seconds by the clock and of the processors, its peak of memory, its requests by kind.

    ``days`` are the seconds from its first request for campaigns' days until the last of them had landed: reading and
    landing. That is when it asks for the first week, or where it asks for none, when it ends.
    """

    seconds: float
    cpu: float
    megabytes: float
    kinds: Mapping[str, int]
    days: float

    @property
    def requests(self) -> int:
        """Of all kinds."""
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True)
class Server:
    """The API, and what it may be told."""

    url: str
    world: World

    def set_clock(self, now: datetime) -> None:
        """From now on it is ``now``."""
        self._control(f"now?instant={quote(now.isoformat())}")

    def asked(self) -> dict[str, dict[str, float]]:
        """What was asked since the last time this was."""
        return self._control("requests")

    def _control(self, what: str) -> dict[str, dict[str, float]]:
        with urlopen(f"{self.url}/control/{what}") as answer:
            return json.load(answer)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A command, the environment it needs, and where the table is that it makes.

    ``rows`` is a query of :data:`TRUTH_COLUMNS` in the file.
    """

    name: str
    command: Callable[[Server, Path], Sequence[str | Path]]
    file: str
    rows: str
    environment: Callable[[Server, Path], dict[str, str]] = field(default=lambda _, __: {})


def backfill(server: Server, _: Path) -> Sequence[str | Path]:
    """Every day of the world."""
    return [EXECUTABLE, "backfill", "--since", str(server.world.since), "--until", str(server.world.until)]


def settings(server: Server, folder: Path) -> dict[str, str]:
    """The pipeline's own, and none of the developer's."""
    return {
        "LAYERS_ENV_FILE": os.devnull,
        "LAYERS_API_KEY": "lp_test_bench",
        "LAYERS_BASE_URL": server.url,
        "LAYERS_DATA_DIR": str(folder / "data"),
        "LAYERS_START_DATE": str(server.world.since),
        "LAYERS_REQUESTS_PER_MINUTE": "1000000",
    }


ROWS = (
    "SELECT {id} AS campaign_id, {day}::DATE AS day, round(spend * 100)::BIGINT AS cents, impressions, clicks, "
    "conversions FROM {table}"
)


def contestants(python: Path) -> list[Contestant]:
    """All that do the same work, in the order of a round; ``python`` is that of the peers' environment."""

    def window(server: Server) -> list[str]:
        return [str(server.world.since), str(server.world.until)]

    def floor(server: Server, folder: Path) -> Sequence[str | Path]:
        return [sys.executable, "-m", "benchmarks.peers.floor", server.url, folder / "floor.duckdb", *window(server)]

    def with_dlt(server: Server, folder: Path) -> Sequence[str | Path]:
        return [python, HERE / "with_dlt.py", server.url, folder / "dlt.duckdb", *window(server)]

    def with_singer(server: Server, folder: Path) -> Sequence[str | Path]:
        since, until = window(server)
        (folder / "tap.json").write_text(json.dumps({"url": server.url, "since": since, "until": until}))
        target = {"path": str(folder / "singer.duckdb"), "default_target_schema": "main"}
        (folder / "target.json").write_text(json.dumps(target))
        tap = shlex.join(map(str, [python, HERE / "with_singer.py", "--config", folder / "tap.json"]))
        load = shlex.join(map(str, [python.with_name("target-duckdb"), "--config", folder / "target.json"]))
        return ["sh", "-c", f"{tap} 2> {shlex.quote(str(folder / 'said'))} | {load}"]

    def quiet_dlt(_: Server, folder: Path) -> dict[str, str]:
        return {"DLT_DATA_DIR": str(folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}

    return [
        Contestant(FLOOR, floor, "floor.duckdb", ROWS.format(id="campaign_id", day="day", table="metrics")),
        Contestant(
            DLT,
            with_dlt,
            "dlt.duckdb",
            ROWS.format(id="_campaigns_campaign_id", day="bucket", table="ads.metrics"),
            environment=quiet_dlt,
        ),
        Contestant(
            SINGER, with_singer, "singer.duckdb", ROWS.format(id="campaignid", day="bucket", table="main.metrics")
        ),
        Contestant(
            BACKFILL,
            backfill,
            "data/warehouse.duckdb",
            ROWS.format(id="campaign_id", day="day", table="ads.campaign_metrics"),
            environment=settings,
        ),
    ]


@contextmanager
def serving(world: World) -> Generator[Server]:
    """The API in a process of its own."""
    arguments = [
        "--campaigns",
        str(world.campaigns),
        "--days",
        str(world.days),
        "--one-live-of",
        str(world.one_live_of),
    ]
    command = [sys.executable, "-m", "benchmarks.peers.server", *arguments]
    with subprocess.Popen(command, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield Server(f"http://127.0.0.1:{process.stdout.readline().strip()}", world)
        finally:
            process.terminate()


def measure(server: Server, command: Sequence[str | Path], environment: dict[str, str], folder: Path) -> Measured:
    """Run a command to its end; one that fails ends the benchmark with what it said."""
    server.asked()
    # Of Python too: what keeps it from writing its bytecode would have everything of ours compiled with each command.
    others = ("LAYERS_", "DAGSTER_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    with tempfile.NamedTemporaryFile("r", suffix=".json") as told:
        process = subprocess.run(
            [sys.executable, HERE / "alone.py", told.name, *command],
            check=False,
            cwd=HERE.parents[1] if "-m" in command else folder,
            env={**kept, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ended = time.monotonic()
        seconds, cpu, peak, code = json.load(told)
    if code:
        sys.exit(f"{shlex.join(map(str, command))} ended with {code}:\n{process.stdout}")
    asked = server.asked()
    days = asked.get("day campaign", {"first": ended, "last": ended})
    # The pipeline asks for weeks once all days have landed.
    weeks = (each["first"] for kind, each in asked.items() if kind.startswith("week") and each["first"] > days["last"])
    return Measured(
        seconds,
        cpu,
        peak / (1024 if sys.platform == "linux" else 1024 * 1024),
        {kind: int(each["count"]) for kind, each in asked.items()},
        min(weeks, default=ended) - days["first"],
    )


def hold_against_truth(file: Path, rows: str, expected: pl.DataFrame) -> None:
    """End the benchmark where a table is not what was served, row by row."""
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.sql(rows).pl()
    found = found.cast(pl.Schema(expected.schema)).sort(TRUTH_COLUMNS)
    if not found.equals(expected):
        sys.exit(f"{file.name} holds {found.height} rows that are not the {expected.height} served")


def expected_rows(world: World, until: date, today: date) -> pl.DataFrame:
    """The truth as a frame, sorted."""
    return pl.DataFrame(list(truth(world, until, today)), schema=list(TRUTH_COLUMNS), orient="row").sort(TRUTH_COLUMNS)


def peers_python() -> Path:
    """Python of the environment with the peers in it, made where there is none of these very versions."""
    folder = CACHE / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    python, whole = folder / "bin" / "python", folder / "whole"
    if not whole.exists():
        print(f"Installing dlt and the Singer SDK into {folder}.", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", REQUIREMENTS], check=True)
        whole.touch()
    return python


def run_round(server: Server, chosen: Sequence[Contestant], truths: Sequence[pl.DataFrame]) -> dict[str, Measured]:
    """Everyone once, each in a folder of its own; ours lives on to the next morning, and to one with nothing to do."""
    taken: dict[str, Measured] = {}
    world = server.world
    for contestant in chosen:
        server.set_clock(world.morning())
        with tempfile.TemporaryDirectory(prefix="layers-etl-bench-") as name:
            folder = Path(name)
            environment = contestant.environment(server, folder)
            taken[contestant.name] = measure(server, contestant.command(server, folder), environment, folder)
            hold_against_truth(folder / contestant.file, contestant.rows, truths[0])
            if contestant.name == BACKFILL:
                server.set_clock(world.morning(1))
                for command in (MORNING, NOTHING):
                    taken[command] = measure(server, [EXECUTABLE, "run"], environment, folder)
                    hold_against_truth(folder / contestant.file, contestant.rows, truths[1])
    return taken


def print_table(rounds: Sequence[dict[str, Measured]]) -> None:
    """Medians, and the medians of the ratios within a round: of seconds by the clock, and of those of the processors.

    On a machine that is busy with other things the latter say more.
    """
    bases = [name for name in (DLT, SINGER, FLOOR) if name in rounds[0]]
    print(f"\n{'':30} seconds  CPU s  peak MB  requests" + "".join(f"  {f'of {name}':>12}" for name in bases))
    for name in rounds[0]:
        seconds, cpu, megabytes, requests = (
            statistics.median(getattr(taken[name], what) for taken in rounds)
            for what in ("seconds", "cpu", "megabytes", "requests")
        )
        ratios = [
            f"{ratio(rounds, name, base, 'seconds'):.2f} / {ratio(rounds, name, base, 'cpu'):.2f}" for base in bases
        ]
        print(
            f"{name:30} {seconds:7.1f} {cpu:6.1f} {megabytes:8.0f} {requests:9.0f}"
            + "".join(f"{r:>14}" for r in ratios)
        )
    if BACKFILL in rounds[0]:
        backfills = [taken[BACKFILL] for taken in rounds]
        days, others = (
            statistics.median(each) for each in zip(*((b.days, b.seconds - b.days) for b in backfills), strict=True)
        )
        print(f"backfill: {days:.1f} s of reading and landing days, {others:.1f} s of all else")
        for base, whose in ((DLT, "seconds"), (SINGER, "seconds"), (FLOOR, "days")):
            if base in bases:
                of_base = statistics.median(taken[BACKFILL].days / getattr(taken[base], whose) for taken in rounds)
                print(f"reading and landing days: {of_base:.3f} of the {whose} of {base}")


def ratio(rounds: Sequence[dict[str, Measured]], name: str, base: str, what: str) -> float:
    """The median over the rounds."""
    return statistics.median(getattr(taken[name], what) / getattr(taken[base], what) for taken in rounds)


def main() -> None:
    """Run the rounds, and print what they took."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--campaigns", type=int, default=2000)
    options.add_argument("--days", type=int, default=90)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", nargs="+", choices=["floor", "dlt", "Singer", "layers-etl"])
    arguments = options.parse_args()
    world = World(arguments.campaigns, arguments.days)
    wanted = {BACKFILL if name == "layers-etl" else name for name in arguments.only or ()}
    python = peers_python() if not wanted or wanted & {DLT, SINGER} else Path(sys.executable)
    chosen = [each for each in contestants(python) if not wanted or each.name in wanted]
    truths = [expected_rows(world, world.morning(number).date(), world.morning(number).date()) for number in (0, 1)]
    print(f"{world.campaigns} campaigns, {world.days} days, {truths[0].height} rows, {arguments.rounds} rounds")
    with serving(world) as server:
        rounds = [run_round(server, chosen, truths) for _ in range(arguments.rounds)]
    print_table(rounds)


if __name__ == "__main__":
    main()
