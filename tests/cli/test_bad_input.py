"""Whatever is wrong: one plain sentence on stderr that says what to do, the agreed code, and nothing lost."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from layers_etl.sandbox.server import SandboxServer

from ..harness.command import CommandLine

pytestmark = pytest.mark.slow

FIRST_WEEK = ("--since", "2026-03-02", "--until", "2026-03-09")


def fingerprint(folder: Path) -> dict[str, str]:
    """What stands in the warehouse's files."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.duckdb"))}


@pytest.mark.parametrize("key", ["lp_test_nobody", "lp_test_revoked"])
def test_a_refused_key_ends_with_3_and_leaves_the_warehouse_alone(filled: CommandLine, key: str) -> None:
    before = fingerprint(filled.data_dir)
    result = filled.run("run", LAYERS_API_KEY=key)

    assert result.code == 3
    assert "set a valid LAYERS_API_KEY" in result.complaint
    assert key not in result.out + result.err
    assert fingerprint(filled.data_dir) == before


@pytest.mark.parametrize(("key", "scope"), [("lp_test_noscope", "metrics:read"), ("lp_test_noads", "ads:read")])
def test_a_key_that_lacks_a_scope_ends_with_3_in_the_apis_words(place: CommandLine, key: str, scope: str) -> None:
    result = place.run("run", LAYERS_API_KEY=key)

    assert result.code == 3
    assert f"lacks the scope '{scope}'" in result.complaint
    assert "projects:read, ads:read, metrics:read" in result.complaint
    assert key not in result.out + result.err


WRONG_SETTINGS: dict[str, tuple[dict[str, str | None], str]] = {
    "no key": ({"LAYERS_API_KEY": None}, "LAYERS_API_KEY is not set"),
    "an empty key": ({"LAYERS_API_KEY": ""}, "LAYERS_API_KEY is not set"),
    "a key that no key can be": ({"LAYERS_API_KEY": "two words"}, "copy it again"),
    "an unknown project": ({"LAYERS_PROJECT_IDS": "prj_nowhere"}, "prj_nowhere"),
    "an address without https": ({"LAYERS_BASE_URL": "http://example.com"}, "use https"),
    "no address": ({"LAYERS_BASE_URL": "layers"}, "LAYERS_BASE_URL"),
    "a start date in the future": ({"LAYERS_START_DATE": "2026-05-01"}, "LAYERS_START_DATE is 2026-05-01"),
    "a start date that is none": ({"LAYERS_START_DATE": "soon"}, "LAYERS_START_DATE"),
    "an unknown scope": ({"LAYERS_SCOPES": "campaigns"}, "LAYERS_SCOPES"),
    "settling hours that are none": ({"LAYERS_SETTLE_HOURS": "three days"}, "LAYERS_SETTLE_HOURS"),
    "a relative DAGSTER_HOME": ({"DAGSTER_HOME": "somewhere"}, "make it absolute"),
    "the key of another organisation": ({"LAYERS_API_KEY": "lp_test_child"}, "another folder"),
}


@pytest.mark.parametrize("what", WRONG_SETTINGS)
def test_a_wrong_setting_ends_with_2_and_leaves_the_published_file_alone(filled: CommandLine, what: str) -> None:
    settings, named = WRONG_SETTINGS[what]
    before = filled.published.read_bytes()
    result = filled.run("run", **settings)

    assert result.code == 2
    assert named in result.complaint
    assert filled.published.read_bytes() == before


WRONG_ARGUMENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "a day that is none": (("backfill", "--since", "yesterday", "--until", "2026-03-09"), "'yesterday' is not a day"),
    "a range that ends before it begins": (("backfill", "--since", "2026-03-09", "--until", "2026-03-09"), "--until"),
    "days before the start date": (("backfill", "--since", "2026-02-01", "--until", "2026-03-09"), "LAYERS_START_DATE"),
    "days to come": (("backfill", "--since", "2026-03-09", "--until", "2026-03-14"), "2026-03-12"),
    "an instant that is none": (("run", "--as-of", "today"), "'today' is not an instant"),
    "an instant without a zone": (("run", "--as-of", "2026-03-11T06:00:00"), "is not an instant"),
    "an instant to come": (("run", "--as-of", "2099-03-13T06:00:00Z"), "has not come yet"),
    "an instant before the start date": (("run", "--as-of", "2026-02-01T06:00:00Z"), "LAYERS_START_DATE"),
    "an unknown campaign": (("backfill", *FIRST_WEEK, "--campaign", "cmp_nowhere"), "cmp_nowhere"),
    "an unknown ad account": (("backfill", *FIRST_WEEK, "--ad-account", "act_nowhere"), "act_nowhere"),
}


@pytest.mark.parametrize("what", WRONG_ARGUMENTS)
def test_a_wrong_argument_ends_with_2_and_leaves_the_published_file_alone(filled: CommandLine, what: str) -> None:
    arguments, named = WRONG_ARGUMENTS[what]
    published = filled.published.read_bytes()
    result = filled.run(*arguments)

    assert result.code == 2
    assert named in result.complaint
    assert filled.published.read_bytes() == published


@pytest.mark.parametrize("arguments", [("run", "--nope"), ("nope",), ("backfill",)], ids=" ".join)
def test_wrong_use_ends_with_2_and_points_to_the_help(place: CommandLine, arguments: tuple[str, ...]) -> None:
    result = place.run(*arguments)
    assert result.code == 2
    assert "--help" in result.err
    assert "Error: " in result.err


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_data_folder_that_cannot_be_written_is_named(place: CommandLine, command: str) -> None:
    (place.folder / "file").write_text("in the way")
    result = place.run(command, LAYERS_DATA_DIR=str(place.folder / "file" / "data"))

    assert result.code == 2
    assert f"{place.folder}/file/data cannot be written" in result.out + result.err
    assert "set LAYERS_DATA_DIR to another folder" in result.out + result.err


def make_corrupt(path: Path) -> None:
    path.write_bytes(b"no database" * 2000)


def make_foreign(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE recipes AS SELECT 'bread' AS name")


@pytest.mark.parametrize(
    ("command", "make", "named"),
    [
        ("run", make_foreign, "is a DuckDB file of something else"),
        ("doctor", make_foreign, "is a DuckDB file of something else"),
        ("doctor", make_corrupt, "is damaged and cannot be read as a DuckDB file"),
    ],
)
def test_a_build_file_that_is_not_ours_is_left_as_it_is(
    place: CommandLine, make: Callable[[Path], None], named: str, command: str
) -> None:
    place.data_dir.mkdir()
    make(place.build)
    before = fingerprint(place.data_dir)
    result = place.run(command)

    assert result.code == 2
    assert named in result.out + result.err
    assert str(place.build) in result.out + result.err
    assert fingerprint(place.data_dir) == before


@pytest.mark.slow
def test_a_build_file_that_is_damaged_is_kept_aside_by_the_run_that_finds_it(place: CommandLine) -> None:
    place.data_dir.mkdir()
    make_corrupt(place.build)
    damaged = place.build.read_bytes()
    result = place.run("run")

    assert result.code == 0
    (aside,) = place.data_dir.glob("build.duckdb.damaged-*")
    assert aside.read_bytes() == damaged
    assert f"It is kept as {aside.name}" in " ".join(result.err.split())


def test_a_published_file_that_is_not_ours_is_left_as_it_is(place: CommandLine) -> None:
    place.data_dir.mkdir()
    make_foreign(place.published)
    before = place.published.read_bytes()
    result = place.run("run")

    assert result.code == 2
    assert str(place.published) in result.complaint
    assert place.published.read_bytes() == before


@pytest.mark.slow
def test_a_published_file_that_is_corrupt_beside_a_build_file_is_replaced(place: CommandLine) -> None:
    assert place.run("run").code == 0
    make_corrupt(place.published)

    assert place.run("run").code == 0
    with duckdb.connect(str(place.published), read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM marts.campaign_daily").fetchall() == [(True,)]


@pytest.mark.slow
def test_a_published_file_that_cannot_be_replaced_is_named_and_the_numbers_are_kept(place: CommandLine) -> None:
    assert place.run("run", "--as-of", "2026-03-08T06:00:00Z").code == 0
    place.published.unlink()
    place.published.mkdir()
    result = place.run("run")

    assert result.code != 0
    assert str(place.published) in result.complaint
    with duckdb.connect(str(place.build), read_only=True) as connection:
        assert connection.execute("SELECT max(day) FROM ads.campaign_metrics").fetchall() == [(date(2026, 3, 11),)]


@pytest.mark.slow
def test_a_published_file_that_is_corrupt_and_all_there_is_stops_the_run_and_is_kept(place: CommandLine) -> None:
    place.data_dir.mkdir()
    make_corrupt(place.published)
    before = place.published.read_bytes()
    result = place.run("run")

    assert result.code == 2
    assert f"{place.published} is damaged" in result.complaint
    assert "put back a backup of either" in result.complaint
    assert place.published.read_bytes() == before
    assert not place.build.exists()


def test_a_build_file_that_another_program_holds_open_is_named(filled: CommandLine) -> None:
    published = filled.published.read_bytes()
    with duckdb.connect(str(filled.build)):
        result = filled.run("run")

    assert result.code == 2
    assert f"Another program has {filled.build} open" in result.complaint
    assert filled.published.read_bytes() == published


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_host_that_does_not_answer_is_named(place: CommandLine, command: str) -> None:
    began = time.monotonic()
    result = place.run(command, LAYERS_BASE_URL="http://127.0.0.1:9")

    assert result.code == 1
    assert command == "run" or time.monotonic() - began < 5
    assert "retry" not in result.err
    assert "The connection to 127.0.0.1:9 is refused" in result.out + result.err
    assert "check LAYERS_BASE_URL and the network" in result.out + result.err
    assert not place.published.exists()


@pytest.mark.parametrize("command", ["status", "doctor", "backtest"])
def test_where_the_build_file_cannot_be_locked_the_published_one_answers(
    filled: CommandLine, still: SandboxServer, tmp_path: Path, command: str
) -> None:
    place = CommandLine(still, tmp_path / "data")
    place.data_dir.mkdir()
    for path in (filled.build, filled.published):
        shutil.copy(path, place.data_dir)
    place.build.with_name("build.duckdb.lock").mkdir()

    assert place.run(command).code == 0


def test_what_nobody_expected_is_one_sentence_that_names_the_place(place: CommandLine) -> None:
    result = place.run("status", LAYERS_DATA_DIR="x" * 5000)

    assert result.code == 1
    assert result.complaint.startswith("OSError (")
    assert "`layers-etl --version` and `layers-etl doctor` print, to the maintainers" in result.complaint


def test_a_port_that_is_taken_is_named(place: CommandLine, still: SandboxServer) -> None:
    port = still.url.rpartition(":")[2]
    result = place.run("sandbox", "--port", port)
    assert result.code == 2
    assert f"Port {port} cannot be used" in result.complaint


@pytest.mark.slow
def test_a_dagster_home_of_ones_own_is_made_ready_without_a_word(place: CommandLine) -> None:
    result = place.run("run", DAGSTER_HOME=str(place.folder / "dagster home"))
    assert result.code == 0
    assert "telemetry" not in result.out + result.err
    assert (place.folder / "dagster home" / "dagster.yaml").exists()
