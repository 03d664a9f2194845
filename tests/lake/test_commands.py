"""The commands over a lake: a run publishes there, and whoever has its address reads it from any machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from layers_etl.domain.lake import lake_of, parse_catalog
from layers_etl.sandbox.server import SandboxServer

from ..harness.command import CommandLine
from ..harness.postgres import PASSWORD, Postgres
from ..harness.worlds import SMALL, TODAY
from .builders import ask, differences, snapshots
from .conftest import lake_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAYS = "SELECT count(DISTINCT day) AS days, sum(spend) AS spend FROM marts.campaign_daily"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """The API of all tests here."""
    with SandboxServer(SMALL, now=TODAY) as server:
        yield server


@pytest.fixture(scope="module")
def published(sandbox: SandboxServer, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A machine after its first run, which published to a lake too."""
    folder = tmp_path_factory.mktemp("published")
    lake = lake_in(postgres, folder / "files")
    settings = {"LAYERS_WAREHOUSE": str(lake.catalog), "LAYERS_WAREHOUSE_DATA": str(folder / "files")}
    place = CommandLine(sandbox, folder / "data", {**settings, "PGPASSWORD": PASSWORD})
    ended = place.run("run")
    assert ended.code == 0, ended
    return place


@pytest.fixture
def elsewhere(published: CommandLine, tmp_path: Path) -> CommandLine:
    """A machine that has the lake's address, and neither file nor key."""
    return CommandLine(published.sandbox, tmp_path / "data", {**published.extra, "LAYERS_API_KEY": ""})


def test_an_analyst_elsewhere_asks_it_in_sql(published: CommandLine, elsewhere: CommandLine) -> None:
    answers = [
        json.loads(place.run("sql", "--format", "json", DAYS, LAYERS_WAREHOUSE=lake).out)
        for place, lake in ((elsewhere, elsewhere.extra["LAYERS_WAREHOUSE"]), (published, None))
    ]
    assert answers[0] == answers[1]
    assert answers[0][0]["days"] > 3


def test_dagster_shows_it_as_an_asset_of_its_own(published: CommandLine) -> None:
    with dg.DagsterInstance.from_config(str(published.data_dir / "dagster")) as instance:
        shown = instance.get_latest_materialization_event(dg.AssetKey("published_lake"))
    assert shown
    assert shown.asset_materialization
    metadata = {name: entry.value for name, entry in shown.asset_materialization.metadata.items()}
    assert metadata["lake"] == published.extra["LAYERS_WAREHOUSE"]
    assert str(metadata["files"]).startswith(published.extra["LAYERS_WAREHOUSE_DATA"])
    assert (
        metadata["settled_until"]
        == published.query("SELECT settled_until::VARCHAR AS day FROM ops.publication")[0]["day"]
    )


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{files}/x.csv'",
        "ATTACH '{files}/x.duckdb'",
        "EXPORT DATABASE '{files}'",
        "CREATE TABLE ads.x (a INTEGER)",
        "DELETE FROM ads.campaigns",
        "CALL postgres_execute('__ducklake_metadata_lake', 'CREATE TABLE x (a INTEGER)')",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET allowed_directories = ['/']",
    ],
)
def test_nothing_is_written_and_nothing_else_read_from_there(elsewhere: CommandLine, statement: str) -> None:
    files = Path(elsewhere.extra["LAYERS_WAREHOUSE_DATA"])
    before = sorted(files.rglob("*"))
    ended = elsewhere.run("sql", statement.format(files=files))
    assert ended.code == 2, ended
    assert sorted(files.rglob("*")) == before


def test_status_and_report_show_it(elsewhere: CommandLine) -> None:
    status = elsewhere.run("status", "--json")
    assert status.code in (0, 1), status
    assert json.loads(status.out)
    report = elsewhere.run("report")
    assert report.code == 0, report
    assert (elsewhere.data_dir / "report.html").exists()


def test_the_doctor_says_that_it_can_be_reached_and_no_password(published: CommandLine, elsewhere: CommandLine) -> None:
    for place in (published, elsewhere):
        told = place.run("doctor")
        assert re.search(r"^ok +lake: .*was published", told.out, re.MULTILINE), told
        assert PASSWORD not in told.out + told.err


def test_a_server_that_is_not_there_is_exit_1_and_a_sentence(published: CommandLine) -> None:
    nowhere = re.sub(r"port=\d+", "port=9", published.extra["LAYERS_WAREHOUSE"])
    for command in (["sql", DAYS], ["report"]):
        ended = published.run(*command, LAYERS_WAREHOUSE=nowhere)
        assert ended.code == 1
        assert "see that" in ended.complaint
        assert PASSWORD not in ended.complaint


def test_a_run_whose_lake_is_not_there_publishes_its_file_and_the_next_one_makes_it_good(
    sandbox: SandboxServer, postgres: Postgres, password: str, tmp_path: Path
) -> None:
    lake = lake_in(postgres, tmp_path / "files")
    settings = {"LAYERS_WAREHOUSE": str(lake.catalog), "LAYERS_WAREHOUSE_DATA": str(tmp_path / "files")}
    place = CommandLine(sandbox, tmp_path / "data", {**settings, "PGPASSWORD": PASSWORD})
    nowhere = re.sub(r"port=\d+", "port=9", settings["LAYERS_WAREHOUSE"])
    begun = place.run("run", LAYERS_WAREHOUSE=nowhere)
    assert begun.code == 1
    assert "cannot be read" in begun.complaint, "without a file of its own it begins from the lake, or not at all"
    assert not place.build.exists()
    assert place.run("run", LAYERS_WAREHOUSE=None).code == 0
    ended = place.run("run", LAYERS_WAREHOUSE=nowhere)
    assert ended.code == 1
    assert "cannot be reached" in ended.err
    again = place.run("run")
    assert again.code == 0, again
    assert differences(lake, place.build).keys() <= {'ops."runs"'}, "a run ends once it has published"
    assert len(snapshots(lake)) == 1


def test_the_lines_of_attach_open_it(published: CommandLine, elsewhere: CommandLine) -> None:
    told = elsewhere.run("attach").out
    assert PASSWORD not in told
    python = [line.strip() for line in told.split("In Python")[1].splitlines()[2:]]
    # The packages stand for what DuckDB would fetch.
    load = "from layers_etl.warehouse.extensions import find_extension as find"
    installs = re.compile(r"warehouse.execute\('INSTALL (\w+)'\)")
    script = installs.sub(r"warehouse.execute('LOAD ' + repr(str(find('\1'))))", "\n".join(python))
    ended = subprocess.run(
        [sys.executable, "-c", f"{load}\n{script}"],
        env=elsewhere.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "campaign_name" in ended.stdout


def test_of_a_file_the_lines_of_attach_are_three(published: CommandLine) -> None:
    told = published.run("attach", LAYERS_WAREHOUSE=None).out
    assert f"ATTACH '{published.published}' AS layers (READ_ONLY);" in told
    script = "\n".join(line.strip() for line in told.split("In Python")[1].splitlines()[2:])
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "campaign_name" in ended.stdout, ended


def test_a_role_that_may_only_read_is_enough(
    published: CommandLine, elsewhere: CommandLine, postgres: Postgres
) -> None:
    schema = published.extra["LAYERS_WAREHOUSE"].split("schema=")[1]
    with postgres.connect("lake") as session:
        session.execute(f"CREATE ROLE analyst LOGIN PASSWORD '{PASSWORD}'".encode())
        session.execute(f"GRANT USAGE ON SCHEMA {schema} TO analyst".encode())
        session.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO analyst".encode())
    as_analyst = published.extra["LAYERS_WAREHOUSE"].replace("user=postgres", "user=analyst")
    ended = elsewhere.run("sql", "--format", "json", DAYS, LAYERS_WAREHOUSE=as_analyst)
    assert ended.code == 0, ended
    assert json.loads(ended.out)[0]["days"] > 3
    with postgres.connect("lake", user="analyst") as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(f"DELETE FROM {schema}.ducklake_snapshot".encode())


def test_past_publications_can_be_asked_by_number_and_by_time(
    published: CommandLine, elsewhere: CommandLine, password: str
) -> None:
    settings = published.extra
    lake = lake_of(parse_catalog(settings["LAYERS_WAREHOUSE"]), settings["LAYERS_WAREHOUSE_DATA"])
    ((version, _),) = snapshots(lake)
    ((made_at,),) = ask(lake, "SELECT snapshot_time FROM lake.snapshots() WHERE author = 'layers_etl'")
    for moment in (f"VERSION => {version}", f"TIMESTAMP => TIMESTAMPTZ '{made_at}'"):
        answer = elsewhere.run("sql", "--format", "json", f"{DAYS} AT ({moment})")
        assert answer.code == 0, answer
        assert json.loads(answer.out)[0]["days"] > 3
