"""Three keys in one Dagster, as ``deploy/many-keys`` has it: queued by key, side by side, killed, and true in the end.

Postgres, the UI, the daemon and a code server for each key are processes of this machine; each key has a simulated API
of its own. The story is lived once, and each test looks at what was seen on the way.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from layers_etl.defs.jobs import run_config
from layers_etl.defs.partitions import range_tags
from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.ingest.request import RunKind
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.lock import hold_lock

from ..harness.fresh import of_other_programs, variables
from ..harness.jobs import METRICS_ASSETS
from ..harness.place import Place
from ..harness.postgres import PASSWORD, Postgres, free_port, is_installed, running_postgres
from ..harness.truth import MEASURES, Table
from .machines import MANY_KEYS, ROOT, Services, compose, packages, placed_workspace, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not is_installed(), reason="needs Postgres: apt-get install postgresql"),
]

KEYS: Final = ("acme", "globex", "initech")
WRONG: Final = "hooli"
"""A fourth key, whose settings are wrong."""

NOW: Final = datetime.combine(datetime.now(UTC).date(), time(6), UTC)
"""The UI offers the days of the real calendar; the simulated APIs stand still on this one's morning."""

DAYS: Final = DayWindow(NOW.date() - timedelta(days=12), NOW.date())
LOCATIONS: Final = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
    __typename ... on PythonError { causes { message } } } } } } }"""
LAUNCH: Final = """mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL: Final = """mutation Launch($params: LaunchBackfillParams!) {
    launchPartitionBackfill(backfillParams: $params) { __typename
    ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
RUNS: Final = """{ runsOrError { ... on Runs { results { runId status
    repositoryOrigin { repositoryLocationName } tags { key value } } } } }"""
EVENTS: Final = """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
    ... on MessageEvent { message } } } } }"""
EVENTS_STORED: Final = "SELECT count(*) FROM event_logs"
PARTITIONS: Final = """query Partitions($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    partitionStats { numMaterialized numPartitions } } } }"""


@dataclass(frozen=True)
class Run:
    """A run as the UI shows it."""

    id: str
    location: str
    status: str
    tags: Mapping[str, str]


@dataclass
class Cluster:
    """The services of all keys, and what each key's runs write."""

    services: Services
    postgres: Postgres
    places: Mapping[str, Place]

    def settings(self, key: str) -> dict[str, str]:
        """What the key's code server is started with."""
        place = self.places[key]
        ours = {"LAYERS_CODE_LOCATION": key, "LAYERS_AUDIT_PERCENT": "0"}
        return variables(place.sandbox.url, place.data_dir, DAYS.since, **ours)

    def launch(self, key: str) -> str:
        """What the schedule launches, launched by hand; the run's id."""
        tags = [{"key": name, "value": value} for name, value in range_tags(DAYS).items()]
        selector = {
            "repositoryLocationName": key,
            "repositoryName": "__repository__",
            "pipelineName": "refresh",
        }
        params = {"selector": selector, "runConfigData": run_config(RunKind.RUN), "executionMetadata": {"tags": tags}}
        launched = self.services.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def backfill(self, key: str) -> None:
        """What the UI launches for the two metrics assets of a key, told nothing but their names and days."""
        params = {
            "assetSelection": [{"path": [key, asset]} for asset in METRICS_ASSETS],
            "partitionNames": [day.isoformat() for day in DAYS],
        }
        launched = self.services.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def runs(self) -> dict[str, Run]:
        """All runs that Dagster knows of, by id."""
        found = self.services.ask(RUNS)["runsOrError"]["results"]
        return {
            each["runId"]: Run(
                each["runId"],
                each["repositoryOrigin"]["repositoryLocationName"],
                each["status"],
                {tag["key"]: tag["value"] for tag in each["tags"]},
            )
            for each in found
        }

    def statuses(self, key: str) -> list[str]:
        """How the runs of a key stand."""
        return sorted(run.status for run in self.runs().values() if run.location == key)

    def locations(self) -> dict[str, Any]:
        """What the UI has of each code location: what it loaded, or why it could not."""
        entries = self.services.ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
        return {entry["name"]: entry["locationOrLoadError"] for entry in entries}

    def is_loaded(self) -> bool:
        """Whether the UI has the definitions of all keys but the one that is wrong."""
        kinds = {name: loaded["__typename"] for name, loaded in self.locations().items() if loaded}
        return kinds == {**dict.fromkeys(KEYS, "RepositoryLocation"), WRONG: "PythonError"}

    def worker(self, run_id: str) -> int:
        """The process that executes a run."""
        events = self.services.ask(EVENTS, run=run_id)["logsForRun"]["events"]
        said = " ".join(event.get("message") or "" for event in events)
        found = re.search(r"Executing steps in process \(pid: (\d+)\)", said)
        assert found, said
        return int(found[1])

    def materialized(self, asset: str) -> tuple[int, int]:
        """How many partitions of an asset have landed, and how many there are."""
        found = self.services.ask(PARTITIONS, key={"path": asset.split("/")})["assetNodeOrError"]["partitionStats"]
        return found["numMaterialized"], found["numPartitions"]


@contextmanager
def cluster(folder: Path, cache: pytest.Cache) -> Generator[Cluster]:
    """All services, answering, in front of simulated APIs of which no two say the same."""
    found = packages(cache)
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres("dagster", superuser="dagster"))
        sandboxes = {
            key: stack.enter_context(
                SandboxServer(WorldConfig(seed=seed, projects=1, accounts=2, campaigns=3), now=NOW)
            )
            for seed, key in enumerate(KEYS)
        }
        ports = {name: free_port() for name in (*KEYS, WRONG, "webserver")}
        home = folder / "dagster"
        home.mkdir()
        (home / "dagster.yaml").write_bytes((MANY_KEYS / "dagster.yaml").read_bytes())
        (home / "workspace.yaml").write_text(
            placed_workspace({key: ports[key] for key in (*KEYS, WRONG)}), encoding="utf-8"
        )
        environment = {
            **compose()["services"]["daemon"]["environment"],
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(postgres.port),
            "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
            "PYTHONPATH": str(found),
        }
        services = Services(home, environment, ports)
        places = {key: Place(sandbox, folder / key / "data") for key, sandbox in sandboxes.items()}
        made = Cluster(services, postgres, places)
        stack.callback(services.stop)
        set_pools(environment)
        for key in KEYS:
            services.start(key, made.settings(key))
        services.start(WRONG, {**made.settings(KEYS[0]), "LAYERS_CODE_LOCATION": WRONG, "LAYERS_START_DATE": "soon"})
        services.start("webserver")
        services.start("daemon")
        wait_until(lambda: services.answers() and made.is_loaded())
        yield made


def set_pools(environment: Mapping[str, str]) -> None:
    """What the compose file does before anything else begins, for these keys."""
    command: str = compose()["services"]["pools"]["command"]
    script = command.removeprefix("sh -euc ").strip("'").replace("$$", "$")
    assert "in acme globex;" in script
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-euc", script.replace("in acme globex;", f"in {' '.join(KEYS)};")],
        check=True,
        env={**of_other_programs(), **environment, "PATH": path},
        capture_output=True,
    )


@dataclass(frozen=True)
class Seen:
    """What was seen while three keys' runs were queued, worked, and were killed."""

    cluster: Cluster
    side_by_side: Mapping[str, list[str]]
    with_another_daemon: Mapping[str, list[str]]
    in_the_end: Mapping[str, list[str]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Seen]:
    """Two runs of acme, the first of which is held up; two of globex, the first killed; a backfill of initech's assets.

    The daemon is killed too, while the second run of acme is queued, and another one goes on.
    """
    with cluster(tmp_path_factory.mktemp("many"), pytestconfig.cache) as running:
        acme, globex = running.places["acme"], running.places["globex"]
        globex.sandbox.add_fault(Fault(effect="stalled", parameters={"seconds": 600}, path="ads-metrics", after=2))
        acme.data_dir.mkdir(parents=True)
        with hold_lock(acme.build):
            running.backfill("initech")
            running.launch("acme")
            killed = running.launch("globex")
            running.launch("acme")
            next_of_globex = running.launch("globex")
            wait_until(lambda: running.runs()[killed].status == "STARTED" and len(globex.asked()) > 2)
            wait_until(lambda: running.statuses("initech") == ["SUCCESS"])
            wait_until(lambda: "STARTED" in running.statuses("acme"))
            side_by_side = {key: running.statuses(key) for key in KEYS}

            os.kill(running.worker(killed), signal.SIGKILL)
            running.services.kill("daemon")
            globex.sandbox.clear_faults()
            wait_until(lambda: running.runs()[killed].status == "FAILURE")
            running.services.start("daemon")
            wait_until(lambda: running.runs()[next_of_globex].status in {"STARTED", "SUCCESS"})
            with_another_daemon = {key: running.statuses(key) for key in KEYS}
        wait_until(lambda: all(set(running.statuses(key)) <= {"SUCCESS", "FAILURE"} for key in KEYS))
        yield Seen(running, side_by_side, with_another_daemon, {key: running.statuses(key) for key in KEYS})


def test_a_second_run_of_a_key_is_queued_and_other_keys_runs_go_on_beside_the_first(seen: Seen) -> None:
    assert seen.side_by_side == {
        "acme": ["QUEUED", "STARTED"],
        "globex": ["QUEUED", "STARTED"],
        "initech": ["SUCCESS"],
    }


def test_a_killed_worker_is_told_as_a_failure_and_the_next_run_of_its_key_makes_it_good(seen: Seen) -> None:
    assert seen.in_the_end["globex"] == ["FAILURE", "SUCCESS"]
    statuses = seen.cluster.places["globex"].query("SELECT status FROM ops.runs ORDER BY started_at")
    assert [row["status"] for row in statuses] == ["interrupted", "succeeded"]


def test_a_key_whose_settings_are_wrong_costs_itself_alone_and_the_ui_says_what_is_wrong(seen: Seen) -> None:
    (cause,) = seen.cluster.locations()[WRONG]["causes"]
    assert "LAYERS_START_DATE takes a day" in cause["message"]
    assert seen.in_the_end["initech"] == ["SUCCESS"]


def test_what_is_queued_outlives_the_daemon_and_still_waits_for_its_key(seen: Seen) -> None:
    assert seen.with_another_daemon["acme"] == ["QUEUED", "STARTED"]
    assert seen.in_the_end["acme"] == ["SUCCESS", "SUCCESS"]


def test_a_backfill_launched_on_assets_alone_is_one_run_of_the_key_that_they_are_of(seen: Seen) -> None:
    (run,) = [run for run in seen.cluster.runs().values() if "dagster/backfill" in run.tags]
    assert run.location == "initech"
    for asset in METRICS_ASSETS:
        assert seen.cluster.materialized(f"initech/{asset}") == (len(DAYS), len(DAYS))
    assert seen.cluster.places["initech"].query("SELECT kind FROM ops.runs") == [{"kind": "backfill"}]


@pytest.mark.parametrize("key", KEYS)
def test_in_the_end_each_key_has_published_its_own_api_s_numbers_to_the_cent(seen: Seen, key: str) -> None:
    place = seen.cluster.places[key]
    for scope in (CAMPAIGN, AD_ACCOUNT):
        rows = place.query(f"SELECT {scope.id_column}, day, {MEASURES} FROM ads.{scope.metrics_table}")
        published: Table = {(entity, day): tuple(numbers) for entity, day, *numbers in (row.values() for row in rows)}
        assert len(published) == len(rows) > 0
        assert published == place.truth(scope, DAYS.since)


def test_when_old_events_are_pruned_as_the_document_says_what_landed_is_still_shown(seen: Seen) -> None:
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    (prune,) = re.findall(r"^DELETE FROM event_logs .*;$", text, flags=re.MULTILINE)
    assert "'30 days'" in prune
    postgres = seen.cluster.postgres
    before = postgres.ask(EVENTS_STORED, "dagster")
    postgres.execute(prune.replace("'30 days'", "'0 days'"), database="dagster")
    assert postgres.ask(EVENTS_STORED, "dagster") < before
    for asset in METRICS_ASSETS:
        assert seen.cluster.materialized(f"initech/{asset}") == (len(DAYS), len(DAYS))
    assert {key: seen.cluster.statuses(key) for key in KEYS} == seen.in_the_end


def test_no_secret_shows_in_any_log(seen: Seen) -> None:
    for name in seen.cluster.services.processes:
        assert PASSWORD not in seen.cluster.services.log(name)
